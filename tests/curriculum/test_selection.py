"""Selections by scores against NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum


def test_the_lowest_scores_stay():
    scores = jnp.array([0.3, -1.0, 5.0, 0.3, 0.2])
    for fraction, expected in ((0.0, []), (0.4, [1, 4]), (0.6, [0, 1, 4]), (1.0, [0, 1, 2, 3, 4])):
        np.testing.assert_array_equal(np.flatnonzero(curriculum.keep_lowest(scores, fraction)), expected)
    with pytest.raises(ValueError, match="`fraction`"):
        curriculum.keep_lowest(scores, 1.5)


def test_constant_scores_vary_not_and_are_dropped():
    scores = jnp.array([[0.0] * 4, [0.3] * 4, [1.0] * 4, [1.0, 0.0, 1.0, 0.0]])
    np.testing.assert_allclose(curriculum.coefficient_of_variation(scores), [0.0, 0.0, 0.0, 1.0], atol=1e-6)
    np.testing.assert_array_equal(curriculum.difficulty_filter(scores), [False, False, False, True])


def test_variation_of_bernoulli_attempts_and_of_scaled_scores():
    for p, expected in ((0.5, 1.0), (0.2, 2.0)):
        scores = jnp.asarray(np.arange(1000) < 1000 * p)[None, :]
        np.testing.assert_allclose(curriculum.coefficient_of_variation(scores), [expected], rtol=1e-5)
        np.testing.assert_allclose(curriculum.pass_rates(scores), [p], rtol=1e-6)
    scores = jnp.asarray(np.random.default_rng(0).uniform(size=(5, 7)), jnp.float32)
    plain = curriculum.coefficient_of_variation(scores)
    np.testing.assert_allclose(plain, np.std(scores, 1) / np.mean(scores, 1), rtol=1e-5)
    np.testing.assert_allclose(curriculum.coefficient_of_variation(0.2 * scores), plain, rtol=1e-5)


def test_a_score_at_the_threshold_does_not_pass():
    np.testing.assert_array_equal(curriculum.pass_rates(jnp.array([[0.9, 0.91, 0.5, 1.0]])), [0.5])


def test_the_range_of_pass_rates_is_closed():
    scores = jnp.array([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    kept = curriculum.difficulty_filter(scores, pass_range=(0.5, 0.75))
    np.testing.assert_array_equal(kept, [False, True, True])
    assert not curriculum.difficulty_filter(scores, least_variation=1.9).any()
    with pytest.raises(ValueError, match="`pass_range`"):
        curriculum.difficulty_filter(scores, pass_range=(0.5, 0.2))


def test_grades():
    np.testing.assert_array_equal(curriculum.difficulty_grades(jnp.array([1.0, 0.5, 0.3, 0.0]), (0.25, 0.5)), [0, 1, 1, 2])
    with pytest.raises(ValueError, match="`edges`"):
        curriculum.difficulty_grades(jnp.zeros(2), (0.5, 0.25))
