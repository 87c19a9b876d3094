"""Penalties: `kl_estimates` and entropies on worked examples and by exact enumeration."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import Logits, chain, policy
from algax.policy.penalties import KL_ESTIMATORS

from .compiled import update

kl_estimates = jax.jit(policy.kl_estimates, static_argnums=2)

UNBIASED = ("k1", "k3")


@pytest.mark.parametrize(("estimator", "expected"), [("k1", 0.6931), ("k2", 0.2402), ("k3", 0.1931), ("absolute", 0.6931)])
def test_worked_example(estimator, expected):
    actual = kl_estimates(np.log(np.array([0.5], np.float32)), np.log(np.array([0.25], np.float32)), estimator)
    np.testing.assert_allclose(actual, [expected], atol=1e-4)


@pytest.mark.parametrize("estimator", KL_ESTIMATORS)
def test_no_divergence_at_equality_and_none_below_zero(estimator):
    x = np.linspace(-3.0, 3.0, 7).astype(np.float32)
    assert np.all(np.asarray(kl_estimates(x, x, estimator)) == 0)
    if estimator not in ("k1", "ratio_k1"):
        assert np.all(np.asarray(kl_estimates(x, x[::-1], estimator)) >= 0)


@functools.partial(jax.jit, static_argnums=2)
def enumerated(logits, ref_logits, estimator):
    """(expected value, expected gradient) of an estimator over all tokens sampled from the policy."""
    ref_log_probs = jax.nn.log_softmax(ref_logits)
    probabilities = jax.nn.softmax(logits)

    def of_token(logits, token):
        return policy.kl_estimates(jax.nn.log_softmax(logits)[token], ref_log_probs[token], estimator)

    values, gradients = jax.vmap(jax.value_and_grad(of_token), in_axes=(None, 0))(logits, jnp.arange(logits.size))
    return jnp.sum(probabilities * values), probabilities @ gradients


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def test_values_and_gradients_in_expectation():
    rng = np.random.default_rng(0)
    logits, ref_logits = rng.normal(size=(2, 6)).astype(np.float32)
    estimates = {estimator: enumerated(logits, ref_logits, estimator) for estimator in KL_ESTIMATORS}

    def divergence(logits):
        return jnp.sum(jax.nn.softmax(logits) * (jax.nn.log_softmax(logits) - jax.nn.log_softmax(ref_logits)))

    exact, gradient = jax.jit(jax.value_and_grad(divergence))(logits)
    for estimator in UNBIASED:
        np.testing.assert_allclose(estimates[estimator][0], exact, rtol=1e-5)
    for estimator in ("k2", "ratio_k1", "k3_straight_through"):
        np.testing.assert_allclose(estimates[estimator][1], gradient, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(estimates["k1"][1], np.zeros(6), atol=1e-6)
    forward = softmax(logits) - softmax(ref_logits)  # the gradient of KL(ref || pi)
    np.testing.assert_allclose(estimates["k3"][1], forward, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reference", ["ref", "old"])
def test_kl_penalty_adds_to_penalties(reference):
    terms = policy.Terms(
        log_probs=np.zeros([1, 2]), penalties=np.ones([1, 2]), **{f"{reference}_log_probs": np.full([1, 2], -1.0)})
    after, _ = update(policy.kl_penalty(0.5, estimator="k2", reference=reference), terms)
    np.testing.assert_allclose(after.penalties, 1.25 * np.ones([1, 2]))
    np.testing.assert_allclose(after.metrics[f"kl_{reference}"].value, 0.5)


def test_entropy_of_uniform_and_one_hot():
    loss = chain(policy.entropy_bonus(1.0), policy.token_sum())

    def bonus(logits):
        return -loss(policy.Terms(distribution=Logits(logits)))

    value_and_gradient = jax.jit(jax.value_and_grad(bonus))
    value, gradient = value_and_gradient(np.zeros([1, 1, 5], np.float32))
    np.testing.assert_allclose(value, np.log(5), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.zeros([1, 1, 5]), atol=1e-7)
    sure = np.array([[[1e4, 0.0, -1e4, -np.inf]]], np.float32)
    value, gradient = value_and_gradient(sure)
    assert float(value) == 0.0 and np.all(np.isfinite(gradient))
    _, gradient = value_and_gradient(np.random.default_rng(0).normal(size=(1, 1, 5)).astype(np.float32))
    np.testing.assert_allclose(np.sum(gradient), 0.0, atol=1e-6)


def test_full_kl_is_zero_at_the_reference_and_has_its_closed_gradients():
    rng = np.random.default_rng(0)
    logits, ref_logits = rng.normal(size=(2, 1, 1, 5)).astype(np.float32)
    p, q = softmax(logits), softmax(ref_logits)
    terms = policy.Terms(ref_distribution=Logits(ref_logits))
    for direction in ("reverse", "forward"):
        loss = chain(policy.full_kl_penalty(1.0, direction=direction), policy.token_sum())
        of_logits = jax.jit(jax.value_and_grad(lambda x, f=loss: f(terms.replace(distribution=Logits(x)))))
        assert abs(float(of_logits(ref_logits)[0])) < 1e-6
        value, gradient = of_logits(logits)
        expected = p - q if direction == "forward" else p * (np.log(p / q) - np.asarray(value))
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_the_adaptive_coefficient_moves_towards_its_target():
    batch = policy.Terms(log_probs=np.zeros([4, 2]), ref_log_probs=np.full([4, 2], -1.0))
    for target, factor in ((0.05, 1.2), (50.0, 0.8)):
        loss = policy.adaptive_kl_penalty(target, horizon=4.0, initial=0.3, estimator="k1")
        after, coefficient = jax.jit(loss.update)(batch, loss.init())
        np.testing.assert_allclose(coefficient, 0.3 * factor, rtol=1e-6)
        np.testing.assert_allclose(after.penalties, 0.3 * np.ones([4, 2]), rtol=1e-6)


def test_the_entropy_coefficient_moves_towards_its_target():
    batch = policy.Terms(distribution=Logits(np.zeros([2, 1, 4], np.float32)))
    loss = policy.target_entropy(2.0, learning_rate=0.1)
    _, coefficient = jax.jit(loss.update)(batch, loss.init())
    np.testing.assert_allclose(coefficient, 0.1 * (2.0 - np.log(4)), rtol=1e-5)
    loss = policy.target_entropy(0.5, learning_rate=0.1, initial=0.01)
    assert float(update(loss, batch)[1]) == 0.0


def test_kl_in_reward_charges_each_token():
    terms = policy.Terms(
        token_rewards=np.ones([1, 2]), old_log_probs=np.array([[0.0, -1.0]]), ref_log_probs=np.array([[-2.0, -1.0]]))
    after, _ = update(policy.kl_in_reward(0.1), terms)
    np.testing.assert_allclose(after.token_rewards, [[0.8, 1.0]], rtol=1e-6)


def test_the_absolute_estimate_has_no_slope_on_policy():
    at = jnp.array([-1.0, -2.0, -3.0])
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(policy.kl_estimates(x, jnp.array([-1.0, -1.5, -4.0]), "absolute"))))(at)
    np.testing.assert_array_equal(gradient, [0.0, -1.0, 1.0])
