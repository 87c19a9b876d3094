"""How well a model does on what it has seldom seen."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


class LongTail(NamedTuple):
    """Means of a metric.

    Attributes:
      head: `[]` over examples of frequent groups, 0 without any.
      tail: `[]` over examples of rare groups, 0 without any.
      is_tail: `[G]` bool, the rare groups.
    """

    head: Array
    tail: Array
    is_tail: Array


def long_tail(metric: Array, group_ids: Array, train_counts: Array, *, tail_share: float = 0.05) -> LongTail:
    """Tells a metric of rare groups, those with less than a share of the training data each, from that of the others.

    Args:
      metric: `[N]` of test examples.
      group_ids: `[N]` integers in 0..G - 1, their groups, such as domains.
      train_counts: `[G]` >= 0, training examples of every group.
      tail_share: in (0, 1].

    Returns:
      A `LongTail`.

    Raises:
      ValueError: an argument is out of range.

    Source: D'souza et al., "Treasure Hunt: Real-time Targeting of the Long Tail using Training-Time Markers", 2025,
    arXiv 2506.14702.
    """
    checks.between("tail_share", tail_share, 0.0, 1.0, closed="high")
    if metric.ndim != 1 or metric.shape != group_ids.shape:
        raise ValueError(f"`metric` and `group_ids` must have one shape [N], got {metric.shape} and {group_ids.shape}")
    counts = jnp.asarray(train_counts).astype(jnp.float32)
    is_tail = counts < tail_share * jnp.sum(counts)
    rare, values = is_tail[group_ids], metric.astype(jnp.float32)

    def mean(where: Array) -> Array:
        return numerics.safe_divide(jnp.sum(jnp.where(where, values, 0.0)), jnp.sum(where, dtype=jnp.float32))

    return LongTail(mean(~rare), mean(rare), is_tail)
