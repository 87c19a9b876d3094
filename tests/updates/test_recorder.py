"""Recorded gradient norms against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import updates


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("steps", [3, 4, 11])
def test_the_ring_holds_the_last_norms_in_order(order, steps):
    rng = np.random.default_rng(0)
    gradients = {"a": rng.normal(size=(steps, 2, 3)).astype(np.float32), "b": rng.normal(size=(steps, 5)).astype(np.float32)}
    tx = updates.record_norms(4, order)

    def step(state, gradient):
        change, state = tx.update(gradient, state)
        return state, change

    state, passed = jax.lax.scan(step, tx.init(None), jax.tree.map(jnp.asarray, gradients))
    jax.tree.map(np.testing.assert_array_equal, passed, gradients)
    flat = np.concatenate([gradients["a"].reshape(steps, -1), gradients["b"]], axis=1)
    expected = np.linalg.norm(flat, ord=order, axis=1)[-4:]
    np.testing.assert_allclose(updates.recorded_norms(state), expected, rtol=1e-5)
