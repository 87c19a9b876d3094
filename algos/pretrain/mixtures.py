"""Mixtures of data and of objectives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import BatchTransform, checks

Array = jax.Array


def choose_rows(key: Array, rates: Array, batches: Sequence[Any]) -> Any:
    """Takes each row from one of several batches, drawn at random.

    Args:
      key: a PRNG key.
      rates: `[N]` numbers >= 0, not all 0: how often each batch is taken, such as a curriculum's weights.
      batches: N trees of the same structure of arrays `[B, ...]`.

    Returns:
      A tree of arrays `[B, ...]`.

    Raises:
      ValueError: there are not N batches.
    """
    if not batches or len(batches) != rates.shape[0]:
        raise ValueError(f"`batches` must be as many as `rates`, got {len(batches)} and {rates.shape[0]}")
    rows = max(leaf.shape[0] for leaf in jax.tree.leaves(batches[0]) if jnp.ndim(leaf))
    log_rates = jnp.where(rates > 0, jnp.log(jnp.where(rates > 0, rates, 1.0)), -jnp.inf)
    arms = jax.random.categorical(key, log_rates, shape=(rows,))

    def choose(*leaves: Array) -> Array:
        if not jnp.ndim(leaves[0]):
            return leaves[0]
        chosen = leaves[0]
        for arm, leaf in enumerate(leaves[1:], start=1):
            chosen = jnp.where(jnp.reshape(arms == arm, (rows,) + (1,) * (leaf.ndim - 1)), leaf, chosen)
        return chosen

    return jax.tree.map(choose, *batches)


def mixture(transforms: Sequence[BatchTransform], rates: Sequence[float]) -> BatchTransform:
    """Changes each row by one of several transforms, drawn at random.

    Args:
      transforms: `(key, batch) -> batch`, with results of the same shapes.
      rates: as many numbers >= 0, not all 0: how often each is taken.

    Returns:
      `(key, batch) -> batch`; a single transform is returned as it is. Every transform runs on the whole batch.

    Raises:
      ValueError: the rates are no rates, or not as many.
    """
    taken = [checks.non_negative("rates", rate) for rate in rates]
    if not transforms or len(transforms) != len(taken) or sum(taken) <= 0:
        raise ValueError(f"`rates` must be one a transform and not all 0, got {tuple(rates)} for {len(transforms)}")
    if len(transforms) == 1:
        return transforms[0]
    shares = np.asarray(taken, np.float32)

    def transform(key: Array, batch: Any) -> Any:
        choice, *keys = jax.random.split(key, len(transforms) + 1)
        changed = [change(own, batch) for change, own in zip(transforms, keys, strict=True)]
        return choose_rows(choice, jnp.asarray(shares), changed)

    return transform
