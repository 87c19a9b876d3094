"""How much of a gap between two systems a third one closes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import numerics


def gap_recovered(x: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """The share of the gap from `low` to `high` that `x` closes: (x - low) / (high - low).

    With accuracies of a student, its weak teacher and the student on true labels it is the performance gap recovered
    (weak-to-strong); with those of training on easy data, no training and training on hard data the supervision gap
    recovered (easy-to-hard).

    Args:
      x: `[...]` what is judged.
      low: `[...]` the baseline.
      high: `[...]` the ceiling.

    Returns:
      `[...]` floats of at least 32 bits, not clipped: negative below the baseline, above 1 beyond the ceiling, and NaN where
      there is no gap.

    Raises:
      ValueError: the shapes differ.

    Burns et al., "Weak-to-Strong Generalization: Eliciting Strong Capabilities With Weak Supervision", 2023,
    arXiv 2312.09390; Hase et al., "The Unreasonable Effectiveness of Easy Training Data for Hard Tasks", 2024,
    arXiv 2401.06751.
    """
    given = {"x": x, "low": low, "high": high}
    arrays = {name: jnp.asarray(value) for name, value in given.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"`x`, `low` and `high` must have one shape, got {shapes}")
    value, base, ceiling = (_floats(array) for array in arrays.values())
    gap = ceiling - base
    return jnp.where(gap == 0, jnp.nan, (value - base) / jnp.where(gap == 0, 1.0, gap))


def _floats(x: jax.Array) -> jax.Array:
    return numerics.at_least_float32(x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32))
