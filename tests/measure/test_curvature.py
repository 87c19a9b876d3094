"""Eigenvalues, traces and kernels without Hessians, against dense Hessians and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure, models

SPECTRUM = np.array([5.0, 3.0, 3.0, 1.0, -4.0, 0.5], np.float32)
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0].astype(np.float32)
QUADRATIC = ROTATION @ np.diag(SPECTRUM) @ ROTATION.T


def quadratic(params):
    x = jnp.concatenate([params["a"], params["b"].ravel()])
    return 0.5 * x @ QUADRATIC @ x


PARAMS = {"a": np.arange(2, dtype=np.float32), "b": np.ones((2, 2), np.float32)}


def test_a_quadratic_has_its_spectrum_also_where_values_repeat():
    @jax.jit
    def results(params, key, other_key):
        found = measure.top_eigenvalues(quadratic, params, key, count=4)
        sharpness = measure.sharpness(quadratic, params, other_key, scale=2.0)
        return found, sharpness, measure.top_eigenvalues(lambda x: 0.5 * jnp.sum(x**2), jnp.ones(5), key, count=5)

    found, sharpness, identity = results(PARAMS, jax.random.key(0), jax.random.key(1))
    np.testing.assert_allclose(found, [5.0, 3.0, 3.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(sharpness, 10.0, rtol=1e-5)
    np.testing.assert_allclose(identity, np.ones(5), rtol=1e-5)


def test_hessian_vector_products_of_a_tree():
    vector = {"a": np.array([1.0, -1.0], np.float32), "b": np.array([[0.5, 0.0], [2.0, 1.0]], np.float32)}
    product = jax.jit(lambda params, vector: measure.hessian_vector_product(quadratic, params, vector))(PARAMS, vector)
    flat = np.concatenate([vector["a"], np.ravel(vector["b"])])
    np.testing.assert_allclose(np.concatenate([product["a"], np.ravel(product["b"])]), QUADRATIC @ flat, rtol=1e-5)


def test_a_linear_network_at_zero_residual():
    hidden, output, x = np.array([0.5, -1.0, 2.0], np.float32), np.array([1.0, 0.3, -0.7], np.float32), 1.5

    def loss(params):
        target = jnp.vdot(output, hidden) * x
        return 0.5 * (jnp.vdot(params[0], params[1]) * x - target) ** 2

    top = jax.jit(lambda params, key: measure.sharpness(loss, params, key))((output, hidden), jax.random.key(0))
    np.testing.assert_allclose(top, x**2 * (hidden @ hidden + output @ output), rtol=1e-5)


def network_loss(params, x):
    return jnp.mean(jnp.sum(jnp.tanh(x @ params["w"]) ** 2 * params["v"][None, :], axis=1) ** 2)


def test_the_largest_eigenvalue_of_a_network_is_that_of_its_dense_hessian():
    rng = np.random.default_rng(1)
    params = {"v": rng.normal(size=8).astype(np.float32), "w": rng.normal(size=(6, 8)).astype(np.float32)}
    x = rng.normal(size=(20, 6)).astype(np.float32)

    @jax.jit
    def results(params, x, key, trace_key):
        flat, unravel = jax.flatten_util.ravel_pytree(params)
        dense = jax.hessian(lambda vector: network_loss(unravel(vector), x))(flat)
        found = measure.top_eigenvalues(lambda p: network_loss(p, x), params, key, count=3, iterations=40)
        return dense, found, measure.hessian_trace(lambda p: network_loss(p, x), params, trace_key, probes=400)

    dense, found, estimate = jax.device_get(results(params, x, jax.random.key(0), jax.random.key(1)))
    expected = np.linalg.eigvalsh(dense)[::-1]
    np.testing.assert_allclose(found, expected[:3], rtol=1e-4)
    assert isinstance(estimate, measure.TraceEstimate)
    assert abs(estimate.trace - np.trace(dense)) < 4 * estimate.standard_error
    # The variance of Hutchinson's signs is 2 sum_{i != j} H_ij^2.
    off_diagonal = dense - np.diag(np.diag(dense))
    np.testing.assert_allclose(estimate.standard_error, np.sqrt(2 * np.sum(off_diagonal**2) / 400), rtol=0.25)


def test_the_trace_of_a_diagonal_hessian_is_exact():
    scales = np.array([1.0, -2.0, 5.0], np.float32)

    @jax.jit
    def results(x, key):
        estimate = measure.hessian_trace(lambda x: 0.5 * jnp.sum(scales * x**2), x, key, probes=3)
        return estimate, measure.hessian_trace(lambda x: jnp.sum(x**2), x, key, probes=1)

    estimate, of_one_probe = results(np.ones(3, np.float32), jax.random.key(0))
    np.testing.assert_allclose(estimate, [4.0, 0.0], atol=1e-6)
    assert np.isinf(of_one_probe.standard_error)


def test_the_kernel_has_the_eigenvalues_of_the_gauss_newton_matrix():
    rng = np.random.default_rng(2)
    params = {"w": rng.normal(size=(3, 2)).astype(np.float32)}
    x = rng.normal(size=(4, 3)).astype(np.float32)

    def apply(params, inputs):
        return jnp.tanh(inputs @ params["w"])

    @jax.jit
    def results(params, x):
        return measure.per_sample_jacobian(apply, params, x), measure.ntk_matrix(apply, params, x)

    jacobian, kernel = results(params, x)
    slopes = 1 - np.tanh(x @ params["w"]) ** 2
    expected = np.einsum("nk,nd,kj->nkdj", slopes, x, np.eye(2)).reshape(4, 2, 6)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-5, atol=1e-6)
    rows = expected.reshape(8, 6)
    np.testing.assert_allclose(kernel, rows @ rows.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.eigvalsh(kernel)[2:], np.linalg.eigvalsh(rows.T @ rows), rtol=1e-4, atol=1e-5)


def test_scaled_sharpness_at_the_start_is_the_same_in_both_parameterizations():
    x = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    scaled = {}
    for name in ("mup", "ntk"):
        model = models.ScaledMLP(width=16, depth=2, outputs=1, parameterization=name)

        @jax.jit
        def kernel_at_start(key, model=model):
            return measure.ntk_matrix(lambda p, rows: model.apply(p, rows)[:, 0], model.init(key, x), x)

        kernel = kernel_at_start(jax.random.key(4))
        scaled[name] = model.rate_scale * np.linalg.eigvalsh(kernel)[-1]
    np.testing.assert_allclose(scaled["mup"], scaled["ntk"], rtol=1e-4)


def test_bad_arguments_are_refused():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match="`count` must be at most .* = 6, got 7"):
        measure.top_eigenvalues(quadratic, PARAMS, key, count=7)
    with pytest.raises(ValueError, match="`iterations`"):
        measure.sharpness(quadratic, PARAMS, key, iterations=0)
    with pytest.raises(ValueError, match="`probes`"):
        measure.hessian_trace(quadratic, PARAMS, key, probes=0)
    with pytest.raises(ValueError, match=r"`apply` must return \[N\] or \[N, K\]"):
        measure.per_sample_jacobian(lambda p, x: p * jnp.sum(x), np.ones(2), np.ones((3, 2)))
