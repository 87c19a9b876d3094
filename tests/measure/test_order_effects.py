"""Other orders of the batches: exact for quadratics, second order in the rate otherwise, against retraining."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import measure

T = 6
X = jax.random.normal(jax.random.key(0), (T, 5, 3))
Y = jax.random.normal(jax.random.key(1), (T, 5))
START = {"w": jnp.array([0.3, -0.2, 0.5])}
ORDER = jnp.array([2, 0, 5, 1, 3, 4])
KEEP = jnp.arange(T)


def quadratic(params, batch):
    x, y = batch
    return 0.5 * jnp.mean((x @ params["w"] - y) ** 2)


def cubic(params, batch):
    x, y = batch
    return 0.1 * jnp.mean((x @ params["w"] - y) ** 3)


def smooth(params, batch):
    x, y = batch
    return jnp.mean((jnp.tanh(x @ params["w"]) - y) ** 2)


def retrain(loss, optimizer, order):
    batches = jax.tree.map(lambda leaf: leaf[order], (X, Y))
    return measure.reference_run(jax.grad(loss), optimizer, START, batches).params["w"]


@functools.partial(jax.jit, static_argnames=("loss", "optimizer", "moments", "curvature", "second"))
def estimate(order, loss, optimizer, **options):
    with jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
        trajectory = measure.reference_run(jax.grad(loss), optimizer, START, (X, Y))
        return measure.estimate_order(jax.grad(loss), optimizer, trajectory, (X, Y), order, **options)["w"]


def test_the_reference_run_is_training_and_its_own_order_exact():
    optimizer = optax.sgd(0.3)
    expected = [np.asarray(START["w"])]
    for x, y in zip(np.asarray(X), np.asarray(Y), strict=True):
        expected.append(expected[-1] - 0.3 * x.T @ (x @ expected[-1] - y) / 5)
    np.testing.assert_allclose(retrain(quadratic, optimizer, KEEP), expected, rtol=1e-5)
    adam = optax.adam(0.05)
    with jax.numpy_dtype_promotion("standard"):
        trained = retrain(smooth, adam, KEEP)
    for options in ({}, {"moments": "frozen"}, {"curvature": "secant"}, {"moments": "frozen", "curvature": "secant"}):
        np.testing.assert_allclose(estimate(KEEP, smooth, adam, **options), trained, atol=1e-6)


@pytest.mark.parametrize("moments", ["carried", "frozen"])
def test_a_quadratic_under_gradient_descent_is_exact_in_any_order(moments):
    optimizer = optax.sgd(0.3)
    found = estimate(ORDER, quadratic, optimizer, moments=moments)
    np.testing.assert_allclose(found, retrain(quadratic, optimizer, ORDER), rtol=1e-5, atol=1e-6)


def error(rate, **options):
    """Of the end, after the first two batches are swapped."""
    order, optimizer = KEEP.at[:2].set(jnp.array([1, 0])), optax.sgd(rate)
    return float(jnp.max(jnp.abs(estimate(order, smooth, optimizer, **options) - retrain(smooth, optimizer, order))))


def test_errors_fall_faster_than_the_square_of_the_rate_and_second_order_lowers_them():
    plain, half = error(0.1), error(0.05)
    assert 1e-5 < half < 0.26 * plain
    assert error(0.1, second=True) < 0.6 * plain


@pytest.mark.parametrize("moments", ["carried", "frozen"])
def test_the_second_order_is_exact_for_a_cubic(moments):
    optimizer = optax.sgd(0.1)
    true = retrain(cubic, optimizer, ORDER)
    np.testing.assert_allclose(estimate(ORDER, cubic, optimizer, moments=moments, second=True), true, atol=1e-6)
    assert np.max(np.abs(estimate(ORDER, cubic, optimizer, moments=moments) - true)) > 1e-4


@pytest.mark.parametrize("moments", ["carried", "frozen"])
def test_secants_are_exact_where_hessians_are_diagonal(moments):
    def gradient(params, batch):
        scales, centres = batch
        return {"w": scales * (params["w"] - centres)}

    optimizer = optax.sgd(0.3)
    batches = 0.2 + jnp.abs(X[:, 0]), X[:, 1]
    trajectory = measure.reference_run(gradient, optimizer, START, batches)
    found = measure.estimate_order(gradient, optimizer, trajectory, batches, ORDER, moments=moments, curvature="secant")
    true = measure.reference_run(gradient, optimizer, START, jax.tree.map(lambda leaf: leaf[ORDER], batches))
    np.testing.assert_allclose(found["w"], true.params["w"], rtol=1e-4, atol=1e-5)


def test_identical_batches_in_any_order_change_nothing():
    same = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:1], leaf.shape), (X, Y))
    trajectory = measure.reference_run(jax.grad(smooth), optax.sgd(0.2), START, same)
    assert isinstance(trajectory, measure.Trajectory)
    found = measure.estimate_order(jax.grad(smooth), optax.sgd(0.2), trajectory, same, ORDER)
    np.testing.assert_allclose(found["w"], trajectory.params["w"], atol=1e-7)


def test_the_derivative_of_adam_is_that_of_its_formula():
    b1, b2, eps, count = 0.9, 0.99, 1e-6, 4
    m, v, direction = jnp.array([0.1, -0.2, 0.0]), jnp.array([0.02, 0.01, 0.03]), jnp.array([0.5, 1.0, -1.0])
    state = optax.ScaleByAdamState(jnp.asarray(count - 1), {"w": m}, {"w": v})
    with jax.numpy_dtype_promotion("standard"):
        found = measure.linearized_update(
            jax.grad(smooth), optax.scale_by_adam(b1, b2, eps), state, START, (X[0], Y[0]), {"w": direction}
        )
    assert isinstance(found, measure.LinearizedUpdate)
    gradient = jax.grad(lambda w: smooth({"w": w}, (X[0], Y[0])))
    g, dg = jax.jvp(gradient, (START["w"],), (direction,))
    m_hat = (b1 * m + (1 - b1) * g) / (1 - b1**count)
    root = jnp.sqrt((b2 * v + (1 - b2) * g**2) / (1 - b2**count))
    slope = (1 - b1) / (1 - b1**count) * dg / (root + eps)
    slope = slope - m_hat / (root + eps) ** 2 * (1 - b2) * g * dg / ((1 - b2**count) * root)
    np.testing.assert_allclose(found.update["w"], m_hat / (root + eps), rtol=1e-5)
    np.testing.assert_allclose(found.derivative["w"], slope, rtol=1e-4)


def test_parameters_without_any_gradient_stay_finite_under_adam():
    dead = X.at[..., 1].set(0.0), Y
    with jax.numpy_dtype_promotion("standard"):
        trajectory = measure.reference_run(jax.grad(smooth), optax.adam(0.05), START, dead)
        found = measure.estimate_order(jax.grad(smooth), optax.adam(0.05), trajectory, dead, ORDER, moments="frozen")["w"]
    assert np.all(np.isfinite(found))
    np.testing.assert_array_equal(found[:, 1], START["w"][1])


def test_sensitivity_moves_one_batch_through_the_order():
    seen = []
    matrix = measure.order_sensitivity(
        lambda order: jnp.sum(order * 10 ** jnp.arange(3, -1, -1)), lambda total, batch: total * 10 + batch, jnp.arange(4)
    )
    for i in range(4):
        for j in range(4):
            order = [b for b in range(4) if b != i]
            order.insert(j, i)
            seen.append(int("".join(map(str, order)) + str(i)))
    np.testing.assert_array_equal(np.ravel(matrix), seen)


def test_the_search_finds_the_best_order_and_is_never_worse():
    orders = jnp.stack([jax.random.permutation(key, 5) for key in jax.random.split(jax.random.key(0), 8)])

    def score(order):
        return jnp.sum(jnp.abs(order - jnp.arange(5)))

    order, value = measure.search_orders(jax.random.key(1), orders, score, generations=40)
    np.testing.assert_array_equal(order, np.arange(5))
    assert value == 0
    _, first = measure.search_orders(jax.random.key(1), orders, score, generations=0)
    assert first == min(int(score(order)) for order in orders)


def test_bad_arguments_are_refused():
    trajectory = measure.reference_run(jax.grad(smooth), optax.sgd(0.2), START, (X, Y))
    run = functools.partial(measure.estimate_order, jax.grad(smooth), optax.sgd(0.2), trajectory, (X, Y))
    for options in ({"moments": "fixed"}, {"curvature": "exact"}, {"second": True, "curvature": "secant"}):
        with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
            run(ORDER, **options)
    with pytest.raises(ValueError, match="`order` must have shape"):
        run(ORDER[:3])
    with pytest.raises(ValueError, match="`orders` must have shape"):
        measure.search_orders(jax.random.key(0), jnp.zeros((3, 2), jnp.int32), jnp.sum)
    with pytest.raises(ValueError, match="`generations`"):
        measure.search_orders(jax.random.key(0), jnp.zeros((2, 2), jnp.int32), jnp.sum, generations=-1)
