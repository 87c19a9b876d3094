"""Merging a tuned model into its base by the entries that changed most."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from ..core import checks, numerics


def top_delta_merge(base: Any, tuned: Any, *, fraction: float = 0.25, scale: float = 0.7, per: str = "tensor") -> Any:
    """Adds the largest changes of a tuned model to its base: base + scale * (delta where |delta| is large, else 0).

    With delta = tuned - base, ceil(fraction n) of n entries are kept, those with the largest |delta|, and all that tie with the
    least of them.

    Args:
      base: a tree of floating-point arrays.
      tuned: a tree of the same structure and shapes.
      fraction: in [0, 1], share of entries to keep; 0 returns the base.
      scale: finite factor of the kept changes; with fraction 1 and scale 1 the result is `tuned`.
      per: "tensor" chooses within each array, "model" over all of them.

    Returns:
      A tree like `base`, in its dtypes; differences are taken in at least float32.

    Raises:
      ValueError: an argument is out of range or unknown, or the trees differ in structure or shapes.
      TypeError: an array is not of floating-point type.

    Liu et al., "DLER: Doing Length pEnalty Right - Incentivizing More Intelligence per Token via Reinforcement Learning", 2025,
    arXiv 2510.15110 (update-selective merging), which does not say whether the share is of a tensor or of the model.
    """
    checks.between("fraction", fraction, 0.0, 1.0)
    checks.real("scale", scale)
    checks.option("per", per, ("tensor", "model"))
    deltas = jax.tree.map(_difference, base, tuned)
    leaves = jax.tree.leaves(deltas)
    if per == "tensor":
        thresholds = jax.tree.map(lambda delta: _threshold([delta], fraction), deltas)
    else:
        shared = _threshold(leaves, fraction)
        thresholds = jax.tree.map(lambda delta: shared, deltas)

    def merge(leaf: jax.Array, delta: jax.Array, threshold: jax.Array) -> jax.Array:
        kept = jnp.where(jnp.abs(delta) >= threshold.astype(delta.dtype), scale * delta, 0.0)
        return (leaf.astype(delta.dtype) + kept).astype(leaf.dtype)

    return jax.tree.map(merge, base, deltas, thresholds)


def _difference(base: jax.Array, tuned: jax.Array) -> jax.Array:
    for name, leaf in {"base": base, "tuned": tuned}.items():
        if not jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating):
            raise TypeError(f"`{name}` must hold floating-point arrays, got {jnp.asarray(leaf).dtype}")
    if jnp.shape(base) != jnp.shape(tuned):
        raise ValueError(f"`tuned` must have the shapes of `base`, got {jnp.shape(tuned)} for {jnp.shape(base)}")
    wide = numerics.at_least_float32(base)
    return tuned.astype(wide.dtype) - wide


def _threshold(deltas: list[jax.Array], fraction: float) -> jax.Array:
    """The least |delta| to keep: the ceil(fraction n)-th largest, infinite where none is kept."""
    magnitudes = jnp.concatenate([jnp.abs(delta).ravel().astype(jnp.float32) for delta in deltas] or [jnp.zeros([0])])
    # 0.1 * 30 must not round up to 4.
    count = math.ceil(fraction * magnitudes.size - 1e-9)
    return jnp.sort(magnitudes)[-count] if count > 0 else jnp.asarray(jnp.inf)
