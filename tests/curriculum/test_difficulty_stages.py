"""Stages, mixtures and the hardest share, against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum, schedules

DIFFICULTY, BOUNDARIES = (3.0, 12.0, 5.0, 4.0, 9.0, 2.0), (4.0, 9.0)


def weights_at(stages, steps):
    state = stages.init()
    for _ in range(steps):
        state = stages.update(state, None)
    return np.asarray(stages.weights(state))


def test_only_the_current_bin_has_mass_without_replay():
    stages = curriculum.difficulty_stages(DIFFICULTY, BOUNDARIES, steps_per_stage=2)
    easy, middle, hard = [1, 0, 0, 1, 0, 1], [0, 0, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0]
    for step, inside in {0: easy, 1: easy, 2: middle, 3: middle, 4: hard, 9: hard}.items():
        np.testing.assert_allclose(weights_at(stages, step), np.array(inside) / np.sum(inside), rtol=1e-6)


def test_replay_spreads_its_share_over_the_bins_before():
    stages = curriculum.difficulty_stages(DIFFICULTY, BOUNDARIES, steps_per_stage=1, replay=0.3)
    np.testing.assert_allclose(weights_at(stages, 0), [1 / 3, 0, 0, 1 / 3, 0, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(weights_at(stages, 1), [0.1, 0, 0.35, 0.1, 0.35, 0.1], rtol=1e-6)
    np.testing.assert_allclose(weights_at(stages, 2), [0.06, 0.7, 0.06, 0.06, 0.06, 0.06], rtol=1e-6)
    for step in range(4):
        np.testing.assert_allclose(weights_at(stages, step).sum(), 1.0, rtol=1e-6)


def test_one_bin_is_uniform():
    stages = curriculum.difficulty_stages(DIFFICULTY, (), steps_per_stage=1)
    np.testing.assert_allclose(weights_at(stages, 5), np.full(6, 1 / 6), rtol=1e-6)


def test_what_stages_refuse():
    with pytest.raises(ValueError, match="leave no bin empty, got bins of"):
        curriculum.difficulty_stages(DIFFICULTY, (1.0,), steps_per_stage=1)
    with pytest.raises(ValueError, match="must be ascending"):
        curriculum.difficulty_stages(DIFFICULTY, (9.0, 4.0), steps_per_stage=1)


def test_mixtures_sum_to_one_and_change_at_their_steps():
    mixture = curriculum.mixture_schedule([(0, (6, 2)), (10, (0, 1)), (12, (1, 1))])
    values = np.asarray(jax.vmap(mixture)(jnp.arange(-1, 14)))
    np.testing.assert_allclose(values.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(values[[0, 1, 10, 11, 12, 13, 14]], [[0.75, 0.25]] * 3 + [[0, 1]] * 2 + [[0.5, 0.5]] * 2)
    for stages, message in {
        ((1, (1,)),): "must begin at step 0",
        ((0, (1,)), (0, (1,))): "must have ascending steps",
        ((0, (0.0, 0.0)),): "sum above 0",
        ((0, (-1.0, 2.0)),): "weights >= 0",
    }.items():
        with pytest.raises(ValueError, match=message):
            curriculum.mixture_schedule(stages)


def test_the_rate_of_stable_then_decay():
    """The sheet's values; all branches share the plateau."""
    rate = schedules.warmup_stable_decay_constant(1.0, 0.1, warmup=0, stable=100, decay_steps=10)
    np.testing.assert_allclose([float(rate(step)) for step in (0, 99, 105, 110, 500)], [1, 1, 0.55, 0.1, 0.1], rtol=1e-6)
    assert np.all(np.diff([float(rate(step)) for step in range(120)]) <= 1e-7)


def test_the_top_share_of_each_stratum():
    scores = jnp.array([5.0, 1.0, 4.0, 3.0, 2.0, 9.0, 8.0, 7.0, 6.0, 0.0])
    strata = jnp.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(np.flatnonzero(curriculum.top_share(scores, 0.3)), [5, 6, 7])
    np.testing.assert_array_equal(np.flatnonzero(curriculum.top_share(scores, 0.4, strata)), [0, 2, 5, 6])
    assert np.asarray(curriculum.top_share(scores, 1.0, strata)).all()
    np.testing.assert_array_equal(np.flatnonzero(curriculum.top_share(jnp.zeros(10), 0.3)), [0, 1, 2])
