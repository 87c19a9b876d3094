"""How much two texts have in common."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import numerics

Array = jax.Array


class RougeL(NamedTuple):
    """Of pairs of texts.

    Attributes:
      lcs: `[R]` int32, the length of their longest common subsequence.
      precision: `[R]` lcs / length of the second text.
      recall: `[R]` lcs / length of the first text.
      f1: `[R]` 2 precision recall / (precision + recall), 0 without anything in common.
    """

    lcs: Array
    precision: Array
    recall: Array
    f1: Array


def rouge_l(first: Array, second: Array) -> RougeL:
    """Overlap of texts by their longest common subsequence, ROUGE-L.

    Args:
      first: `[R, A]` integers >= 0, negative behind a text's end.
      second: `[R, B]` integers, the same.

    Returns:
      `RougeL`.

    Raises:
      ValueError: the texts are not `[R, A]` and `[R, B]`.

    Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[0] != second.shape[0]:
        raise ValueError(f"`first` and `second` must be [R, A] and [R, B], got {first.shape} and {second.shape}")

    def longer(row: Array, token: Array) -> tuple[Array, None]:
        """One token of the first text more: `row` `[R, B]` is the length with each beginning of the second text."""
        before = jnp.pad(row, ((0, 0), (1, 0)))[:, :-1]
        match = (second == token[:, None]) & (second >= 0)
        return jax.lax.cummax(jnp.maximum(row, jnp.where(match, before + 1, 0)), axis=1), None

    empty = jnp.zeros(second.shape, jnp.int32)
    rows, _ = jax.lax.scan(longer, empty, first.T)
    lcs = jnp.max(rows, axis=1, initial=0)
    sizes = [jnp.sum(text >= 0, axis=1, dtype=jnp.float32) for text in (first, second)]
    common = lcs.astype(jnp.float32)
    return RougeL(
        lcs,
        numerics.safe_divide(common, sizes[1]),
        numerics.safe_divide(common, sizes[0]),
        numerics.safe_divide(2.0 * common, sizes[0] + sizes[1]),
    )
