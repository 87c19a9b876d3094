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


@pytest.mark.parametrize("steps, linear, constant", [(100, None, 2.49), (1000, 2.006, 2.91)])
def test_last_iterate_bound(steps, linear, constant):
    """At the optimum for equal norms it tends to 2 / sqrt(T); that of the best constant rate grows like log T."""
    ones = jnp.ones(steps)
    optimum = jnp.asarray((steps - np.arange(steps)) / steps / np.sqrt(steps), jnp.float32)
    bound = float(schedules.last_iterate_bound(optimum, ones)) * np.sqrt(steps)
    if linear is not None:
        np.testing.assert_allclose(bound, linear, atol=1e-3)
    best = min(float(schedules.last_iterate_bound(rate * ones, ones)) for rate in np.linspace(0.2, 1.2, 41) / np.sqrt(steps))
    np.testing.assert_allclose(best * np.sqrt(steps), constant, atol=0.01)
    assert bound < best * np.sqrt(steps)


def test_last_iterate_bound_term_by_term():
    rng = np.random.default_rng(0)
    rates, norms, distance = rng.uniform(0.1, 1.0, 7), rng.uniform(0.5, 2.0, 7), 1.7
    s, q = (np.array([x[k:].sum() for k in range(7)]) for x in (rates, (rates * norms) ** 2))
    expected = distance**2 / (2 * s[0]) + q[0] / (2 * s[0]) + sum(rates[k] * q[k] / (s[k] * s[k + 1]) for k in range(6)) / 2
    actual = schedules.last_iterate_bound(jnp.asarray(rates, jnp.float32), jnp.asarray(norms, jnp.float32), distance=distance)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    longer = schedules.last_iterate_bound(
        jnp.asarray([*rates, 0.0, 0.0], jnp.float32), jnp.asarray([*norms, 1.0, 1.0], jnp.float32), distance=distance
    )
    np.testing.assert_allclose(longer, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="`learning_rates` must"):
        schedules.last_iterate_bound(jnp.ones(3), jnp.ones(4))
    with pytest.raises(ValueError, match="`distance` must"):
        schedules.last_iterate_bound(jnp.ones(3), jnp.ones(3), distance=0.0)
