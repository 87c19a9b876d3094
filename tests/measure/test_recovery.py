"""The share of a gap that is closed."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_gap_recovered_is_linear_between_the_baseline_and_the_ceiling():
    x = jnp.array([0.7, 0.6, 0.8, 0.5, 0.9])
    recovered = measure.gap_recovered(x, jnp.full(5, 0.6), jnp.full(5, 0.8))
    np.testing.assert_allclose(recovered, [0.5, 0.0, 1.0, -0.5, 1.5], atol=1e-6)


def test_no_gap_is_undefined():
    recovered = measure.gap_recovered(jnp.array([0.5, 0.7]), jnp.array([0.5, 0.5]), jnp.array([0.5, 0.5]))
    assert np.isnan(recovered).all()


def test_a_common_rescaling_changes_nothing():
    x, low, high = np.array([[0.3, 0.9], [0.1, 0.4], [0.8, 0.2]], np.float32)[:, None, :]
    plain = measure.gap_recovered(x, low, high)
    np.testing.assert_allclose(measure.gap_recovered(3 * x - 2, 3 * low - 2, 3 * high - 2), plain, rtol=1e-5)


def test_integers_and_bad_shapes():
    np.testing.assert_allclose(measure.gap_recovered(jnp.array(3), jnp.array(2), jnp.array(6)), 0.25)
    with pytest.raises(ValueError, match="`low`"):
        measure.gap_recovered(jnp.zeros(2), jnp.zeros(3), jnp.zeros(2))
