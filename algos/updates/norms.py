"""Weights kept on the sphere of their first norm, so that the learning rate alone says how fast they turn."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from ..core.numerics import at_least_float32, safe_divide, safe_sqrt

Array = jax.Array
Params = Any


class NormalizeAndProjectState(NamedTuple):
    """Steps taken, and the norm every leaf is kept at (`[]` each)."""

    step: Array
    radii: Params


def leaf_norms(params: Params) -> Params:
    """The Euclidean norm of every leaf: the radii for `project_norms`.

    Args:
      params: a tree of arrays.

    Returns:
      The same tree of norms, `[]` each, in at least float32.
    """
    return jax.tree.map(lambda w: safe_sqrt(jnp.sum(jnp.square(at_least_float32(w)))), params)


def project_norms(params: Params, radii: Params) -> Params:
    """Rescales every leaf to a norm: w <- radius w / ||w||; a leaf of norm 0 stays as it is.

    Args:
      params: a tree of arrays.
      radii: the same tree of norms, `[]` each and >= 0, see `leaf_norms`.

    Returns:
      The rescaled tree, dtypes kept.

    Source: Lyle et al., "Normalization and effective learning rates in reinforcement learning", 2024, arXiv 2407.01800.
    """

    def one(w: Array, radius: Array, norm: Array) -> Array:
        scale = jnp.where(norm > 0, safe_divide(radius.astype(norm.dtype), norm), 1.0)
        return (at_least_float32(w) * scale).astype(w.dtype)

    return jax.tree.map(one, params, radii, leaf_norms(params))


def project_affine(scale: Array, offset: Array) -> tuple[Array, Array]:
    """Rescales a normalisation's scale and offset together: (s, m) <- sqrt(d) (s, m) / sqrt(||s||^2 + ||m||^2).

    Args:
      scale: `[d]`.
      offset: `[d]`.

    Returns:
      The rescaled pair; scale 1 and offset 0 stay as they are, and so does a pair that is all zero.

    Raises:
      ValueError: the shapes differ or are not `[d]`.

    Source: as for `project_norms`.
    """
    if scale.ndim != 1 or scale.shape != offset.shape:
        raise ValueError(f"`scale` and `offset` must have the same shape [d], got {tuple(scale.shape)}, {tuple(offset.shape)}")
    width = jnp.sqrt(jnp.asarray(scale.shape[0], at_least_float32(scale).dtype))
    pair = project_norms({"both": jnp.concatenate([scale, offset])}, {"both": width})["both"]
    return pair[: scale.shape[0]], pair[scale.shape[0] :]


def normalize_and_project(every: int = 1) -> optax.GradientTransformation:
    """Keeps every leaf at the norm it had when the state was made; the last element of a chain.

    Where a layer is followed by a normalisation its scale does not matter to the network, but the effective rate of a step
    falls as weights grow. With their norms fixed, the schedule is the whole truth about that rate.

    Args:
      every: steps between projections, an integer >= 1.

    Returns:
      An `optax.GradientTransformation` that needs `params`; wrap it in `optax.masked` to leave the last layer, biases and
      affine parameters out.

    Raises:
      ValueError: `every` is less than 1, or `update` is called without `params`.

    Source: as for `project_norms`. Released reimplementations agree; the paper's own code is not public.

    Example:
      >>> optimizer = optax.chain(optax.adam(1e-3), updates.normalize_and_project())
    """
    if not isinstance(every, jax.Array):  # optax.inject_hyperparams passes arrays
        checks.integer("every", every, least=1)

    def init(params: Params) -> NormalizeAndProjectState:
        return NormalizeAndProjectState(jnp.zeros([], jnp.int32), leaf_norms(params))

    def update(updates: Params, state: NormalizeAndProjectState, params: Params | None = None):
        if params is None:
            raise ValueError("normalize_and_project needs `params`: call update(updates, state, params)")
        step = state.step + 1
        wide = jax.tree.map(at_least_float32, params)
        moved = jax.tree.map(lambda w, u: w + u.astype(w.dtype), wide, updates)
        projected = project_norms(moved, state.radii)
        due = step % every == 0
        updates = jax.tree.map(lambda p, w, u: jnp.where(due, (p - w).astype(u.dtype), u), projected, wide, updates)
        return updates, NormalizeAndProjectState(step, state.radii)

    return optax.GradientTransformation(init, update)
