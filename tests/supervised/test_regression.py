"""Squared error by hand, masked rows left out."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import supervised


def test_squared_error_and_its_gradient_over_rows_that_count():
    logits, targets = np.array([[1.0, 2.0], [0.5, -1.0], [9.0, 9.0]], np.float32), np.zeros((3, 2), np.float32)
    targets[1] = [1.0, 1.0]
    mask = jnp.array([True, True, False])

    def loss(outputs):
        terms = supervised.Terms(targets=jnp.asarray(targets), mask=mask, logits=outputs)
        return supervised.squared_error()(terms)

    value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.asarray(logits))
    errors = logits[:2] - targets[:2]
    np.testing.assert_allclose(value, 0.5 * np.mean(np.sum(errors**2, axis=1)), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.concatenate([errors / 2, np.zeros((1, 2))]), rtol=1e-6)
