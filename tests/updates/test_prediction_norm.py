"""The penalty on the gradient norm of the mean prediction: exact cases and the multiplier."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import updates

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 1.5]], np.float32)
PARAMS = np.array([0.3, -1.0, 0.6], np.float32)


def quadratic(params, inputs):
    return jnp.mean(0.5 * params @ MATRIX @ params + inputs @ params)


def apply(predict, params, inputs, **options):
    tx = updates.prediction_gradient_penalty(predict, **options)
    step = jax.jit(lambda params, inputs: tx.update(jnp.zeros_like(params), tx.init(params), params, inputs=inputs))
    return jax.device_get(step(params, inputs))


@pytest.mark.parametrize("radius", [0.01, 0.5])
def test_exact_for_a_quadratic_whatever_the_radius(radius):
    params, inputs = PARAMS, np.zeros((1, 3), np.float32)
    gradient = MATRIX @ params
    expected = 0.2 * 0.1 * MATRIX @ gradient / np.linalg.norm(gradient)
    added, state = apply(quadratic, params, inputs, scale=0.1, radius=radius, multiplier=0.2)
    np.testing.assert_allclose(added, expected, rtol=1e-4)
    np.testing.assert_allclose(state.norm, np.linalg.norm(gradient), rtol=1e-6)


def test_nothing_is_added_for_a_linear_prediction_or_without_a_multiplier():
    params, inputs = PARAMS, np.ones((4, 3), np.float32)
    np.testing.assert_allclose(apply(lambda w, x: jnp.mean(x @ w), params, inputs, multiplier=1.0)[0], np.zeros(3), atol=1e-6)
    np.testing.assert_array_equal(apply(quadratic, params, inputs, multiplier=0.0)[0], np.zeros(3))
    np.testing.assert_array_equal(apply(lambda w, x: jnp.mean(0.0 * x @ w), params, inputs, multiplier=1.0)[0], np.zeros(3))


def test_the_finite_difference_tends_to_the_product_with_the_hessian():
    def predict(w, x):
        return jnp.mean(jnp.tanh(x @ w) ** 2)

    params, inputs = PARAMS, np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)

    @jax.jit
    def product(params):
        slope = jax.grad(lambda w: predict(w, inputs))
        unit = slope(params) / jnp.linalg.norm(slope(params))
        return jax.jvp(slope, (params,), (unit,))[1]

    exact = np.asarray(product(params))
    errors = [
        np.linalg.norm(apply(predict, params, inputs, scale=1.0, radius=radius, multiplier=1.0)[0] - exact)
        for radius in (0.04, 0.02)
    ]
    assert 0.4 < errors[1] / errors[0] < 0.6


def test_the_multiplier_rises_only_above_the_bound_and_never_below_zero():
    params, inputs = PARAMS, np.zeros((1, 3), np.float32)
    norm = float(np.linalg.norm(MATRIX @ params))
    common = {"scale": 0.5, "multiplier": 0.1, "multiplier_rate": 0.01}
    above = apply(quadratic, params, inputs, bound=0.4 * norm, **common)[1].multiplier
    np.testing.assert_allclose(above, 0.1 + 0.01 * 0.1 * norm, rtol=1e-5)
    below = apply(quadratic, params, inputs, bound=0.6 * norm, **common)[1].multiplier
    np.testing.assert_allclose(below, 0.1 - 0.01 * 0.1 * norm, rtol=1e-5)
    assert apply(quadratic, params, inputs, bound=100.0, scale=0.5, multiplier=0.1, multiplier_rate=1.0)[1].multiplier == 0


def test_it_needs_its_arguments():
    tx = updates.prediction_gradient_penalty(quadratic)
    with pytest.raises(ValueError, match="needs `params`"):
        tx.update(np.ones(3), tx.init(np.ones(3)), inputs=np.ones((1, 3)))
    chained = optax.chain(tx, optax.sgd(0.1))
    with pytest.raises(TypeError, match="inputs"):
        chained.update(np.ones(3), chained.init(np.ones(3)), np.ones(3))
