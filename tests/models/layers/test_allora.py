"""ALLoRA against NumPy and ordinary LoRA."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import models
from algax.models import lora


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X, KERNEL, A, B, COTANGENT = draw(5, 4), draw(4, 6, seed=1), draw(4, 2, seed=2), draw(2, 6, seed=3), draw(5, 6, seed=4)


@functools.partial(jax.jit, static_argnums=1)
def gradients_jitted(b, eta):
    _, pullback = jax.vjp(lambda x, a, b: models.allora(x, KERNEL, a, b, eta), X, A, b)
    _, ordinary = jax.vjp(lambda x, a, b: x @ (KERNEL + a @ b), X, A, b)
    return pullback(COTANGENT), ordinary(COTANGENT)


def gradients(b, eta):
    """Of x, a and b, for ALLoRA and for LoRA."""
    return jax.device_get(gradients_jitted(b, eta))


allora_scales = jax.jit(models.allora_scales, static_argnums=2)
allora_output_scales = jax.jit(models.allora_output_scales, static_argnums=1)


def test_gradients_against_the_dense_form():
    eta = 1.5
    (dx, da, db), (ordinary_dx, _, _) = gradients(B, eta)
    x, a, b, g = (np.asarray(array, np.float64) for array in (X, A, B, COTANGENT))
    scales = 1 / np.sqrt(np.linalg.norm(a @ b, axis=0) + eta**-2)
    dense = (x.T @ g) * scales
    np.testing.assert_allclose(allora_scales(A, B, eta), scales, rtol=1e-5)
    np.testing.assert_allclose(da, dense @ b.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(db, a.T @ dense, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx, ordinary_dx, rtol=1e-5, atol=1e-5)
    y = jax.jit(lambda x, a, b: models.allora(x, KERNEL, a, b, eta))(X, A, B)
    np.testing.assert_allclose(y, X @ (KERNEL + A @ B), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", ["outputs", "scaled_outputs"])
def test_variants_scale_by_their_outputs_row_by_row(variant):
    eta = 1.5

    @jax.jit
    def results(x, a, b, cotangent):
        y, pullback = jax.vjp(lambda x, a, b: models.allora(x, KERNEL, a, b, eta, variant), x, a, b)
        return y, pullback(cotangent)

    y, slopes = results(X, A, B, COTANGENT)
    x, kernel, a, b, g = (np.asarray(array, np.float64) for array in (X, KERNEL, A, B, COTANGENT))
    scales = 1 / np.sqrt(np.abs(x @ a @ b) + eta**-2)
    np.testing.assert_allclose(allora_output_scales(X @ A @ B, eta), scales, rtol=1e-4)
    dense, on_outputs = x.T @ (scales * g), scales if variant == "scaled_outputs" else 1.0
    np.testing.assert_allclose(y, x @ kernel + on_outputs * (x @ a @ b), rtol=1e-4, atol=1e-5)
    expected = g @ kernel.T + (on_outputs * g) @ (a @ b).T, dense @ b.T, a.T @ dense
    for found, value in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)


def test_scales_by_hand():
    a = np.eye(3, 3, dtype=np.float32)
    b = np.array([[0.0, 1.0, 3.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    one, two, large = jax.device_get(jax.jit(lambda a, b: [models.allora_scales(a, b, eta) for eta in (1.0, 2.0, 1e4)])(a, b))
    np.testing.assert_allclose(one, [1.0, 2**-0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(two[0], 2.0, rtol=1e-6)
    np.testing.assert_allclose(large[1], 1.0, rtol=1e-6)


def test_at_the_start_only_b_moves():
    (_, da, db), (_, _, ordinary_db) = gradients(np.zeros_like(B), 2.0)
    np.testing.assert_array_equal(da, 0.0)
    np.testing.assert_allclose(db, 2.0 * ordinary_db, rtol=1e-5)


def test_equal_norms_scale_both_gradients_by_one_number():
    b = B / np.linalg.norm(A @ B, axis=0)[None]
    (_, da, db), (_, ordinary_da, ordinary_db) = gradients(b, 1.0)
    np.testing.assert_allclose(da, 2**-0.5 * ordinary_da, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(db, 2**-0.5 * ordinary_db, rtol=1e-4, atol=1e-5)


def test_adapters_of_a_model_get_the_same_gradients():
    params = {"kernel": KERNEL}
    adapters = lora.Adapters(factors={"kernel": lora.Factors(A, B)}, scale=1.0)

    def loss(adapters):
        return jnp.vdot(X @ lora.apply(params, adapters, eta=1.5)["kernel"], COTANGENT)

    value, gradient = jax.jit(jax.value_and_grad(loss))(adapters)
    (_, da, db), _ = gradients(B, 1.5)
    np.testing.assert_allclose(value, np.vdot(X @ (KERNEL + A @ B), COTANGENT), rtol=1e-5)
    np.testing.assert_allclose(gradient.factors["kernel"].a, da, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradient.factors["kernel"].b, db, rtol=1e-4, atol=1e-5)


def test_layer_is_frozen_but_for_its_factors():
    layer = models.AlloraDense(6, rank=2)

    @jax.jit
    def results(key, x):
        params = layer.init(key, x)
        gradient = jax.grad(lambda params: jnp.sum(layer.apply(params, x)))(params)["params"]
        return layer.apply(params, x), x @ params["params"]["kernel"], gradient

    y, expected, gradient = jax.device_get(results(jax.random.key(0), X))
    np.testing.assert_array_equal(y, expected)
    assert not np.any(gradient["kernel"]) and not np.any(gradient["a"]) and np.all(gradient["b"])
    merged = {"params": {"kernel": KERNEL + A @ B, "a": A, "b": np.zeros_like(B)}}
    whole = {"params": {"kernel": KERNEL, "a": A, "b": B}}
    apply = jax.jit(layer.apply)
    np.testing.assert_allclose(apply(merged, X), apply(whole, X), rtol=1e-5, atol=1e-5)


def test_half_precision_keeps_types():
    x, kernel, a, b = (array.astype(jnp.bfloat16) for array in (X, KERNEL, A, B))
    found = jax.jit(jax.grad(lambda x, a, b: jnp.sum(models.allora(x, kernel, a, b)), argnums=(0, 1, 2)))(x, a, b)
    assert {array.dtype for array in found} == {jnp.dtype(jnp.bfloat16)}


def test_wrong_arguments():
    for call, message in (
        (lambda: models.allora_scales(A, B, 0.0), "`eta` must be"),
        (lambda: models.allora_scales(A, B.T), "`b` must be"),
        (lambda: models.allora_output_scales(X, -1.0), "`eta` must be"),
        (lambda: models.allora(X, KERNEL, A, B, variant="rows"), "`variant` must be one of weights, outputs, scaled_outputs"),
        (lambda: models.allora(X, KERNEL.T, A, B), "`kernel` must be"),
        (lambda: models.allora(X[:, :2], KERNEL, A, B), "`kernel` must be"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
