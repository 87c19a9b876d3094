"""Gradients without their component along the weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..core import checks
from ..core.numerics import at_least_float32

Array = jax.Array

# Below this share of the gradient's norm the orthogonal remainder is rounding noise.
NOISE = 1e-6


def orthogonal_gradient(
    granularity: str = "leaf", rescale: bool = True, epsilon: float = 1e-30
) -> optax.GradientTransformation:
    """Removes from the gradient its component along the weights; goes before the optimizer in a chain.

    g_perp = g - <w, g> / (<w, w> + epsilon) w, then with `rescale` g_perp ||g|| / (||g_perp|| + epsilon)

    Args:
      granularity: `"leaf"` treats every leaf as a vector of its own, `"global"` all parameters as one vector.
      rescale: restore the norm the gradient had.
      epsilon: > 0, keeps the divisions finite.

    Returns:
      An `optax.GradientTransformation` without state that needs `params`. Zero weights leave the gradient as it is. A
      gradient parallel to the weights (||g_perp|| <= 1e-6 ||g||), in particular that of a leaf with a single entry,
      becomes 0, rather than rounding noise blown up to the norm of the gradient.

    Raises:
      ValueError: an unknown granularity, `epsilon` <= 0, or `update` called without `params`.

    Source: Prieto, Barsbey, Mediano, Birdal, "Grokking at the Edge of Numerical Stability", 2025, arXiv 2501.04697.
    The paper projects all parameters as one vector and does not rescale; the released code works per leaf and
    rescales, which is the default here.

    Example:
      >>> optimizer = optax.chain(updates.orthogonal_gradient(), optax.adamw(1e-2, weight_decay=0.0))
    """
    checks.option("granularity", granularity, ("leaf", "global"))
    checks.boolean("rescale", rescale)
    if not isinstance(epsilon, jax.Array):  # optax.inject_hyperparams passes arrays
        checks.positive("epsilon", epsilon)

    def update(updates: Any, params: Any = None) -> Any:
        if params is None:
            raise ValueError("orthogonal_gradient needs `params`: call update(updates, state, params)")
        if granularity == "global":
            return _orthogonal(updates, params, rescale, epsilon)
        return jax.tree.map(lambda g, w: _orthogonal(g, w, rescale, epsilon), updates, params)

    return optax.stateless(update)


def _orthogonal(gradient: Any, weights: Any, rescale: bool, epsilon: float | Array) -> Any:
    """The projection of one vector given as a tree."""
    g, w = (jax.tree.map(at_least_float32, tree) for tree in (gradient, weights))
    along = _inner(w, g) / (_inner(w, w) + epsilon)
    perpendicular = jax.tree.map(lambda a, b: a - along.astype(a.dtype) * b.astype(a.dtype), g, w)
    norm, remainder = jnp.sqrt(_inner(g, g)), jnp.sqrt(_inner(perpendicular, perpendicular))
    scale = norm / (remainder + epsilon) if rescale else jnp.ones_like(norm)
    scale = jnp.where(remainder <= NOISE * norm, 0.0, scale)
    return jax.tree.map(lambda a, b: (a * scale.astype(a.dtype)).astype(b.dtype), perpendicular, gradient)


def _inner(a: Any, b: Any) -> Array:
    products = jax.tree.leaves(jax.tree.map(lambda x, y: jnp.sum(x * y.astype(x.dtype)), a, b))
    dtype = np.result_type(jnp.float32, *(product.dtype for product in products))
    return sum((product.astype(dtype) for product in products), start=jnp.zeros([], dtype))
