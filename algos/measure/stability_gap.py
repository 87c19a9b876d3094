"""The drop at the start of continual training, and how long it lasts."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core.numerics import at_least_float32


class StabilityGap(NamedTuple):
    """The gap below the start of a curve.

    Attributes:
      depth: A(0) - min_t A(t), >= 0.
      step: of that minimum, the first of equals.
      recovery: the first step after it with A(t) >= A(0); 0 without a gap, -1 where the curve does not come back.
      area: sum_t max(A(0) - A(t), 0).
    """

    depth: jax.Array
    step: jax.Array
    recovery: jax.Array
    area: jax.Array


def stability_gap(curve: jax.Array) -> StabilityGap:
    """How far a quality falls when training goes on with other data, and when it is back.

    Args:
      curve: `[T]`, T >= 1, higher is better; the first is from before the first step. For losses pass their negatives.

    Returns:
      A `StabilityGap` of `[]` arrays.

    Raises:
      ValueError: the curve is not `[T]` with T >= 1.

    Source: Guo et al., "Efficient Continual Pre-training by Mitigating the Stability Gap", 2024, arXiv 2406.14833.
    """
    curve = at_least_float32(jnp.asarray(curve))
    if curve.ndim != 1 or curve.shape[0] == 0:
        raise ValueError(f"`curve` must have shape [T] with T >= 1, got {list(curve.shape)}")
    step = jnp.argmin(curve).astype(jnp.int32)
    back = (jnp.arange(curve.shape[0], dtype=jnp.int32) > step) & (curve >= curve[0])
    first = jnp.where(jnp.any(back), jnp.argmax(back).astype(jnp.int32), -1)
    below = jnp.maximum(curve[0] - curve, 0.0)
    return StabilityGap(jnp.max(below), step, jnp.where(jnp.any(below > 0), first, 0), jnp.sum(below))
