"""Coverage of several attempts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def factor(p, n):
    return float(measure.coverage_factors(jnp.log(jnp.float32(p)), n))


def test_stated_factors():
    np.testing.assert_allclose([factor(0.5, 2), factor(0.5, 4)], [2 / 3, 4 / 15], rtol=1e-5)
    np.testing.assert_allclose([factor(p, 1) for p in (0.0, 1e-6, 0.3, 1.0)], 1.0, rtol=1e-6)
    np.testing.assert_allclose([factor(0.0, 8), factor(1.0, 8), factor(1.0, 2)], [1.0, 0.0, 0.0], atol=1e-6)


def test_factors_fall_with_the_probability_and_the_attempts():
    table = np.array([[factor(p, n) for p in (1e-3, 0.05, 0.2, 0.5, 0.9)] for n in (2, 4, 16)])
    assert (np.diff(table, axis=0) < 0).all() and (np.diff(table, axis=1) < 0).all()


def test_series_and_closed_form_meet():
    for n in (4, 16):
        p = 0.1 / n
        exact = n * (1 - p) ** (n - 1) * p / (1 - (1 - p) ** n)
        for side in (0.999, 1.001):
            np.testing.assert_allclose(factor(side * p, n), exact, rtol=5e-4)
        np.testing.assert_allclose(factor(0.9999 * p, n), exact, rtol=3e-4)


def test_the_factor_is_the_slope_of_the_log_coverage():
    for p in (0.3, 0.7):
        slope = jax.grad(lambda x: jnp.log(measure.pass_at_n(jnp.exp(x), 8)))(jnp.log(jnp.float32(p)))
        np.testing.assert_allclose(factor(p, 8), slope, rtol=1e-4)


def test_pass_at_n():
    np.testing.assert_allclose(measure.pass_at_n(jnp.array([0.0, 0.5, 1.0]), 3), [0.0, 0.875, 1.0], rtol=1e-6)
    with pytest.raises(ValueError, match="`n`"):
        measure.pass_at_n(jnp.zeros(1), 0)
