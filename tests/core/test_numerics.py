"""Functions for masked and degenerate entries, against NumPy."""

import jax
import numpy as np

from algax.core import numerics


def test_quantiles_are_those_of_the_entries_that_count():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 7)).astype(np.float32)
    where = rng.random((4, 7)) < 0.6
    where[1], where[2] = False, np.arange(7) == 3
    x[~where] = np.nan
    levels = np.array([0.0, 0.2, 0.5, 0.93, 1.0], np.float32)
    masked_quantiles = jax.jit(numerics.masked_quantiles)
    found = np.asarray(masked_quantiles(x, where, levels))
    for row in (0, 2, 3):
        np.testing.assert_allclose(found[row], np.quantile(x[row, where[row]].astype(np.float64), levels), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[1], 0.0)
    np.testing.assert_array_equal(masked_quantiles(x[0], where[0], levels), found[0])
