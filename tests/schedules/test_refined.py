"""`refine` and `smooth_norms` against closed forms and SciPy."""

import jax
import numpy as np
import pytest
from scipy import ndimage

from algax import schedules

refine = jax.jit(schedules.refine, static_argnames=("method", "window_fraction"))
smooth_norms = jax.jit(schedules.smooth_norms, static_argnames="window_fraction")
last_iterate_bound = jax.jit(schedules.last_iterate_bound, static_argnames="distance")


@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_equal_norms_give_linear_decay(method):
    values = refine(np.full(20, 3.0), method=method)
    np.testing.assert_allclose(values, (20 - np.arange(1, 21)) / 19, atol=1e-6)


def test_falling_norms_give_a_warmup():
    values = np.asarray(refine(np.exp(-np.arange(20) / 4.0)))
    peak = values.argmax()
    assert 3 < peak < 19 and values[0] < 0.1
    assert np.all(np.diff(values[: peak + 1]) > 0)


@pytest.mark.parametrize(("method", "exponent"), [("sgd", -2.0), ("adam", -1.0)])
def test_against_the_definition(method, exponent):
    norms = np.random.default_rng(0).uniform(0.5, 2.0, 15)
    weights = norms**exponent
    expected = np.array([weights[t] * weights[t + 1 :].sum() for t in range(15)])
    values = refine(norms, method=method, window_fraction=0.0)
    np.testing.assert_allclose(values, expected / expected.max(), rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(refine(1e4 * norms, method=method, window_fraction=0.0), values, rtol=1e-4, atol=1e-7)


def test_zero_norms_and_single_steps_stay_finite():
    assert np.all(np.isfinite(np.asarray(refine(np.array([1.0, 0.0, 1.0, 1.0]), window_fraction=0.0))))
    np.testing.assert_allclose(refine(np.zeros(3), window_fraction=0.0), [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(refine(np.array([2.0])), [1.0])


def test_smooth_norms_is_a_median_filter():
    norms = np.random.default_rng(1).uniform(size=50)
    padded = np.pad(norms, (0, 10), mode="reflect")
    expected = ndimage.median_filter(padded, size=5, mode="nearest")[:50]
    np.testing.assert_allclose(smooth_norms(norms, window_fraction=0.1), expected, rtol=1e-6)
    np.testing.assert_allclose(smooth_norms(norms, window_fraction=0.0), norms, rtol=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`gradient_norms` must have shape \[T\]"):
        schedules.refine(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="`method`"):
        schedules.refine(np.ones(3), method="lion")
    with pytest.raises(ValueError, match="`window_fraction`"):
        schedules.smooth_norms(np.ones(3), window_fraction=2.0)


@pytest.mark.parametrize("steps, linear, constant", [(100, None, 2.49), (1000, 2.006, 2.91)])
def test_last_iterate_bound(steps, linear, constant):
    """At the optimum for equal norms it tends to 2 / sqrt(T); that of the best constant rate grows like log T."""
    ones = np.ones(steps)
    optimum = (steps - np.arange(steps)) / steps / np.sqrt(steps)
    bound = float(last_iterate_bound(optimum, ones)) * np.sqrt(steps)
    if linear is not None:
        np.testing.assert_allclose(bound, linear, atol=1e-3)
    best = min(float(last_iterate_bound(rate * ones, ones)) for rate in np.linspace(0.2, 1.2, 41) / np.sqrt(steps))
    np.testing.assert_allclose(best * np.sqrt(steps), constant, atol=0.01)
    assert bound < best * np.sqrt(steps)


def test_last_iterate_bound_term_by_term():
    rng = np.random.default_rng(0)
    rates, norms, distance = rng.uniform(0.1, 1.0, 7), rng.uniform(0.5, 2.0, 7), 1.7
    s, q = (np.array([x[k:].sum() for k in range(7)]) for x in (rates, (rates * norms) ** 2))
    expected = distance**2 / (2 * s[0]) + q[0] / (2 * s[0]) + sum(rates[k] * q[k] / (s[k] * s[k + 1]) for k in range(6)) / 2
    actual = last_iterate_bound(rates, norms, distance=distance)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    longer = last_iterate_bound(np.array([*rates, 0.0, 0.0]), np.array([*norms, 1.0, 1.0]), distance=distance)
    np.testing.assert_allclose(longer, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="`learning_rates` must"):
        schedules.last_iterate_bound(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="`distance` must"):
        schedules.last_iterate_bound(np.ones(3), np.ones(3), distance=0.0)
