"""Groups of parameters that can be removed together, such as a hidden unit with all its weights: saliency, zeros, removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import checks
from ..core.numerics import at_least_float32, safe_sqrt

Array = jax.Array
Params = Any
# By name of a set of groups, the paths of its leaves and the axis along which each is cut into groups.
Groups = Mapping[str, Sequence[tuple[str, int]]]

CRITERIA = ("magnitude", "average_magnitude", "cosine", "first_order", "second_order")


def group_criteria(params: Params, directions: Params, groups: Groups, *, epsilon: float = 1e-8) -> dict[str, dict[str, Array]]:
    """Five measures of how much a group of parameters x matters to a network trained with steps x - rate d.

    "magnitude" ||x||; "average_magnitude" ||x|| / (n + 1e-6) of n parameters; "cosine" <x, d> / ((||x|| + epsilon) (||d|| +
    epsilon)) + 1; "first_order" |<x, d>|; "second_order" <x, d>^2 / 2.

    Args:
      params: a tree of arrays.
      directions: the same tree of gradients, or of an optimizer's directions.
      groups: name -> pairs (path, axis): a set of G groups, group g of which has block g of G equal consecutive blocks along
        `axis` of every leaf listed (`params/Dense_0/kernel`, 1). G is the shortest of these axes and divides the others.
      epsilon: > 0.

    Returns:
      Name of the set -> criterion -> `[G]`.

    Raises:
      ValueError: a path is no leaf, an axis cannot be cut, or `epsilon` is not > 0.

    Source: Chen et al., "HESSO: Towards Automatic Efficient and User Friendly Any Neural Network Training and Pruning", 2024,
    arXiv 2409.09085.
    """
    checks.positive("epsilon", epsilon)
    counts, weights, slopes = group_counts(params, groups), named_leaves(params), named_leaves(directions)
    result = {}
    for name, members in groups.items():
        x, d = (
            jnp.concatenate([_rows(leaves[path], axis, counts[name]) for path, axis in members], axis=1)
            for leaves in (weights, slopes)
        )
        norm, length = (safe_sqrt(jnp.sum(jnp.square(rows), axis=1)) for rows in (x, d))
        inner = jnp.sum(x * d, axis=1)
        values = (
            norm,
            norm / (x.shape[1] + 1e-6),
            inner / ((norm + epsilon) * (length + epsilon)) + 1.0,
            jnp.abs(inner),
            0.5 * jnp.square(inner),
        )
        result[name] = dict(zip(CRITERIA, values, strict=True))
    return result


def group_saliency(
    params: Params,
    directions: Params,
    groups: Groups,
    *,
    weights: Mapping[str, float] | None = None,
    epsilon: float = 1e-8,
) -> dict[str, Array]:
    """The weighted sum of the five criteria, each over its l2 norm over the groups of all sets.

    Args:
      params: see `group_criteria`.
      directions: see `group_criteria`.
      groups: see `group_criteria`.
      weights: criterion -> weight, absent ones 0; None for 0.2 each.
      epsilon: see `group_criteria`; the divisor is sqrt(epsilon + sum s^2) + epsilon.

    Returns:
      Name of the set -> `[G]`; the lowest are removed first.

    Raises:
      ValueError: as `group_criteria`, or an unknown criterion.

    Source: as for `group_criteria`. A positive cosine means that the step shrinks the group, yet the released code adds it to
    the importance; a negative weight turns it round.
    """
    weights = dict.fromkeys(CRITERIA, 0.2) if weights is None else dict(weights)
    for criterion, weight in weights.items():
        checks.option("weights", criterion, CRITERIA)
        checks.real("weights", weight)
    scores = group_criteria(params, directions, groups, epsilon=epsilon)
    result = {name: jnp.zeros_like(values["magnitude"]) for name, values in scores.items()}
    for criterion, weight in weights.items():
        total = sum(jnp.sum(jnp.square(values[criterion])) for values in scores.values())
        divisor = jnp.sqrt(epsilon + total) + epsilon
        result = {name: value + weight * scores[name][criterion] / divisor for name, value in result.items()}
    return result


def zero_groups(params: Params, groups: Groups, masks: Mapping[str, Array]) -> Params:
    """Sets groups to 0.

    Args:
      params: a tree of arrays.
      groups: see `group_criteria`.
      masks: name of a set -> `[G]` booleans, true for the groups to set to 0.

    Returns:
      The tree with exact zeros, shapes and dtypes kept.

    Raises:
      ValueError: as `group_criteria`, or a mask does not fit its set.
    """
    factors = leaf_factors(params, groups, {name: jnp.where(masks[name], 0.0, 1.0) for name in groups})

    def one(path: Any, w: Array) -> Array:
        factor = factors.get(path_name(path))
        return w if factor is None else jnp.where(factor == 0, jnp.zeros([], w.dtype), w)

    return jax.tree_util.tree_map_with_path(one, params)


def remove_groups(params: Params, groups: Groups, masks: Mapping[str, Array]) -> Params:
    """Cuts groups out: the parameters of the smaller network that computes what the one with `zero_groups` computes.

    Args:
      params: a tree of arrays.
      groups: see `group_criteria`.
      masks: name of a set -> `[G]` concrete booleans, true for the groups to remove; at least one of a set stays.

    Returns:
      The tree with shorter axes. Shapes depend on the masks, so this is no function for `jit`.

    Raises:
      ValueError: as `zero_groups`, or nothing would be left of a set.

    Example:
      >>> params = {"kernel": jnp.ones((3, 4)), "bias": jnp.zeros(4), "next": jnp.ones((4, 2))}
      >>> groups = {"units": [("kernel", 1), ("bias", 0), ("next", 0)]}
      >>> smaller = updates.remove_groups(params, groups, {"units": jnp.array([True, False, False, True])})
      >>> smaller["kernel"].shape, smaller["bias"].shape, smaller["next"].shape
      ((3, 2), (2,), (2, 2))
    """
    counts, leaves = group_counts(params, groups), named_leaves(params)
    for name, members in groups.items():
        kept = np.flatnonzero(~_fitting(name, masks[name], counts[name]))
        if kept.size == 0:
            raise ValueError(f"`masks` must leave a group of every set, got none for {name!r}")
        for path, axis in members:
            leaf = leaves[path]
            shape = (*leaf.shape[:axis], counts[name], -1, *leaf.shape[axis + 1 :])
            cut = jnp.take(leaf.reshape(shape), kept, axis=axis)
            leaves[path] = cut.reshape(*leaf.shape[:axis], -1, *leaf.shape[axis + 1 :])
    return jax.tree_util.tree_map_with_path(lambda path, _: leaves[path_name(path)], params)


def path_name(path: Any) -> str:
    """The path of a leaf, its entries joined by slashes."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def named_leaves(tree: Any) -> dict[str, Array]:
    """The leaves of a tree by path."""
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def group_counts(params: Params, groups: Groups) -> dict[str, int]:
    """The number of groups of every set; raises ValueError where leaves cannot be cut."""
    leaves, counts = named_leaves(params), {}
    if not groups:
        raise ValueError("`groups` must hold at least one set, got none")
    for name, members in groups.items():
        for path, axis in members:
            if path not in leaves:
                raise ValueError(f"`groups` must list leaves of the parameters, got {path!r}; there are {sorted(leaves)}")
            if not 0 <= axis < leaves[path].ndim:
                raise ValueError(f"`groups` must cut along an axis of {path} {list(leaves[path].shape)}, got {axis}")
        sizes = [leaves[path].shape[axis] for path, axis in members]
        if not sizes or any(size % min(sizes) for size in sizes):
            raise ValueError(f"`groups` must cut axes of which the shortest divides the others, got {sizes} for {name!r}")
        counts[name] = min(sizes)
    return counts


def lowest_groups(scores: Mapping[str, Array], count: Array | int, multiple: int = 1) -> dict[str, Array]:
    """The groups of lowest scores over all sets, as masks; those with the score infinity are taken already.

    With a `multiple` above 1 fewer are chosen of a set, the lowest of those, so that what stays of it is a multiple.
    """
    names = list(scores)
    order = jnp.argsort(jnp.concatenate([scores[name] for name in names]), stable=True)
    ranks = jnp.zeros(order.shape, jnp.int32).at[order].set(jnp.arange(order.shape[0], dtype=jnp.int32))
    chosen, first = {}, 0
    for name in names:
        size = scores[name].shape[0]
        lowest = (ranks[first : first + size] < count) & (scores[name] < jnp.inf)
        if multiple > 1:
            free = jnp.sum(scores[name] < jnp.inf, dtype=jnp.int32)
            kept = jnp.maximum(free - jnp.sum(lowest, dtype=jnp.int32), 1)
            most = jnp.maximum(free - -(-kept // multiple) * multiple, 0)
            lowest &= jnp.argsort(jnp.argsort(scores[name], stable=True), stable=True) < most
        chosen[name], first = lowest, first + size
    return chosen


def leaf_factors(params: Params, groups: Groups, factors: Mapping[str, Array]) -> dict[str, Array]:
    """By path of a leaf, the product of its groups' factors in the shape of the leaf, with axes of 1 where no set cuts."""
    counts, leaves = group_counts(params, groups), named_leaves(params)
    result: dict[str, Array] = {}
    for name, members in groups.items():
        values = _fitting(name, factors[name], counts[name])
        for path, axis in members:
            leaf = leaves[path]
            spread = jnp.repeat(values, leaf.shape[axis] // counts[name], total_repeat_length=leaf.shape[axis])
            spread = spread.reshape([leaf.shape[axis] if i == axis else 1 for i in range(leaf.ndim)])
            result[path] = result[path] * spread if path in result else spread
    return result


def _fitting(name: str, values: Array, count: int) -> Array:
    values = jnp.asarray(values)
    if values.shape != (count,):
        raise ValueError(f"`masks` must hold [{count}] entries for {name!r}, got {list(values.shape)}")
    return values


def _rows(leaf: Array, axis: int, count: int) -> Array:
    """`[G, parameters of a group]`."""
    return jnp.moveaxis(at_least_float32(leaf), axis, 0).reshape(count, -1)
