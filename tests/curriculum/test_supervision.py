"""Corrupted steps have the rates asked for, mixtures keep their groups."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum

KEY = jax.random.key(3)
MASK = jnp.arange(6)[None, :] < jnp.tile(jnp.array([3, 6, 1, 5]), 50)[:, None]


def test_rates():
    corrupted = np.asarray(curriculum.corrupt_steps(KEY, MASK, outcome_rate=0.9, step_rate=0.6))
    wrong, mask = corrupted.any(1), np.asarray(MASK)
    assert wrong.sum() == 180 and not (corrupted & ~mask).any()
    last = mask.sum(1) - 1
    assert corrupted[np.arange(200), last][wrong].all()
    several = wrong & (mask.sum(1) > 1)
    shares = corrupted[several].sum(1) / mask[several].sum(1)
    assert abs(shares.mean() - 0.6) < 4 * shares.std() / np.sqrt(several.sum())


def test_no_rate_corrupts_the_last_step_alone_and_unselected_solutions_never():
    corrupted = np.asarray(curriculum.corrupt_steps(KEY, MASK, outcome_rate=0.5, step_rate=0.0))
    assert sorted(corrupted.sum(1)) == [0] * 100 + [1] * 100
    assert not curriculum.corrupt_steps(KEY, MASK, outcome_rate=0.0, step_rate=1.0).any()
    everything = curriculum.corrupt_steps(KEY, MASK, outcome_rate=1.0, step_rate=1.0)
    np.testing.assert_array_equal(everything, MASK)
    with pytest.raises(ValueError, match="`step_rate`"):
        curriculum.corrupt_steps(KEY, MASK, outcome_rate=1.0, step_rate=1.5)


def test_a_mixture_keeps_tasks_with_their_parts():
    tasks, parts = jnp.array([7, 3, 9]), jnp.array([3, 9, 7, 7, 9])
    orders = [np.asarray(curriculum.group_mixture(jax.random.key(seed), tasks, parts)) for seed in range(6)]
    ids = np.concatenate([tasks, parts])
    starts = set()
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(8))
        groups = ids[order]
        assert np.count_nonzero(np.diff(groups)) == 2
        firsts = order[np.r_[True, np.diff(groups) != 0]]
        assert (firsts < 3).all()
        starts.add(int(groups[0]))
    assert len(starts) > 1
    control = curriculum.group_mixture(KEY, tasks, jnp.array([7, 3, 9, 7, 3]))
    assert control.shape == orders[0].shape
