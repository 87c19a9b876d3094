"""What a mask counts, against NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax.core.terms import row_counts, row_mask


@pytest.mark.parametrize("shape", [(3,), (3, 0), (3, 1), (3, 16), (3, 17), (2, 3, 7), (2, 70_000)])
def test_rows_of_any_width_are_counted_exactly(shape):
    full, empty, mixed = np.ones(shape, bool), np.zeros(shape, bool), np.random.default_rng(0).random(shape) < 0.5
    for where in (full, empty, mixed):
        counts = row_counts(jnp.asarray(where))
        assert counts.dtype == jnp.float32
        expected = where.reshape(shape[0], -1).sum(axis=1)
        np.testing.assert_array_equal(counts, expected)
        np.testing.assert_array_equal(row_mask(jnp.asarray(where)), expected > 0)
