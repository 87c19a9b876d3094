"""TrAct against NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import models, updates

from ..parameters import draw_params


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@functools.partial(jax.jit, static_argnums=3)
def kernel_gradient(x, kernel, cotangent, regularization):
    _, pullback = jax.vjp(lambda kernel: models.tract_dense(x, kernel, regularization), kernel)
    return pullback(cotangent)[0]


def expected(x, cotangent, regularization):
    """The n by n form with an explicit inverse, in float64."""
    x, cotangent = (np.asarray(array, np.float64).reshape(-1, array.shape[-1]) for array in (x, cotangent))
    return np.linalg.inv(x.T @ x / len(x) + regularization * np.eye(x.shape[1])) @ x.T @ cotangent


@pytest.mark.parametrize("shape", [(9, 4), (3, 6), (2, 2, 7)], ids=str)
def test_tall_and_wide_inputs_agree_with_the_inverse(shape):
    x, kernel, cotangent = draw(*shape), draw(shape[-1], 3, seed=1), draw(*shape[:-1], 3, seed=2)
    np.testing.assert_allclose(kernel_gradient(x, kernel, cotangent, 0.3), expected(x, cotangent, 0.3), rtol=1e-4, atol=1e-5)


def test_forward_and_input_gradient_are_ordinary():
    x, kernel, cotangent = draw(5, 4), draw(4, 3, seed=1), draw(5, 3, seed=2)

    @jax.jit
    def results(x, kernel, cotangent):
        y, pullback = jax.vjp(models.tract_dense, x, kernel)
        return (y, pullback(cotangent)[0]), (x @ kernel, cotangent @ kernel.T)

    for actual, expected in zip(*results(x, kernel, cotangent), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_a_number_by_hand():
    gradient = kernel_gradient(np.full((1, 1), 2, np.float32), *np.ones((2, 1, 1), np.float32), 0.1)
    np.testing.assert_allclose(gradient, [[2 / 4.1]], rtol=1e-6)


def test_limits_of_the_regularization():
    x, kernel, cotangent = draw(8, 3), draw(3, 2, seed=1), draw(8, 2, seed=2)
    strong = np.asarray(kernel_gradient(x, kernel, cotangent, 1e6))
    np.testing.assert_allclose(1e6 * strong, x.T @ cotangent, rtol=1e-4, atol=1e-4)
    orthonormal = np.linalg.qr(x)[0] * np.sqrt(np.float32(8))
    small = kernel_gradient(orthonormal, kernel, cotangent, 1e-6)
    np.testing.assert_allclose(small, orthonormal.T @ cotangent, rtol=1e-4, atol=1e-4)
    scaled = kernel_gradient(4 * x, kernel, cotangent, 1e-6)
    np.testing.assert_allclose(4 * np.asarray(scaled), kernel_gradient(x, kernel, cotangent, 1e-6), rtol=1e-4, atol=1e-4)


def test_devices_share_the_second_moment():
    x, kernel, cotangent = draw(4, 3, 2), draw(2, 3, seed=1), draw(4, 3, 3, seed=2)

    def part(x, cotangent):
        _, pullback = jax.vjp(lambda kernel: models.tract_dense(x, kernel, 0.1, "batch"), kernel)
        return jax.lax.psum(pullback(cotangent)[0], "batch")

    parts = jax.jit(jax.vmap(part, axis_name="batch"))(x, cotangent)
    np.testing.assert_allclose(np.asarray(parts)[0], expected(x, cotangent, 0.1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [((1, 1), "SAME"), ((2, 1), "VALID"), ((1, 2), ((1, 0), (2, 1)))], ids=str)
def test_convolution(options):
    x, kernel = draw(2, 6, 5, 2), draw(3, 2, 2, 4, seed=1)

    def tract(x, kernel):
        return models.tract_conv(x, kernel, *options, regularization=1e6)

    def ordinary(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, *options, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    @jax.jit
    def results(x, kernel, cotangent):
        values, pullbacks = zip(*(jax.vjp(convolution, x, kernel) for convolution in (tract, ordinary)), strict=True)
        return *values, *(pullback(cotangent) for pullback in pullbacks)

    cotangent = draw(*jax.eval_shape(ordinary, x, kernel).shape, seed=2)
    y, ordinary_y, (dx, dk), (ordinary_dx, ordinary_dk) = jax.device_get(results(x, kernel, cotangent))
    np.testing.assert_allclose(y, ordinary_y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(dx, ordinary_dx, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(1e6 * dk, ordinary_dk, rtol=1e-3, atol=1e-3)


def test_layers_and_the_update_transform_agree():
    x = draw(7, 4)
    layer = models.MLP((5, 3), first=models.TractDense(5))
    plain = models.MLP((5, 3))
    params = draw_params(plain, x)
    own = jax.eval_shape(layer.init, jax.random.key(0), x)
    named = {"params": {"first": params["params"]["Dense_0"], "Dense_0": params["params"]["Dense_1"]}}
    assert jax.tree.structure(own) == jax.tree.structure(named)
    tx = updates.precondition_by_inputs("params/Dense_0/kernel")

    @jax.jit
    def results(params, named):
        gradient = jax.grad(lambda params: jnp.mean(jnp.square(plain.apply(params, x))))(params)
        changed, _ = tx.update(gradient, tx.init(params), params, inputs=x)
        return gradient, changed, jax.grad(lambda params: jnp.mean(jnp.square(layer.apply(params, x))))(named)["params"]

    gradient, changed, actual = results(params, named)
    np.testing.assert_allclose(actual["first"]["kernel"], changed["params"]["Dense_0"]["kernel"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(actual["first"]["bias"], gradient["params"]["Dense_0"]["bias"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(changed["params"]["Dense_1"]["kernel"], gradient["params"]["Dense_1"]["kernel"])


def test_convolution_layer_has_shapes_and_a_bias():
    layer = models.TractConv(3, (3, 3), strides=(2, 2), padding="VALID")
    x = draw(2, 7, 5, 2)
    params = draw_params(layer, x)
    apply = jax.jit(layer.apply)
    y = np.asarray(apply(params, x))
    assert params["params"]["kernel"].shape == (3, 3, 2, 3) and y.shape == (2, 3, 2, 3)
    shifted = {"params": params["params"] | {"bias": np.ones(3, np.float32)}}
    np.testing.assert_allclose(apply(shifted, x), y + 1, rtol=1e-6)


def test_half_precision_keeps_types():
    x, kernel = draw(5, 3).astype(jnp.bfloat16), draw(3, 2, seed=1).astype(jnp.bfloat16)
    dx, dk = jax.jit(jax.grad(lambda x, kernel: jnp.sum(models.tract_dense(x, kernel)), argnums=(0, 1)))(x, kernel)
    assert dx.dtype == dk.dtype == jnp.bfloat16 and np.all(np.isfinite(np.asarray(dk, np.float32)))


def test_wrong_arguments():
    x, kernel = draw(5, 3), draw(3, 2)
    for call, message in (
        (lambda: models.tract_dense(x, kernel.T), "`kernel` must be"),
        (lambda: models.tract_dense(x, kernel, 0.0), "`regularization` must be"),
        (lambda: models.tract_conv(x, kernel), "`kernel` must be"),
        (lambda: jax.eval_shape(models.MLP((5, 3), first=models.TractDense(4)).init, jax.random.key(0), x), "`first` must"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    tx = updates.precondition_by_inputs("head")
    with pytest.raises(ValueError, match="`target` must match a leaf"):
        tx.update({"kernel": kernel}, optax.EmptyState(), inputs=x)
    with pytest.raises(ValueError, match=r"`target` must match leaves \[3"):
        tx.update({"head": kernel.T}, optax.EmptyState(), inputs=x)
