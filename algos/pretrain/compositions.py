"""Combinations of skills to write texts for, in training and held out."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence

import jax
import numpy as np

from ..core import checks


def skill_subsets(
    key: jax.Array, skills: Sequence[int], size: int, count: int, *, exclude: Collection[Sequence[int]] = ()
) -> np.ndarray:
    """Draws different subsets of skills, all being equally likely.

    Args:
      key: a PRNG key.
      skills: n different integers.
      size: k in [1, n], skills in a subset; the paper trains on 1 to 3 and tests on 2 to 5.
      count: >= 1, subsets.
      exclude: subsets not to draw, such as those of the training data; others than of `skills` are ignored.

    Returns:
      `[count, k]` integers, each row sorted.

    Raises:
      ValueError: an argument is out of range, or there are not as many subsets.

    Source: Zhao et al., "Can Models Learn Skill Composition from Examples?", 2024, arXiv 2409.19808.
    """
    ordered = sorted(checks.integer("skills", skill) for skill in skills)
    checks.integer("size", size, least=1)
    checks.integer("count", count, least=1)
    if len(set(ordered)) != len(ordered) or size > len(ordered):
        raise ValueError(f"`skills` must be different and at least `size` = {size}, got {ordered}")
    excluded = {subset for subset in map(frozenset, exclude) if len(subset) == size and subset <= set(ordered)}
    total = math.comb(len(ordered), size)
    if count > total - len(excluded):
        raise ValueError(f"`count` must be at most the {total - len(excluded)} subsets left, got {count}")
    seed = int(np.asarray(jax.random.key_data(key)).astype(np.uint32).tobytes().hex(), 16)
    ranks = random.Random(seed).sample(range(total), min(total, count + len(excluded)))
    drawn = ([ordered[place] for place in _unranked(rank, len(ordered), size)] for rank in ranks)
    return np.asarray([subset for subset in drawn if frozenset(subset) not in excluded][:count])


def _unranked(rank: int, items: int, size: int) -> list[int]:
    """The subset of a rank in the order of the alphabet."""
    subset, item = [], 0
    while size:
        behind = math.comb(items - item - 1, size - 1)
        if rank < behind:
            subset.append(item)
            size -= 1
        else:
            rank -= behind
        item += 1
    return subset


def composition_split(key: jax.Array, skills: Sequence[int], *, held_out: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Splits skills (or topics) into those of the training data and those held out.

    Args:
      key: a PRNG key.
      skills: n different integers.
      held_out: in [0, 1], the share held out, rounded to whole skills.

    Returns:
      Training and held-out skills, sorted, with nothing in common.

    Raises:
      ValueError: an argument is out of range.

    Source: Zhao et al., 2024, arXiv 2409.19808.
    """
    values = np.asarray([checks.integer("skills", skill) for skill in skills])
    if len(set(values.tolist())) != len(values):
        raise ValueError(f"`skills` must be different, got {values}")
    checks.between("held_out", held_out, 0.0, 1.0)
    order = np.asarray(jax.random.permutation(key, len(values)))
    held = round(held_out * len(values))
    return np.sort(values[order[held:]]), np.sort(values[order[:held]])
