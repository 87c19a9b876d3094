"""Normalised logistic descent and the perceptrons: limits, bounds and the paper's table."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import updates


def separation_step(signed, gamma, normalized, most):
    """First step after which all margins are positive."""
    tx = optax.chain(updates.normalize_by_error_mass(), optax.sgd(gamma)) if normalized else optax.sgd(gamma)
    tx = optax.with_extra_args_support(tx)

    def step(carry):
        theta, state, count = carry
        grad = jax.grad(lambda t: -jnp.mean(jax.nn.log_sigmoid(signed @ t)))(theta)
        change, state = tx.update(grad, state, theta, margins=signed @ theta)
        return optax.apply_updates(theta, change), state, count + 1

    def going_on(carry):
        return (carry[2] < most) & jnp.any(signed @ carry[0] <= 0)

    theta = np.zeros(signed.shape[1], np.float32)
    run = jax.jit(lambda theta: jax.lax.while_loop(going_on, step, (theta, tx.init(theta), 0))[2])
    return int(run(theta))


@pytest.mark.parametrize(("gamma", "expected"), [(0.1, 157), (1.0, 16), (10.0, 2), (100.0, 2)])
def test_the_paper_s_table(gamma, expected):
    features = np.array([[0.5, -1.0]] + 999 * [[-0.5, -1.0]], np.float32)
    labels = np.array([1] + 999 * [-1], np.float32)
    assert separation_step(features * labels[:, None], gamma, True, 1000) == expected


def test_the_number_of_steps_stays_below_its_bound():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20, 3))
    labels = np.sign(features @ np.array([1.0, -1.0, 0.5]))
    features += 0.3 * labels[:, None] * np.array([1.0, -1.0, 0.5])
    signed = features * labels[:, None]
    directions = rng.normal(size=(20000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    margin, radius = (signed @ directions.T).min(0).max(), np.linalg.norm(features, axis=1).max()
    for gamma in (0.5, 5.0):
        bound = radius**2 / margin**2 + 2 * np.log(2 * 20 - 1) / (gamma * margin**2)
        assert separation_step(signed.astype(np.float32), gamma, True, 10000) <= bound + 1


def test_a_single_sample_moves_along_itself_and_the_first_step_doubles():
    z = np.array([[0.6, -0.8]], np.float32)
    tx = updates.normalize_by_error_mass()

    @jax.jit
    def step(theta):
        grad = jax.grad(lambda t: -jnp.mean(jax.nn.log_sigmoid(z @ t)))(theta)
        return tx.update(grad, tx.init(theta), theta, margins=z @ theta)[0]

    for theta in np.array([[0.0, 0.0], [2.0, -1.0], [300.0, -400.0]], np.float32):
        change = step(theta)
        solved = float((z @ theta)[0]) > 80.0
        np.testing.assert_allclose(change, np.zeros(2) if solved else -z[0], rtol=1e-4, atol=1e-6)
    at_zero, _ = jax.jit(lambda slope, margins: tx.update(slope, tx.init(None), margins=margins))(np.array([0.25]), np.zeros(7))
    np.testing.assert_allclose(at_zero, [0.5], rtol=1e-6)


def test_batch_perceptron_by_hand():
    features, labels = np.eye(2, dtype=np.float32), np.array([1.0, -1.0], np.float32)
    perceptron = jax.jit(updates.batch_perceptron, static_argnames=("steps", "normalized"))
    np.testing.assert_allclose(perceptron(features, labels, steps=3), [[0, 0], [0.25, -0.25], [0.25, -0.25], [0.25, -0.25]])
    np.testing.assert_allclose(perceptron(features, labels, steps=2, normalized=True), [[0, 0], [0.5, -0.5], [0.5, -0.5]])
    with pytest.raises(ValueError, match="`steps`"):
        updates.batch_perceptron(features, labels, steps=0)
    with pytest.raises(ValueError, match="`features` must be"):
        updates.batch_perceptron(features, labels[:1], steps=1)
