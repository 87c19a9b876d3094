"""Control tokens: text whose segments are preceded by a token that says how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import BatchTransform, checks

Array = jax.Array


class ScoredText(NamedTuple):
    """Texts cut into scored segments (sentences, or whole documents).

    Attributes:
      tokens: `[B, L]` integers.
      mask: `[B, L]` true on tokens, false on padding.
      segment_starts: `[B, L]` true on the first token of a segment; a document separator belongs before the first one.
      scores: `[B, L]` how bad each token's segment is; read at the segment's first token.
    """

    tokens: Array
    mask: Array
    segment_starts: Array
    scores: Array


class ControlledText(NamedTuple):
    """Texts with control tokens.

    Attributes:
      tokens: `[B, L + S]` integers, moved to the left.
      mask: `[B, L + S]` true on tokens, control tokens among them.
      controls: `[B, L + S]` true on control tokens: `mask & ~controls` leaves them out of a loss.
    """

    tokens: Array
    mask: Array
    controls: Array


def control_prefix(
    control_tokens: Sequence[int],
    edges: Sequence[float] = (0.0,),
    *,
    max_segments: int,
    drop_rate: float = 0.01,
    pad_token: int = 0,
) -> BatchTransform:
    """Puts before every segment the control token of its score, so that a model learns to write what the token says.

    A segment of score q gets `control_tokens[i]`, i the number of edges below q. With two tokens and one edge these are the
    "aligned" (q <= edge) and "misaligned" tokens of conditional training; with more they are the levels of a reward. Sample
    after the best one, with all control tokens banned.

    Args:
      control_tokens: distinct integers >= 0, one more than `edges`, for the least score first.
      edges: increasing real numbers.
      max_segments: S >= 1; control tokens of that many segments fit into the text beside its L tokens, what is longer is cut.
      drop_rate: in [0, 1], the share of segments that get no control token; 0.01 in the paper, 0.1 for code.
      pad_token: written where `mask` is false.

    Returns:
      `(key, ScoredText) -> ControlledText`, jittable and of static shapes.

    Raises:
      ValueError: an argument is out of range.

    Korbak et al., "Pretraining Language Models with Human Preferences", 2023, arXiv 2302.08582, where control tokens are
    predicted like any other.
    """
    identifiers = tuple(checks.integer("control_tokens", token, least=0) for token in control_tokens)
    limits = tuple(checks.real("edges", edge) for edge in edges)
    if len(identifiers) != len(limits) + 1 or len(set(identifiers)) != len(identifiers):
        raise ValueError(f"`control_tokens` must be distinct and one more than `edges`, got {identifiers} and {limits}")
    if any(low >= high for low, high in zip(limits, limits[1:], strict=False)):
        raise ValueError(f"`edges` must increase, got {limits}")
    checks.integer("max_segments", max_segments, least=1)
    checks.between("drop_rate", drop_rate, 0.0, 1.0)
    checks.integer("pad_token", pad_token, least=0)

    def transform(key: Array, batch: ScoredText) -> ControlledText:
        mask = batch.mask.astype(bool)
        kept = jax.random.uniform(key, mask.shape) >= drop_rate
        levels = jnp.zeros(mask.shape, jnp.int32)
        for edge in limits:
            levels += (batch.scores > edge).astype(jnp.int32)
        controls = jnp.asarray(identifiers, batch.tokens.dtype)[levels]
        present = mask & batch.segment_starts.astype(bool) & kept
        width = mask.shape[1] + max_segments
        return ControlledText(*_interleaved(controls, present, batch.tokens, mask, width, pad_token))

    return transform


def _interleaved(
    controls: Array, present: Array, tokens: Array, mask: Array, width: int, pad_token: int
) -> tuple[Array, Array, Array]:
    """Every present control token followed by its token, packed to the left."""

    def pairs(first: Array, second: Array) -> Array:
        return jnp.stack([first, second], axis=2).reshape(first.shape[0], -1)

    is_control = pairs(present, jnp.zeros_like(present))
    packed, kept, (is_control,) = pack_left(pairs(controls, tokens), pairs(present, mask), is_control, pad_token=pad_token)
    fill = ((0, 0), (0, max(0, width - packed.shape[1])))
    packed = jnp.pad(packed, fill, constant_values=pad_token)[:, :width]
    return packed, jnp.pad(kept, fill)[:, :width], jnp.pad(is_control, fill)[:, :width]


def pack_left(tokens: Array, keep: Array, *others: Array, pad_token: int = 0) -> tuple[Array, Array, tuple[Array, ...]]:
    """Moves the kept tokens of each row to the left, in order.

    Args:
      tokens: `[B, L]` integers.
      keep: `[B, L]` true on tokens that stay.
      *others: masks `[B, L]` that move along.
      pad_token: written behind the kept tokens.

    Returns:
      Tokens, the mask of the kept ones, and the others, false behind them; all `[B, L]`.
    """
    order = jnp.argsort(~keep, axis=1, stable=True)
    kept = jnp.take_along_axis(keep, order, axis=1)
    moved = tuple(jnp.take_along_axis(other, order, axis=1) & kept for other in others)
    return jnp.where(kept, jnp.take_along_axis(tokens, order, axis=1), pad_token), kept, moved
