"""Matching failed with correct responses: `Pairs`."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum


def by_hand(correct, groups, reference):
    """(row, chosen) and rows with the reference as the chosen response."""
    matched, taught = [], []
    for group in dict.fromkeys(groups):
        rows = [i for i, g in enumerate(groups) if g == group]
        right, wrong = [i for i in rows if correct[i]], [i for i in rows if not correct[i]]
        matched += list(zip(wrong, right, strict=False))
        if not right and reference[wrong[0]]:
            taught.append(wrong[0])
    return sorted(matched), sorted(taught)


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_matched_in_order(seed):
    rng = np.random.default_rng(seed)
    groups = rng.choice([5, -3, 70, 8], 12)
    correct = (rng.random(12) < 0.4) & (groups != 8)
    reference = (groups == 8) if seed % 2 else np.zeros(12, bool)
    pairs = curriculum.pairs_from_rollouts(jnp.asarray(correct), jnp.asarray(groups), jnp.asarray(reference))
    where, taught = np.asarray(pairs.where), np.asarray(pairs.from_reference)
    matched = [(i, int(pairs.chosen[i])) for i in np.flatnonzero(where & ~taught)]
    assert (matched, list(np.flatnonzero(taught))) == by_hand(correct, groups.tolist(), reference)
    assert not np.any(taught & ~where)


def test_numbers_of_pairs():
    correct, groups = jnp.array([1, 0, 0, 0, 0, 0]), jnp.array([1, 1, 1, 2, 2, 2])
    assert int(curriculum.pairs_from_rollouts(correct, groups).where.sum()) == 1  # min(1, 2), and none without a reference
    taught = curriculum.pairs_from_rollouts(correct, groups, jnp.ones(6, bool))
    assert int(taught.where.sum()) == 2 and int(taught.from_reference.sum()) == 1
