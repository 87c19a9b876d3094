"""Corrupted steps have the rates asked for, mixtures keep their groups."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum

KEY = jax.random.key(3)
MASK = np.arange(6)[None, :] < np.tile([3, 6, 1, 5], 50)[:, None]


def corrupt_steps(**rates):
    return np.asarray(jax.jit(functools.partial(curriculum.corrupt_steps, **rates))(KEY, MASK))


def test_rates():
    corrupted = corrupt_steps(outcome_rate=0.9, step_rate=0.6)
    wrong, mask = corrupted.any(1), MASK
    assert wrong.sum() == 180 and not (corrupted & ~mask).any()
    last = mask.sum(1) - 1
    assert corrupted[np.arange(200), last][wrong].all()
    several = wrong & (mask.sum(1) > 1)
    shares = corrupted[several].sum(1) / mask[several].sum(1)
    assert abs(shares.mean() - 0.6) < 4 * shares.std() / np.sqrt(several.sum())


def test_no_rate_corrupts_the_last_step_alone_and_unselected_solutions_never():
    corrupted = corrupt_steps(outcome_rate=0.5, step_rate=0.0)
    assert sorted(corrupted.sum(1)) == [0] * 100 + [1] * 100
    assert not corrupt_steps(outcome_rate=0.0, step_rate=1.0).any()
    everything = corrupt_steps(outcome_rate=1.0, step_rate=1.0)
    np.testing.assert_array_equal(everything, MASK)
    with pytest.raises(ValueError, match="`step_rate`"):
        corrupt_steps(outcome_rate=1.0, step_rate=1.5)


def test_a_mixture_keeps_tasks_with_their_parts():
    tasks, parts = jnp.array([7, 3, 9]), jnp.array([3, 9, 7, 7, 9])
    mixture = jax.jit(curriculum.group_mixture)
    orders = [np.asarray(mixture(jax.random.key(seed), tasks, parts)) for seed in range(6)]
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
    control = mixture(KEY, tasks, jnp.array([7, 3, 9, 7, 3]))
    assert control.shape == orders[0].shape
