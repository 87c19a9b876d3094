"""Projections of parameters as gradient transformations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

Params = Any


def project(projection: Callable[[Params], Params]) -> optax.GradientTransformation:
    """Makes the parameters after the step satisfy a constraint; the last element of a chain.

    update' = projection(params + update) - params

    Args:
      projection: `params -> params` of the same structure, shapes and dtypes, e.g.
        `optax.projections.projection_non_negative`.

    Returns:
      An `optax.GradientTransformation` without state that needs `params`. In floating point the parameters end within a
      rounding error of the projection: where zeros must be exact, project after `optax.apply_updates` instead.

    Raises:
      TypeError: `projection` is not callable.
      ValueError: `update` is called without `params`, or the projection changes a shape or dtype.

    Example:
      >>> optimizer = optax.chain(optax.sgd(0.1), updates.project(optax.projections.projection_non_negative))
    """
    if not callable(projection):
        raise TypeError(f"`projection` must be a function params -> params, got {projection!r}")

    def update(updates: Params, params: Params | None = None) -> Params:
        if params is None:
            raise ValueError("project needs `params`: call update(updates, state, params)")
        moved = optax.apply_updates(params, updates)
        projected = projection(moved)
        _check_same_form(moved, projected)
        return jax.tree.map(lambda p, w, u: (p - w).astype(u.dtype), projected, params, updates)

    return optax.stateless(update)


def _check_same_form(params: Params, projected: Params) -> None:
    expected: Any = jax.tree.structure(params)
    if jax.tree.structure(projected) != expected:
        raise ValueError("`projection` must return a tree of the structure of its argument")
    for before, after in zip(jax.tree.leaves(params), jax.tree.leaves(projected), strict=True):
        if before.shape != after.shape or before.dtype != after.dtype:
            raise ValueError(
                f"`projection` must keep shapes and dtypes, got {after.dtype}{list(after.shape)} for "
                f"{before.dtype}{list(before.shape)}"
            )
