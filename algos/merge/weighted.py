"""Weighted sums of the parameters of models that share an architecture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..core import checks, numerics


def weighted_merge(trees: Sequence[Any], weights: Sequence[float]) -> Any:
    """Adds up parameters leaf by leaf: theta = sum_k w_k theta_k, in float32 or wider.

    Args:
      trees: K >= 1 trees of floating-point arrays, alike in structure and shapes.
      weights: K numbers; with a sum of 1 equal trees are a fixed point. They may be negative.

    Returns:
      A tree with the types of the first one.

    Raises:
      ValueError: the numbers of trees and weights differ, or structures or shapes do.
      TypeError: a weight is no number, or a leaf holds no floating-point numbers.

    Example:
      >>> merge.weighted_merge([{"w": jnp.ones(2)}, {"w": jnp.zeros(2)}], [0.25, 0.75])
      {'w': Array([0.25, 0.25], dtype=float32)}
    """
    trees, weights = list(trees), list(weights)
    if not trees or len(trees) != len(weights):
        raise ValueError(f"`weights` must hold one number a tree of `trees`, got {len(weights)} for {len(trees)}")
    for weight in weights:
        checks.real("weights", weight)
    structures: list[Any] = [jax.tree.structure(tree) for tree in trees]
    if any(structure != structures[0] for structure in structures):
        raise ValueError(f"`trees` must be alike in structure, got {structures}")
    return jax.tree.map(lambda *leaves: _sum([jnp.asarray(leaf) for leaf in leaves], weights), *trees)


def _sum(leaves: list[jax.Array], weights: list[float]) -> jax.Array:
    first = leaves[0]
    if any(leaf.shape != first.shape for leaf in leaves):
        raise ValueError(f"`trees` must be alike in shapes, got leaves {[leaf.shape for leaf in leaves]}")
    if not all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        raise TypeError(f"`trees` must hold floating-point numbers, got leaves {[str(leaf.dtype) for leaf in leaves]}")
    wide = [numerics.at_least_float32(leaf) for leaf in leaves]
    widest = max((leaf.dtype for leaf in wide), key=lambda dtype: dtype.itemsize)
    total = sum((w * leaf.astype(widest) for w, leaf in zip(weights, wide, strict=True)), jnp.zeros([], widest))
    return total.astype(first.dtype)


def balanced_initialisation(
    instruct: Any, distill: Any, pretrained: Any, *, w_instruct: float = 0.5, w_mid: float = 0.5
) -> Any:
    """Where to start RL from a distilled reasoning model without its answers collapsing: a merge in two stages.

    mid = w_instruct instruct + (1 - w_instruct) distill, and w_mid mid + (1 - w_mid) pretrained. The reference of the KL
    term is the same merge.

    Args:
      instruct: parameters of the model tuned on instructions.
      distill: parameters of the distilled reasoning model, alike in structure and shapes.
      pretrained: parameters of the base model, alike in structure and shapes.
      w_instruct: in [0, 1]; about a half is reported best.
      w_mid: in [0, 1].

    Returns:
      A tree with the types of `instruct`.

    Raises:
      ValueError: a weight is out of range, or the trees differ.

    Zheng et al., "Balanced Actor Initialization: Stable RLHF Training of Distillation-Based Reasoning Models", 2025, arXiv
    2509.00309; the exact ratios are not given there.
    """
    checks.between("w_instruct", w_instruct, 0.0, 1.0)
    checks.between("w_mid", w_mid, 0.0, 1.0)
    weights = (w_mid * w_instruct, w_mid * (1.0 - w_instruct), 1.0 - w_mid)
    return weighted_merge((instruct, distill, pretrained), weights)
