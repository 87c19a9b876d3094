"""Other orders of the batches: exact for quadratics, second order in the rate otherwise, against retraining."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import measure

T = 6
X, Y = np.asarray(jax.random.normal(jax.random.key(0), (T, 5, 3))), np.asarray(jax.random.normal(jax.random.key(1), (T, 5)))
START = {"w": np.array([0.3, -0.2, 0.5], np.float32)}
ORDER = np.array([2, 0, 5, 1, 3, 4])
KEEP = np.arange(T)


def quadratic(params, batch):
    x, y = batch
    return 0.5 * jnp.mean((x @ params["w"] - y) ** 2)


def cubic(params, batch):
    x, y = batch
    return 0.1 * jnp.mean((x @ params["w"] - y) ** 3)


def smooth(params, batch):
    x, y = batch
    return jnp.mean((jnp.tanh(x @ params["w"]) - y) ** 2)


@functools.partial(jax.jit, static_argnames=("loss", "optimizer"))
def run(x, y, loss, optimizer):
    with jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
        return measure.reference_run(jax.grad(loss), optimizer, START, (x, y))


def retrain(loss, optimizer, order):
    return np.asarray(run(X[order], Y[order], loss, optimizer).params["w"])


@functools.partial(jax.jit, static_argnames=("loss", "optimizer", "moments", "curvature", "second"))
def estimates(trajectory, batches, order, loss, optimizer, **options):
    with jax.numpy_dtype_promotion("standard"):
        return measure.estimate_order(jax.grad(loss), optimizer, trajectory, batches, order, **options)["w"]


def estimate(order, loss, optimizer, **options):
    return np.asarray(estimates(run(X, Y, loss, optimizer), (X, Y), order, loss, optimizer, **options))


def test_the_reference_run_is_training_and_its_own_order_exact():
    optimizer = optax.sgd(0.3)
    expected = [START["w"]]
    for x, y in zip(X, Y, strict=True):
        expected.append(expected[-1] - 0.3 * x.T @ (x @ expected[-1] - y) / 5)
    np.testing.assert_allclose(retrain(quadratic, optimizer, KEEP), expected, rtol=1e-5)
    adam = optax.adam(0.05)
    trained = retrain(smooth, adam, KEEP)
    for options in ({}, {"moments": "frozen"}, {"curvature": "secant"}, {"moments": "frozen", "curvature": "secant"}):
        np.testing.assert_allclose(estimate(KEEP, smooth, adam, **options), trained, atol=1e-6)


@pytest.mark.parametrize("moments", ["carried", "frozen"])
def test_a_quadratic_under_gradient_descent_is_exact_in_any_order(moments):
    optimizer = optax.sgd(0.3)
    found = estimate(ORDER, quadratic, optimizer, moments=moments)
    np.testing.assert_allclose(found, retrain(quadratic, optimizer, ORDER), rtol=1e-5, atol=1e-6)


def error(optimizer, **options):
    """Of the end, after the first two batches are swapped."""
    order = np.array([1, 0, *KEEP[2:]])
    return np.max(np.abs(estimate(order, smooth, optimizer, **options) - retrain(smooth, optimizer, order)))


def test_errors_fall_faster_than_the_square_of_the_rate_and_second_order_lowers_them():
    full, half = optax.sgd(0.1), optax.sgd(0.05)
    plain = error(full)
    assert 1e-5 < error(half) < 0.26 * plain
    assert error(full, second=True) < 0.6 * plain


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
    batches = np.float32(0.2) + np.abs(X[:, 0]), X[:, 1]

    @jax.jit
    def results(batches, shuffled):
        trajectory = measure.reference_run(gradient, optimizer, START, batches)
        found = measure.estimate_order(gradient, optimizer, trajectory, batches, ORDER, moments=moments, curvature="secant")
        return found["w"], measure.reference_run(gradient, optimizer, START, shuffled).params["w"]

    found, true = results(batches, tuple(leaf[ORDER] for leaf in batches))
    np.testing.assert_allclose(found, true, rtol=1e-4, atol=1e-5)


def test_identical_batches_in_any_order_change_nothing():
    same = jax.tree.map(lambda leaf: np.broadcast_to(leaf[:1], leaf.shape), (X, Y))

    @jax.jit
    def results():  # of NumPy arrays that it does not take as arguments
        trajectory = measure.reference_run(jax.grad(smooth), optax.sgd(0.2), START, same)
        return trajectory, measure.estimate_order(jax.grad(smooth), optax.sgd(0.2), trajectory, same, ORDER)

    trajectory, found = results()
    assert isinstance(trajectory, measure.Trajectory)
    np.testing.assert_allclose(found["w"], trajectory.params["w"], atol=1e-7)


def test_the_derivative_of_adam_is_that_of_its_formula():
    b1, b2, eps, count = 0.9, 0.99, 1e-6, 4
    m, v, direction = np.array([[0.1, -0.2, 0.0], [0.02, 0.01, 0.03], [0.5, 1.0, -1.0]], np.float32)
    state = optax.ScaleByAdamState(jnp.asarray(count - 1), {"w": m}, {"w": v})

    @jax.jit
    def results(state, direction):
        found = measure.linearized_update(
            jax.grad(smooth), optax.scale_by_adam(b1, b2, eps), state, START, (X[0], Y[0]), {"w": direction}
        )
        gradient = jax.grad(lambda w: smooth({"w": w}, (X[0], Y[0])))
        return found, *jax.jvp(gradient, (START["w"],), (direction,))

    with jax.numpy_dtype_promotion("standard"):
        found, g, dg = jax.device_get(results(state, direction))
    assert isinstance(found, measure.LinearizedUpdate)
    m_hat = (b1 * m + (1 - b1) * g) / (1 - b1**count)
    root = np.sqrt((b2 * v + (1 - b2) * g**2) / (1 - b2**count))
    slope = (1 - b1) / (1 - b1**count) * dg / (root + eps)
    slope = slope - m_hat / (root + eps) ** 2 * (1 - b2) * g * dg / ((1 - b2**count) * root)
    np.testing.assert_allclose(found.update["w"], m_hat / (root + eps), rtol=1e-5)
    np.testing.assert_allclose(found.derivative["w"], slope, rtol=1e-4)


def test_parameters_without_any_gradient_stay_finite_under_adam():
    dead = X * np.array([1, 0, 1], np.float32), Y

    @jax.jit
    def results(batches):
        trajectory = measure.reference_run(jax.grad(smooth), optax.adam(0.05), START, batches)
        return measure.estimate_order(jax.grad(smooth), optax.adam(0.05), trajectory, batches, ORDER, moments="frozen")["w"]

    with jax.numpy_dtype_promotion("standard"):
        found = np.asarray(results(dead))
    assert np.all(np.isfinite(found))
    np.testing.assert_array_equal(found[:, 1], START["w"][1])


def test_sensitivity_moves_one_batch_through_the_order():
    seen = []
    places = 10 ** np.arange(3, -1, -1)

    @jax.jit
    def sensitivity():
        return measure.order_sensitivity(
            lambda order: jnp.sum(order * places), lambda total, batch: total * 10 + batch, np.arange(4)
        )

    matrix = sensitivity()
    for i in range(4):
        for j in range(4):
            order = [b for b in range(4) if b != i]
            order.insert(j, i)
            seen.append(int("".join(map(str, order)) + str(i)))
    np.testing.assert_array_equal(np.ravel(matrix), seen)


def test_the_search_finds_the_best_order_and_is_never_worse():
    orders = np.stack([np.random.default_rng(seed).permutation(5) for seed in range(8)])

    def score(order):
        return jnp.sum(jnp.abs(order - jnp.arange(5)))

    @jax.jit
    def results(key):
        return [measure.search_orders(key, orders, score, generations=generations) for generations in (40, 0)]

    (order, value), (_, first) = results(jax.random.key(1))
    np.testing.assert_array_equal(order, np.arange(5))
    assert value == 0
    assert first == min(np.sum(np.abs(order - np.arange(5))) for order in orders)


def test_bad_arguments_are_refused():
    optimizer = optax.sgd(0.2)
    trajectory = run(X, Y, smooth, optimizer)
    call = functools.partial(measure.estimate_order, jax.grad(smooth), optimizer, trajectory, (X, Y))
    for options in ({"moments": "fixed"}, {"curvature": "exact"}, {"second": True, "curvature": "secant"}):
        with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
            call(ORDER, **options)
    with pytest.raises(ValueError, match="`order` must have shape"):
        call(ORDER[:3])
    with pytest.raises(ValueError, match="`orders` must have shape"):
        measure.search_orders(jax.random.key(0), np.zeros((3, 2), np.int32), jnp.sum)
    with pytest.raises(ValueError, match="`generations`"):
        measure.search_orders(jax.random.key(0), np.zeros((2, 2), np.int32), jnp.sum, generations=-1)
