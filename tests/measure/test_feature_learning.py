"""Two features under one rate: the ratio law, the threshold of oscillation, symmetries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure

RUN = jax.jit(measure.two_feature_dynamics, static_argnames=("steps", "strong_norm", "weak_norm", "start"))


def test_steps_multiply_the_overlaps():
    run = RUN(0.7, steps=30)
    assert isinstance(run, measure.TwoFeatureRun)
    errors = 1.0 - np.square(run.strong[:-1]) - np.square(run.weak[:-1])
    np.testing.assert_allclose(run.errors, errors, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.diff(np.log(run.weak)), np.log1p(2 * 0.7 * run.errors * 0.15**2), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose([run.strong[0], run.weak[0]], [0.05, 0.0075], rtol=1e-6)


def test_without_a_rate_or_a_feature_nothing_moves():
    still = RUN(0.0, steps=5)
    np.testing.assert_array_equal(still.strong, still.strong[0])
    np.testing.assert_array_equal(RUN(0.8, steps=5, weak_norm=0.0).weak, 0.0)


def test_weak_features_grow_beyond_the_threshold_alone():
    small, large = RUN(0.45, steps=400), RUN(0.8, steps=400)
    assert abs(small.errors[-1]) < 1e-3 and small.weak[-1] < 0.0083
    assert jnp.std(large.errors[-100:]) > 0.2 and jnp.max(jnp.abs(large.strong)) < 2.0
    assert large.weak[-1] > 10 * small.weak[-1]
    assert jnp.sum(large.errors) > 3 * jnp.sum(small.errors)


def test_overlaps_with_a_feature():
    weights, feature = jnp.array([[3.0, 4.0], [-1.0, 0.5]]), jnp.array([0.0, 2.0])
    np.testing.assert_allclose(measure.feature_overlap(weights, feature), [4.0, 0.5])
    np.testing.assert_allclose(measure.feature_overlap(-weights, -feature), [4.0, 0.5])


def test_bad_arguments_are_refused():
    for bad in ({"learning_rate": -0.1}, {"steps": 0}, {"strong_norm": -1.0}, {"weak_norm": -1.0}, {"start": 0.0}):
        with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be"):
            measure.two_feature_dynamics(**{"learning_rate": 0.1, "steps": 2, **bad})
    with pytest.raises(ValueError, match="`weights` and `feature`"):
        measure.feature_overlap(jnp.ones((2, 3)), jnp.ones(2))
