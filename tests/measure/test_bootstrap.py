"""Intervals of resampled grids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure

KEY = jax.random.key(0)
grid_bootstrap = jax.jit(measure.grid_bootstrap, static_argnums=(2, 3))


def test_a_constant_has_no_width():
    interval = grid_bootstrap(KEY, np.full((3, 4), 0.5), jnp.mean, 50)
    assert isinstance(interval, measure.Interval)
    np.testing.assert_allclose(interval, [0.5, 0.5, 0.5, 0.0], atol=1e-7)


def test_the_spread_of_a_mean():
    # The mean of additive rows and columns varies by both of their variances.
    rows, columns = np.random.default_rng(1).normal(size=(2, 40))
    grid = (rows[:, None] + columns[None, :]).astype(np.float32)
    interval = jax.device_get(grid_bootstrap(KEY, grid, jnp.mean, 4000))
    spread = 1.96 * np.sqrt((rows.var() + columns.var()) / 40)
    np.testing.assert_allclose(interval.half_width, spread, rtol=0.08)
    np.testing.assert_allclose(interval.half_width, (interval.high - interval.low) / 2, rtol=1e-5)
    assert abs(float(interval.mean) - float(grid.mean())) < 0.1 * spread
    with pytest.raises(ValueError, match="`resamples`"):
        measure.grid_bootstrap(KEY, grid, jnp.mean, 0)
