"""TrAct against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import models, updates


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


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
    y, pullback = jax.vjp(models.tract_dense, x, kernel)
    np.testing.assert_array_equal(y, x @ kernel)
    np.testing.assert_array_equal(pullback(cotangent)[0], cotangent @ kernel.T)


def test_a_number_by_hand():
    gradient = kernel_gradient(jnp.full((1, 1), 2.0), jnp.ones((1, 1)), jnp.ones((1, 1)), 0.1)
    np.testing.assert_allclose(gradient, [[2 / 4.1]], rtol=1e-6)


def test_limits_of_the_regularization():
    x, kernel, cotangent = draw(8, 3), draw(3, 2, seed=1), draw(8, 2, seed=2)
    np.testing.assert_allclose(1e6 * kernel_gradient(x, kernel, cotangent, 1e6), x.T @ cotangent, rtol=1e-4, atol=1e-4)
    orthonormal = jnp.asarray(np.linalg.qr(np.asarray(x))[0]) * jnp.sqrt(jnp.float32(8.0))
    small = kernel_gradient(orthonormal, kernel, cotangent, 1e-6)
    np.testing.assert_allclose(small, orthonormal.T @ cotangent, rtol=1e-4, atol=1e-4)
    scaled = kernel_gradient(4.0 * x, kernel, cotangent, 1e-6)
    np.testing.assert_allclose(4.0 * scaled, kernel_gradient(x, kernel, cotangent, 1e-6), rtol=1e-4, atol=1e-4)


def test_devices_share_the_second_moment():
    x, kernel, cotangent = draw(4, 3, 2), draw(2, 3, seed=1), draw(4, 3, 3, seed=2)

    def part(x, cotangent):
        _, pullback = jax.vjp(lambda kernel: models.tract_dense(x, kernel, 0.1, "batch"), kernel)
        return jax.lax.psum(pullback(cotangent)[0], "batch")

    parts = jax.vmap(part, axis_name="batch")(x, cotangent)
    np.testing.assert_allclose(parts[0], expected(x, cotangent, 0.1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [((1, 1), "SAME"), ((2, 1), "VALID"), ((1, 2), ((1, 0), (2, 1)))], ids=str)
def test_convolution(options):
    x, kernel = draw(2, 6, 5, 2), draw(3, 2, 2, 4, seed=1)
    ordinary = jax.lax.conv_general_dilated(x, kernel, *options, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y, pullback = jax.vjp(lambda x, kernel: models.tract_conv(x, kernel, *options, regularization=1e6), x, kernel)
    np.testing.assert_allclose(y, ordinary, rtol=1e-5, atol=1e-5)
    _, ordinary_pullback = jax.vjp(
        lambda x, kernel: jax.lax.conv_general_dilated(x, kernel, *options, dimension_numbers=("NHWC", "HWIO", "NHWC")),
        x,
        kernel,
    )
    cotangent = draw(*y.shape, seed=2)
    (dx, dk), (ordinary_dx, ordinary_dk) = pullback(cotangent), ordinary_pullback(cotangent)
    np.testing.assert_allclose(dx, ordinary_dx, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(1e6 * dk, ordinary_dk, rtol=1e-3, atol=1e-3)


def test_layers_and_the_update_transform_agree():
    x = draw(7, 4)
    layer = models.MLP((5, 3), first=models.TractDense(5))
    plain = models.MLP((5, 3))
    params = plain.init(jax.random.key(0), x)
    own = layer.init(jax.random.key(0), x)
    named = {"params": {"first": params["params"]["Dense_0"], "Dense_0": params["params"]["Dense_1"]}}
    assert jax.tree.structure(own) == jax.tree.structure(named)
    tx = updates.precondition_by_inputs("params/Dense_0/kernel")
    gradient = jax.grad(lambda params: jnp.mean(jnp.square(plain.apply(params, x))))(params)
    changed, _ = tx.update(gradient, tx.init(params), params, inputs=x)
    actual = jax.grad(lambda params: jnp.mean(jnp.square(layer.apply(params, x))))(named)["params"]
    np.testing.assert_allclose(actual["first"]["kernel"], changed["params"]["Dense_0"]["kernel"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(actual["first"]["bias"], gradient["params"]["Dense_0"]["bias"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(changed["params"]["Dense_1"]["kernel"], gradient["params"]["Dense_1"]["kernel"])


def test_convolution_layer_has_shapes_and_a_bias():
    layer = models.TractConv(3, (3, 3), strides=(2, 2), padding="VALID")
    x = draw(2, 7, 5, 2)
    params = layer.init(jax.random.key(0), x)
    assert params["params"]["kernel"].shape == (3, 3, 2, 3) and layer.apply(params, x).shape == (2, 3, 2, 3)
    shifted = {"params": params["params"] | {"bias": jnp.ones(3)}}
    np.testing.assert_allclose(layer.apply(shifted, x), layer.apply(params, x) + 1.0, rtol=1e-6)


def test_half_precision_keeps_types():
    x, kernel = draw(5, 3).astype(jnp.bfloat16), draw(3, 2, seed=1).astype(jnp.bfloat16)
    dx, dk = jax.grad(lambda x, kernel: jnp.sum(models.tract_dense(x, kernel)), argnums=(0, 1))(x, kernel)
    assert dx.dtype == dk.dtype == jnp.bfloat16 and np.all(np.isfinite(np.asarray(dk, np.float32)))


def test_wrong_arguments():
    x, kernel = draw(5, 3), draw(3, 2)
    for call, message in (
        (lambda: models.tract_dense(x, kernel.T), "`kernel` must be"),
        (lambda: models.tract_dense(x, kernel, 0.0), "`regularization` must be"),
        (lambda: models.tract_conv(x, kernel), "`kernel` must be"),
        (lambda: models.MLP((5, 3), first=models.TractDense(4)).init(jax.random.key(0), x), "`first` must"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    tx = updates.precondition_by_inputs("head")
    with pytest.raises(ValueError, match="`target` must match a leaf"):
        tx.update({"kernel": kernel}, optax.EmptyState(), inputs=x)
    with pytest.raises(ValueError, match=r"`target` must match leaves \[3"):
        tx.update({"head": kernel.T}, optax.EmptyState(), inputs=x)
