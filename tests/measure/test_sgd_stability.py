"""Stability of SGD at a minimum: the Kronecker matrix, limits and closed forms."""

import functools

import jax
import numpy as np
import pytest

from algax import measure

JACOBIAN = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def radius_by_matrix(jacobian, rate, batch):
    """The spectral radius of T as a P^2 x P^2 matrix, in float64."""
    g = jacobian.astype(np.float64)
    n, size = g.shape
    hessian, eye = g.T @ g / n, np.eye(size)
    moments = sum(np.kron(np.outer(row, row), np.outer(row, row)) for row in g) / n - np.kron(hessian, hessian)
    matrix = np.kron(eye - rate * hessian, eye - rate * hessian) + rate**2 / batch * moments
    return np.max(np.abs(np.linalg.eigvals(matrix)))


@functools.partial(jax.jit, static_argnames="batch_size")
def stability_radius(jacobian, rate, batch_size=1):
    return measure.sgd_stability_radius(jacobian, rate, batch_size=batch_size)


max_stable_lr = jax.jit(measure.max_stable_lr, static_argnames="batch_size")
loss_curvature = jax.jit(measure.loss_curvature)


@pytest.mark.parametrize(("rate", "batch"), [(0.05, 1), (0.4, 1), (0.4, 2), (0.9, 3)])
def test_the_radius_is_that_of_the_matrix(rate, batch):
    radius = stability_radius(JACOBIAN, rate, batch_size=batch)
    np.testing.assert_allclose(radius, radius_by_matrix(JACOBIAN, rate, batch), rtol=1e-5)


def test_large_batches_are_gradient_descent_and_small_ones_less_stable():
    rate = 0.5
    values = np.linalg.eigvalsh(JACOBIAN.T @ JACOBIAN / 5)
    descent = stability_radius(JACOBIAN, rate, batch_size=None)
    np.testing.assert_allclose(descent, np.max((1 - rate * values) ** 2), rtol=1e-5)
    np.testing.assert_allclose(stability_radius(JACOBIAN, rate, batch_size=10**6), descent, rtol=1e-4)
    one, two = (stability_radius(JACOBIAN, rate, batch_size=size) for size in (1, 2))
    assert one > two > descent
    np.testing.assert_allclose(max_stable_lr(JACOBIAN, batch_size=None), 2 / values[-1], rtol=1e-5)


def test_one_example_is_stable_up_to_two_over_its_squared_gradient():
    row = np.array([[1.0, -2.0, 0.5, 0.0]], np.float32)
    limit = 2 / 5.25
    np.testing.assert_allclose(max_stable_lr(row), limit, rtol=1e-5)
    assert stability_radius(row, 0.99 * limit) <= 1 < stability_radius(row, 1.01 * limit)


def test_orthogonal_gradients_with_more_parameters_than_examples():
    scales = np.array([0.5, 2.0, 1.0], np.float32)
    jacobian = np.diag(scales) @ np.eye(3, 6, dtype=np.float32)
    limit = np.asarray(max_stable_lr(jacobian))
    np.testing.assert_allclose(limit, 2 / 4.0, rtol=1e-5)
    curvature = loss_curvature(jacobian)
    np.testing.assert_allclose(curvature.trace, np.mean(scales**2), rtol=1e-6)
    assert curvature.trace <= 2 / limit


def test_repeated_rows_span_fewer_directions():
    doubled = np.concatenate([JACOBIAN[:2], JACOBIAN[:2]])
    expected = radius_by_matrix(np.linalg.qr(JACOBIAN[:2].T)[1].T, 0.3, 1)
    np.testing.assert_allclose(stability_radius(doubled, 0.3), expected, rtol=1e-5)


def test_the_largest_stable_rate_is_where_the_radius_is_one_and_bounds_the_trace():
    for batch in (1, 2):
        rate = float(max_stable_lr(JACOBIAN, batch_size=batch))
        np.testing.assert_allclose(radius_by_matrix(JACOBIAN, rate, batch), 1.0, rtol=1e-5)
        assert radius_by_matrix(JACOBIAN, 0.99 * rate, batch) < 1 < radius_by_matrix(JACOBIAN, 1.01 * rate, batch)
    curvature = loss_curvature(JACOBIAN)
    assert curvature.trace <= 2 / np.asarray(max_stable_lr(JACOBIAN, batch_size=1))


def test_curvature_of_the_loss():
    hessian = JACOBIAN.T @ JACOBIAN / 5
    curvature = loss_curvature(JACOBIAN)
    assert isinstance(curvature, measure.LossCurvature)
    expected = [np.trace(hessian), np.linalg.norm(hessian), np.linalg.eigvalsh(hessian)[-1]]
    np.testing.assert_allclose(curvature, expected, rtol=1e-5)


def test_the_traces_of_two_networks_are_the_mean_squared_gradients():
    rng = np.random.default_rng(3)
    x, w, a, u, v = (rng.normal(size=size).astype(np.float32) for size in ((7, 4), (5, 4), 5, 4, 4))

    @jax.jit
    def results(x, w, a, u, v):
        relu = measure.per_sample_jacobian(lambda p, x: jax.nn.relu(x @ p[0].T) @ p[1], (w, a), x)
        diagonal = measure.per_sample_jacobian(lambda p, x: x @ (p[0] ** 2 - p[1] ** 2), (u, v), x)
        return (measure.relu_net_trace(x, w, a), relu), (measure.diagonal_net_trace(x, u, v), diagonal)

    for trace, jacobian in jax.device_get(results(x, w, a, u, v)):
        np.testing.assert_allclose(trace, np.sum(jacobian**2) / 7, rtol=1e-5)


def test_bad_arguments_are_refused():
    jacobian = JACOBIAN
    with pytest.raises(ValueError, match="`batch_size`"):
        measure.sgd_stability_radius(jacobian, 0.1, batch_size=0)
    with pytest.raises(ValueError, match="`learning_rate`"):
        measure.sgd_stability_radius(jacobian, 0.0)
    with pytest.raises(ValueError, match="`iterations`"):
        measure.max_stable_lr(jacobian, iterations=0)
    with pytest.raises(ValueError, match="`jacobian`"):
        measure.loss_curvature(np.ones(3))
    with pytest.raises(ValueError, match="`inputs`, `hidden_weights`"):
        measure.relu_net_trace(np.ones((2, 3)), np.ones((4, 3)), np.ones(3))
    with pytest.raises(ValueError, match="`inputs`, `positive`"):
        measure.diagonal_net_trace(np.ones((2, 3)), np.ones(3), np.ones(2))
