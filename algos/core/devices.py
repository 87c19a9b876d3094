"""Values inside a mapped axis: under `shard_map` JAX tracks which differ between devices, and loops want it constant."""

from __future__ import annotations

from typing import Any

import jax


def _varies_over(x: Any) -> frozenset[str]:
    """The mapped axes over which an array is known to differ between devices."""
    kind = jax.typeof(x)
    tracked = getattr(kind, "manual_axis_type", None)
    return getattr(kind, "vma", frozenset()) if tracked is None else tracked.varying


def varying_over(tree: Any, axis_names: str | tuple[str, ...] | None) -> Any:
    """Marks every array as this device's own, so that its gradient stays local until it is summed explicitly."""
    names = (axis_names,) if isinstance(axis_names, str) else tuple(axis_names or ())

    def mark(x):
        missing = tuple(name for name in names if name not in _varies_over(x))
        return jax.lax.pcast(x, missing, to="varying") if missing else x

    return jax.tree.map(mark, tree) if names else tree


def varying_like(tree: Any, *references: Any) -> Any:
    """Marks every array as varying over the axes over which any reference varies."""
    names = {name for x in jax.tree.leaves(references) for name in _varies_over(x)}
    return varying_over(tree, tuple(sorted(names)))
