"""A user of Flax NNX passes split state through the same functions."""

import jax
import numpy as np
import optax
import pytest

import algax
from algax import policy

try:
    from flax import nnx
except Exception as error:  # noqa: BLE001 - a flax that does not fit jax fails in more than one way
    pytest.skip(f"flax.nnx does not import here: {error}", allow_module_level=True)


def test_an_nnx_model_trains_through_gradient():
    with jax.numpy_dtype_promotion("standard"):
        graph, params = nnx.split(nnx.Linear(4, 3, rngs=nnx.Rngs(0)))
        rng = np.random.default_rng(0)
        terms = policy.Terms(
            inputs=rng.normal(size=(6, 1, 4)).astype(np.float32), tokens=rng.integers(0, 3, (6, 1)),
            rewards=rng.normal(size=6).astype(np.float32), group_ids=np.repeat(np.arange(2), 3),
        )
        forward = policy.forward(lambda params, inputs: nnx.merge(graph, params)(inputs))
        tx = optax.chain(algax.gradient(policy.rloo(), forward, microbatches=2), optax.sgd(0.1))

        @jax.jit
        @jax.value_and_grad
        def loss(params):
            return policy.rloo()(forward(params, terms, None))

        @jax.jit
        def step(params):
            updates, state = tx.update(None, tx.init(params), params, terms=terms)
            return optax.apply_updates(params, updates), state

        moved, state = step(params)
        value, gradient = loss(params)
        np.testing.assert_allclose(optax.tree.get(state, "metrics")["loss"], value, rtol=1e-5)
        expected = jax.tree.map(lambda p, g: np.asarray(p) - 0.1 * np.asarray(g), params, gradient)
        jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-6), moved, expected)
