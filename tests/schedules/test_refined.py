"""`refine` and `smooth_norms` against closed forms and SciPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from algax import schedules


@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_equal_norms_give_linear_decay(method):
    values = schedules.refine(jnp.full(20, 3.0), method=method)
    np.testing.assert_allclose(values, (20 - np.arange(1, 21)) / 19, atol=1e-6)


def test_falling_norms_give_a_warmup():
    values = np.asarray(schedules.refine(jnp.exp(-jnp.arange(20.0) / 4.0)))
    peak = values.argmax()
    assert 3 < peak < 19 and values[0] < 0.1
    assert np.all(np.diff(values[: peak + 1]) > 0)


@pytest.mark.parametrize(("method", "exponent"), [("sgd", -2.0), ("adam", -1.0)])
def test_against_the_definition(method, exponent):
    norms = np.random.default_rng(0).uniform(0.5, 2.0, 15)
    weights = norms**exponent
    expected = np.array([weights[t] * weights[t + 1 :].sum() for t in range(15)])
    values = schedules.refine(norms, method=method, window_fraction=0.0)
    np.testing.assert_allclose(values, expected / expected.max(), rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(schedules.refine(1e4 * norms, method=method, window_fraction=0.0), values, rtol=1e-4, atol=1e-7)


def test_zero_norms_and_single_steps_stay_finite():
    assert np.all(np.isfinite(schedules.refine(jnp.array([1.0, 0.0, 1.0, 1.0]), window_fraction=0.0)))
    np.testing.assert_allclose(schedules.refine(jnp.zeros(3), window_fraction=0.0), [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(schedules.refine(jnp.array([2.0])), [1.0])


def test_smooth_norms_is_a_median_filter():
    norms = np.random.default_rng(1).uniform(size=50)
    padded = np.pad(norms, (0, 10), mode="reflect")
    expected = ndimage.median_filter(padded, size=5, mode="nearest")[:50]
    np.testing.assert_allclose(schedules.smooth_norms(norms, window_fraction=0.1), expected, rtol=1e-6)
    np.testing.assert_allclose(schedules.smooth_norms(norms, window_fraction=0.0), norms, rtol=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`gradient_norms` must have shape \[T\]"):
        schedules.refine(jnp.zeros((2, 2)))
    with pytest.raises(ValueError, match="`method`"):
        schedules.refine(jnp.ones(3), method="lion")
    with pytest.raises(ValueError, match="`window_fraction`"):
        schedules.smooth_norms(jnp.ones(3), window_fraction=2.0)
