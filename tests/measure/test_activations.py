"""Share of silent units."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_activation_sparsity_counts_exact_zeros_of_rows_that_count():
    activations = jnp.array([[0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 1e-9], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(measure.activation_sparsity(activations), 9 / 12)
    np.testing.assert_allclose(measure.activation_sparsity(activations, jnp.array([True, True, False])), 5 / 8)
    assert measure.activation_sparsity(activations, jnp.zeros(3, bool)) == 0.0
    with pytest.raises(ValueError, match="`mask` must have shape"):
        measure.activation_sparsity(activations, jnp.ones(2, bool))
