"""Growing a model while it trains: a small model in the corner of a large one, which at first computes the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

OutputAxes = Callable[[str, jax.Array], tuple[int, ...]]  # (path, large leaf) -> axes of the output units


def last_axis(path: str, leaf: jax.Array) -> tuple[int, ...]:
    """The output units of kernels `[in, out]`, embeddings, biases and scales: the last axis.

    Args:
      path: not used.
      leaf: of the large tree, any shape.

    Returns:
      The axes.
    """
    del path
    return (leaf.ndim - 1,) if leaf.ndim else ()


def transformer_output_axes(path: str, leaf: jax.Array) -> tuple[int, ...]:
    """The output units of `models.Transformer`: heads for queries, keys and values, else the last axis.

    Args:
      path: of a leaf, such as "params/blocks_0/attention/query/kernel".
      leaf: of the large tree.

    Returns:
      The axes.
    """
    heads = any(f"/{name}/" in f"/{path}" for name in ("query", "key", "value"))
    return (leaf.ndim - 2,) if heads else last_axis(path, leaf)


def grow(small: Any, large: Any) -> Any:
    """Puts a small tree into the first entries of a large one, leaf by leaf; leaves of the large tree alone stay.

    Widens parameters into those of a larger model's initialisation, whatever it is, and an optimizer's state into that of the
    large parameters, whose moments of new entries are 0 and stay so. New layers are new leaves.

    Args:
      small: a tree of arrays.
      large: a tree with all paths of `small`, no axis shorter.

    Returns:
      A tree like `large`.

    Raises:
      ValueError: `large` lacks a leaf, or a leaf has other axes or a shorter one.

    Source: Li et al., "FLM-101B: An Open LLM and How to Train It with $100K Budget", 2023, arXiv 2309.03852.
    """
    old = dict(_paths(small))
    if missing := sorted(set(old) - {path for path, _ in _paths(large)}):
        raise ValueError(f"`large` lacks {missing[0]!r} of `small`")

    def place(path: Any, leaf: Any) -> Any:
        name = _name(path)
        if name not in old:
            return leaf
        corner, leaf = jnp.asarray(old[name]), jnp.asarray(leaf)
        if corner.ndim != leaf.ndim or any(a > b for a, b in zip(corner.shape, leaf.shape, strict=True)):
            raise ValueError(f"`large` must be at least as large as `small` at {name!r}, got {leaf.shape} for {corner.shape}")
        return leaf.at[tuple(slice(size) for size in corner.shape)].set(corner.astype(leaf.dtype))

    return jax.tree_util.tree_map_with_path(place, large)


def copy_layers(params: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, Any]:
    """Deepens: a mapping of parameters with layers copied under new names.

    Args:
      params: what holds the layers, such as `{"blocks_0": ..., "final_norm": ...}`.
      sources: new name -> name of the layer to copy, for every layer of the deeper model; `{"blocks_0": "blocks_0",
        "blocks_1": "blocks_0"}` doubles one block.

    Returns:
      The layers of `sources`, and what is neither a source nor replaced.

    Raises:
      ValueError: a source is not there.

    Source: as for `grow`.
    """
    if missing := sorted(set(sources.values()) - set(params)):
        raise ValueError(f"`sources` must name layers among {sorted(params)}, got {missing[0]!r}")
    kept = {name: layer for name, layer in params.items() if name not in sources.values()}
    return {**kept, **{name: params[source] for name, source in sources.items()}}


def new_units(
    small: Any, large: Any, *, output_axes: OutputAxes = last_axis, silent: Callable[[str], bool] | None = None
) -> Any:
    """Marks the entries of a large tree that belong to output units the small one does not have.

    Args:
      small: a tree of arrays; for a deeper model of `copy_layers`, so that it has all layers in their old sizes.
      large: as for `grow`.
      output_axes: which axes of a leaf run over output units; `last_axis` or `transformer_output_axes`.
      silent: path -> whether the whole leaf is new, as the output projections of a new block, `h + c F(h)`, are; None for none.
        Of `models.Transformer` these are "attention/output" and "mlp/down" of the block.

    Returns:
      A tree like `large` of booleans that broadcast against its leaves.

    Raises:
      ValueError: `small` lacks a leaf.

    Source: as for `grow`.
    """
    old = {path: jnp.shape(leaf) for path, leaf in _paths(small)}

    def mark(path: Any, leaf: Any) -> jax.Array:
        name, leaf = _name(path), jnp.asarray(leaf)
        if name not in old:
            raise ValueError(f"`small` lacks {name!r} of `large`: give new layers by `copy_layers`")
        marks = jnp.full((1,) * leaf.ndim, silent is not None and silent(name))
        for axis in output_axes(name, leaf):
            index = jax.lax.broadcasted_iota(jnp.int32, [n if a == axis else 1 for a, n in enumerate(leaf.shape)], axis)
            marks = marks | (index >= old[name][axis])
        return marks

    return jax.tree_util.tree_map_with_path(mark, large)


def mask_new_units(params: Any, new: Any, coefficient: jax.Array | float) -> Any:
    """Multiplies new output units by a coefficient: 0 when the model grows, 1 when it is an ordinary large one.

    A new unit is silent at 0, so that the large model computes what the small one did, old parameters get the same gradients
    and new units none; new inputs of old units need no mask, since what they read is masked. Let the coefficient rise linearly
    with `optax.linear_schedule(0.0, 1.0, steps, start)`.

    Args:
      params: of the large model.
      new: of `new_units`.
      coefficient: in [0, 1], a number or `[]`.

    Returns:
      The parameters to apply; differentiate through this function.

    Source: as for `grow`.
    """
    factor = jnp.asarray(coefficient, jnp.float32)

    def scale(leaf: jax.Array, marks: jax.Array) -> jax.Array:
        return leaf * jnp.where(marks, factor, 1.0).astype(leaf.dtype)

    return jax.tree.map(scale, params, new)


def norm_masks(new: Any, coefficient: jax.Array | float, *, scale: str = "scale") -> Any:
    """What the norms of a growing `models.Transformer` need beside its parameters: how much each unit counts in statistics.

    `model.apply({"params": mask_new_units(params, new, c), "growth": norm_masks(new, c)}, tokens)`.

    Args:
      new: of `new_units`, a nest of mappings in which a norm is a mapping with the entry `scale`, `[D]`.
      coefficient: as for `mask_new_units`.
      scale: the name of that entry.

    Returns:
      The norms' part of the nest with the entry "mask", `[D]` float32, for each.

    Source: as for `grow`.
    """
    factor = jnp.asarray(coefficient, jnp.float32)
    masks = {}
    for name, entry in new.items():
        if isinstance(entry, Mapping):
            if scale in entry:
                masks[name] = {"mask": jnp.where(entry[scale], factor, 1.0)}
            elif inner := norm_masks(entry, coefficient, scale=scale):
                masks[name] = inner
    return masks


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _paths(tree: Any) -> list[tuple[str, Any]]:
    return [(_name(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]
