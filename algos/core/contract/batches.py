"""Batches that must make no difference: padded, reordered, with garbage behind the mask."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..terms import FieldSpec, Terms, field_specs, row_mask


def map_fields(terms: Terms, fn: Callable[[FieldSpec, jax.Array], jax.Array]) -> Terms:
    """Applies `fn(spec, array)` to every array of every declared field that is set."""
    changes = {}
    for name, spec in field_specs(type(terms)).items():
        value = getattr(terms, name)
        if value is not None:
            changes[name] = jax.tree.map(lambda x, spec=spec: fn(spec, x), value)
    return terms.replace(**changes)


def _masks(terms: Terms) -> dict[tuple[str, ...], jax.Array]:
    specs = field_specs(type(terms))
    masks = {spec.axes: getattr(terms, name) for name, spec in specs.items() if spec.kind == "mask"}
    return {axes: where.astype(bool) for axes, where in masks.items() if where is not None}


def nan_behind_masks(terms: Terms, roles: Collection[str]) -> Terms:
    """Puts NaN (or nonsense integers) behind the masks, in the fields of these roles."""
    masks = _masks(terms)

    def spoil(spec, x):
        if spec.role not in roles or spec.kind in ("mask", "tree", "distribution"):
            return x
        for axes, where in masks.items():
            if spec.axes[: len(axes)] == axes or spec.axes == axes[:1]:
                covered = where if spec.axes[: len(axes)] == axes else row_mask(where)
                covered = covered.reshape(covered.shape + (1,) * (x.ndim - covered.ndim))
                garbage = jnp.nan if jnp.issubdtype(x.dtype, jnp.floating) else 1
                return jnp.where(covered, x, jnp.asarray(garbage, x.dtype))
        return x

    return map_fields(terms, spoil)


def reorder(terms: Terms) -> Terms:
    """The same rows in another order; axes of equal size in the same one."""

    def permute(spec, x):
        batched = spec.kind == "tree" or (spec.axes and spec.axes[0] in terms.batch_axes)
        return x[np.random.default_rng(11).permutation(x.shape[0])] if batched and x.ndim else x

    return map_fields(terms, permute)


def pad(terms: Terms, rows: int, positions: int) -> Terms:
    """The same batch with masked-out rows and positions added at the end, holding NaN."""
    extra: dict[str, int] = {}
    sizes: dict[int, int] = {}
    for axes, where in _masks(terms).items():
        for axis, size, count in zip(axes, where.shape, (rows, positions), strict=False):
            extra[axis] = count
            sizes[size] = count if axis not in terms.batch_axes else sizes.get(size, positions)

    def widths(spec: FieldSpec, x: Any) -> list[int]:
        if spec.kind == "tree":  # inputs have the batch axis first, and perhaps positions second
            second = sizes.get(x.shape[1], 0) if x.ndim > 1 and _has_positions(terms) else 0
            return [rows, second, *(0,) * (x.ndim - 2)][: x.ndim]
        return [extra.get(axis, 0) for axis in spec.axes] + [0] * (x.ndim - len(spec.axes))

    def padded(spec, x):
        garbage: Any = 0
        if jnp.issubdtype(x.dtype, jnp.floating) and spec.kind not in ("tree", "mask"):
            garbage = jnp.nan
        by = widths(spec, x)
        return jnp.pad(x, [(0, count) for count in by], constant_values=garbage) if any(by) else x

    return map_fields(terms, padded)


def _has_positions(terms: Terms) -> bool:
    return any(len(axes) > 1 for axes in _masks(terms))
