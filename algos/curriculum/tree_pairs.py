"""Pairs out of a search tree: which child to look at next, and which siblings differ enough to learn from."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics


class SiblingPairs(NamedTuple):
    """A pair a node.

    Attributes:
      win: `[P]` integers, the child of largest value.
      lose: `[P]` integers, the child of smallest value.
      where: `[P]`, true where the pair is to be learnt from.
    """

    win: jax.Array
    lose: jax.Array
    where: jax.Array


def tree_search_scores(
    values: jax.Array, visits: jax.Array, priors: jax.Array, parent_visits: jax.Array, *, exploration: float = 1.0
) -> jax.Array:
    """How much a child deserves a look: V / (n + 1) + exploration * prior * sqrt(ln N / (n + 1)).

    Args:
      values: `[P, C]`, sums of the values of all visits.
      visits: `[P, C]` integers n >= 0.
      priors: `[P, C]` >= 0, such as the geometric mean probability of the step's tokens.
      parent_visits: `[P]` integers N; below 1 they count as 1, where nothing is explored.
      exploration: >= 0.

    Returns:
      `[P, C]`; go to the largest.

    Raises:
      ValueError: exploration is negative.

    Zeng et al., "Boosting Tool Use of Large Language Models via Iterative Reinforced Fine-Tuning", 2025, arXiv 2501.09766.
    """
    checks.non_negative("exploration", exploration)
    looks = visits.astype(values.dtype) + 1.0
    logarithm = jnp.log(jnp.maximum(parent_visits, 1).astype(values.dtype))[:, None]
    return values / looks + exploration * priors * numerics.safe_sqrt(logarithm / looks)


def sibling_pairs(
    values: jax.Array,
    overlaps: jax.Array,
    where: jax.Array | None = None,
    *,
    threshold: float = 0.1,
    accept: float = -0.3,
    overlap_limit: float = 0.95,
) -> SiblingPairs:
    """Takes the best and the worst child of every node, if they differ enough in value and in words.

    A pair counts if V_win - V_lose >= threshold, V_win >= accept and the overlap is <= overlap_limit.

    Args:
      values: `[P, C]` values of the children.
      overlaps: `[P]` in [0, 1], shared words of the best and the worst child over those of the smaller one.
      where: `[P, C]`, true where there is a child; None for all. A node needs two.
      threshold: >= 0.
      accept: the least value of the better child.
      overlap_limit: in [0, 1].

    Returns:
      `SiblingPairs`, for `preference.simpo(beta=2.5, gamma=0.5)` in the paper.

    Raises:
      ValueError: an argument is out of range.

    Zeng et al., 2025, arXiv 2501.09766.
    """
    checks.non_negative("threshold", threshold)
    checks.real("accept", accept)
    checks.between("overlap_limit", overlap_limit, 0.0, 1.0)
    there = jnp.ones(values.shape, bool) if where is None else where.astype(bool)
    best, worst = jnp.where(there, values, -jnp.inf), jnp.where(there, values, jnp.inf)
    win, lose = jnp.argmax(best, axis=1), jnp.argmin(worst, axis=1)
    several = jnp.sum(there, axis=1, dtype=jnp.int32) >= 2
    high, low = (jnp.where(several, x, 0.0) for x in (jnp.max(best, axis=1), jnp.min(worst, axis=1)))
    return SiblingPairs(win, lose, several & (high - low >= threshold) & (high >= accept) & (overlaps <= overlap_limit))
