"""Eigenvalues, traces and kernels without Hessians, against dense Hessians and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure, models

SPECTRUM = np.array([5.0, 3.0, 3.0, 1.0, -4.0, 0.5], np.float32)
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0].astype(np.float32)
QUADRATIC = jnp.asarray(ROTATION @ np.diag(SPECTRUM) @ ROTATION.T)


def quadratic(params):
    x = jnp.concatenate([params["a"], params["b"].ravel()])
    return 0.5 * x @ QUADRATIC @ x


PARAMS = {"a": jnp.arange(2.0), "b": jnp.ones((2, 2))}


def test_a_quadratic_has_its_spectrum_also_where_values_repeat():
    found = jax.jit(lambda p, k: measure.top_eigenvalues(quadratic, p, k, count=4))(PARAMS, jax.random.key(0))
    np.testing.assert_allclose(found, [5.0, 3.0, 3.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(measure.sharpness(quadratic, PARAMS, jax.random.key(1), scale=2.0), 10.0, rtol=1e-5)
    identity = measure.top_eigenvalues(lambda x: 0.5 * jnp.sum(x**2), jnp.ones(5), jax.random.key(0), count=5)
    np.testing.assert_allclose(identity, np.ones(5), rtol=1e-5)


def test_hessian_vector_products_of_a_tree():
    vector = {"a": jnp.array([1.0, -1.0]), "b": jnp.array([[0.5, 0.0], [2.0, 1.0]])}
    product = measure.hessian_vector_product(quadratic, PARAMS, vector)
    flat = np.concatenate([vector["a"], np.ravel(vector["b"])])
    np.testing.assert_allclose(np.concatenate([product["a"], np.ravel(product["b"])]), QUADRATIC @ flat, rtol=1e-5)


def test_a_linear_network_at_zero_residual():
    hidden, output, x = jnp.array([0.5, -1.0, 2.0]), jnp.array([1.0, 0.3, -0.7]), 1.5

    def loss(params):
        target = jnp.vdot(output, hidden) * x
        return 0.5 * (jnp.vdot(params[0], params[1]) * x - target) ** 2

    top = measure.sharpness(loss, (output, hidden), jax.random.key(0))
    np.testing.assert_allclose(top, x**2 * (jnp.vdot(hidden, hidden) + jnp.vdot(output, output)), rtol=1e-5)


def network_loss(params, x):
    return jnp.mean(jnp.sum(jnp.tanh(x @ params["w"]) ** 2 * params["v"][None, :], axis=1) ** 2)


def test_the_largest_eigenvalue_of_a_network_is_that_of_its_dense_hessian():
    rng = np.random.default_rng(1)
    params = {"v": jnp.asarray(rng.normal(size=8), jnp.float32), "w": jnp.asarray(rng.normal(size=(6, 8)), jnp.float32)}
    x = jnp.asarray(rng.normal(size=(20, 6)), jnp.float32)
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    dense = jax.hessian(lambda vector: network_loss(unravel(vector), x))(flat)
    expected = np.linalg.eigvalsh(dense)[::-1]
    found = measure.top_eigenvalues(lambda p: network_loss(p, x), params, jax.random.key(0), count=3, iterations=40)
    np.testing.assert_allclose(found, expected[:3], rtol=1e-4)
    estimate = measure.hessian_trace(lambda p: network_loss(p, x), params, jax.random.key(1), probes=400)
    assert isinstance(estimate, measure.TraceEstimate)
    assert abs(estimate.trace - np.trace(dense)) < 4 * estimate.standard_error
    # The variance of Hutchinson's signs is 2 sum_{i != j} H_ij^2.
    off_diagonal = np.asarray(dense - np.diag(np.diag(dense)))
    np.testing.assert_allclose(estimate.standard_error, np.sqrt(2 * np.sum(off_diagonal**2) / 400), rtol=0.25)


def test_the_trace_of_a_diagonal_hessian_is_exact():
    scales = jnp.array([1.0, -2.0, 5.0])
    estimate = measure.hessian_trace(lambda x: 0.5 * jnp.sum(scales * x**2), jnp.ones(3), jax.random.key(0), probes=3)
    np.testing.assert_allclose(estimate, [4.0, 0.0], atol=1e-6)
    assert np.isinf(measure.hessian_trace(lambda x: jnp.sum(x**2), jnp.ones(3), jax.random.key(0), probes=1).standard_error)


def test_the_kernel_has_the_eigenvalues_of_the_gauss_newton_matrix():
    rng = np.random.default_rng(2)
    params = {"w": jnp.asarray(rng.normal(size=(3, 2)), jnp.float32)}
    x = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)

    def apply(params, inputs):
        return jnp.tanh(inputs @ params["w"])

    jacobian = measure.per_sample_jacobian(apply, params, x)
    slopes = 1 - np.tanh(x @ params["w"]) ** 2
    expected = np.einsum("nk,nd,kj->nkdj", slopes, x, np.eye(2)).reshape(4, 2, 6)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-5, atol=1e-6)
    kernel = measure.ntk_matrix(apply, params, x)
    rows = expected.reshape(8, 6)
    np.testing.assert_allclose(kernel, rows @ rows.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.eigvalsh(kernel)[2:], np.linalg.eigvalsh(rows.T @ rows), rtol=1e-4, atol=1e-5)


def test_scaled_sharpness_at_the_start_is_the_same_in_both_parameterizations():
    x = jax.random.normal(jax.random.key(3), (5, 4))
    scaled = {}
    for name in ("mup", "ntk"):
        model = models.ScaledMLP(width=16, depth=2, outputs=1, parameterization=name)
        params = model.init(jax.random.key(4), x)
        kernel = measure.ntk_matrix(lambda p, rows, model=model: model.apply(p, rows)[:, 0], params, x)
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
        measure.per_sample_jacobian(lambda p, x: p * jnp.sum(x), jnp.ones(2), jnp.ones((3, 2)))
