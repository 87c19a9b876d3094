"""Objectives on scored tokens against closed forms and float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import algax
from algax import chain, pretrain

RNG = np.random.default_rng(2)
LOG_PROBS = -RNG.uniform(0.1, 3.0, (2, 4)).astype(np.float32)
SCORES = RNG.uniform(size=(2, 4)).astype(np.float32)
VALUES = -RNG.uniform(size=(2, 4)).astype(np.float32)
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)


def terms(**changes):
    fields = {"log_probs": LOG_PROBS, "token_scores": SCORES, "values": VALUES, "mask": MASK} | changes
    return pretrain.Terms(**fields)


def mean(x):
    return np.mean(x[MASK], dtype=np.float64)


@pytest.mark.parametrize(
    "objective",
    [
        pretrain.rwr(beta=0.5),
        pretrain.unlikelihood(threshold=0.0),
        pretrain.unlikelihood(threshold=None),
        pretrain.awr(alpha=1.0),
        pretrain.reward_weights(),
        pretrain.drop_bad_sequences(0.0),
    ],
    ids=["rwr", "unlikelihood", "mixture", "awr", "reward_weights", "drop_bad_sequences"],
)
def test_good_text_is_plain_likelihood(objective):
    loss = objective if "loss" in objective.writes else chain(objective, pretrain.next_token())
    good = terms(token_scores=np.zeros_like(SCORES), values=np.zeros_like(VALUES))
    np.testing.assert_allclose(*jax.jit(lambda good: (loss(good), pretrain.next_token()(good)))(good), rtol=1e-6)


def test_a_reward_of_minus_one_weighs_one_over_e_and_weights_are_clipped():
    bad = terms(token_scores=np.ones_like(SCORES))
    losses = pretrain.next_token(), pretrain.rwr(beta=1.0), pretrain.rwr(beta=10.0, max_weight=0.6)
    nll, weighted, clipped = jax.device_get(jax.jit(lambda bad: [loss(bad) for loss in losses])(bad))
    np.testing.assert_allclose(weighted, np.exp(-1.0) * nll, rtol=1e-6)
    np.testing.assert_allclose(clipped, 0.6 * nll, rtol=1e-6)
    transform = pretrain.reward_weights(beta=0.3, max_weight=0.6)
    weights = jax.jit(lambda terms: transform.update(terms, ())[0].weights)(terms())
    expected = np.minimum(np.exp(-SCORES.astype(np.float64) / 0.3), 0.6)
    np.testing.assert_allclose(np.asarray(weights)[MASK], expected[MASK], rtol=1e-6)


def test_awr_equals_its_formula_and_has_no_policy_gradient_by_the_values():
    rewards, log_probs, values = (x.astype(np.float64) for x in (-SCORES, LOG_PROBS, VALUES))
    weights = np.exp((rewards - values) / 0.5)
    expected = 0.3 * mean(-weights * log_probs) + 0.7 * mean((rewards - values) ** 2)

    def loss(log_probs, values):
        return pretrain.awr(beta=0.5, alpha=0.3)(terms(log_probs=log_probs, values=values))

    value, (by_log_probs, by_values) = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))(LOG_PROBS, VALUES)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(by_values, np.where(MASK, 2 * 0.7 * (values - rewards) / MASK.sum(), 0.0), rtol=1e-5)
    np.testing.assert_allclose(by_log_probs, np.where(MASK, -0.3 * weights / MASK.sum(), 0.0), rtol=1e-5)


def test_reward_regression_is_a_mean_square():
    expected = 0.5 * mean((-SCORES - VALUES).astype(np.float64) ** 2)
    np.testing.assert_allclose(jax.jit(pretrain.reward_regression(coefficient=0.5))(terms()), expected, rtol=1e-6)


def test_unlikelihood_of_a_bad_token():
    half = pretrain.Terms(log_probs=np.log([[0.5]]), token_scores=np.ones((1, 1)))
    np.testing.assert_allclose(jax.jit(pretrain.unlikelihood(threshold=0.0, alpha=0.01))(half), 0.01 * np.log(2), rtol=1e-6)
    p, q = np.exp(LOG_PROBS.astype(np.float64)), SCORES.astype(np.float64)
    expected = mean(np.where(q <= 0.5, -np.log(p), -0.3 * np.log(1 - p)))
    losses = [pretrain.unlikelihood(threshold=threshold, alpha=0.3) for threshold in (0.5, None)]
    hard, soft = jax.jit(lambda terms: [loss(terms) for loss in losses])(terms())
    np.testing.assert_allclose(hard, expected, rtol=1e-5)
    mixture = mean(-(1 - q) * np.log(p) - 0.3 * q * np.log(1 - p))
    np.testing.assert_allclose(soft, mixture, rtol=1e-5)


def test_unlikelihood_of_a_certain_token_is_finite():
    sure = np.array([[0.0, -1e4]], np.float32)
    bad = pretrain.Terms(token_scores=np.ones((1, 2), np.float32))
    objective = pretrain.unlikelihood(threshold=0.0)
    loss, gradient = jax.jit(jax.value_and_grad(lambda x: objective(bad.replace(log_probs=x))))(sure)
    np.testing.assert_allclose(loss, -np.log(1e-20) / 2, rtol=1e-6)
    np.testing.assert_array_equal(gradient, [[0.0, 0.0]])


def test_bad_sequences_leave_the_loss():
    kept = terms(token_scores=np.array([[0.0, 0.3, 0.3, 9.0], [0.3, 0.3, 0.3, 0.3]], np.float32))
    loss = chain(pretrain.drop_bad_sequences(0.25), pretrain.next_token())
    np.testing.assert_allclose(jax.jit(loss)(kept), -LOG_PROBS[0, :3].mean(), rtol=1e-6)
    filtered = jax.jit(lambda terms: pretrain.drop_bad_sequences(0.25).update(terms, ())[0])(kept)
    np.testing.assert_allclose(filtered.metrics["kept"].value, 0.5)


def test_parts_of_a_batch_add_up_by_tokens():
    mask = np.array([[True, False, False], [True, True, True]])
    data = pretrain.Terms(inputs=np.zeros((2, 3), np.float32), mask=mask)

    def forward(params, terms, key):
        return terms.replace(log_probs=terms.inputs - jnp.broadcast_to(params, terms.inputs.shape))

    def step(parts):
        tx = algax.gradient(pretrain.next_token(), forward, microbatches=parts)
        return jax.jit(lambda params: tx.update(None, tx.init(params), params, terms=data)[0])(np.zeros([], np.float32))

    np.testing.assert_allclose([step(1), step(2)], 1.0, rtol=1e-6)
    by_token = jax.jit(jax.grad(lambda x: pretrain.next_token()(pretrain.Terms(log_probs=x, mask=mask))))
    gradient = np.asarray(by_token(np.zeros((2, 3), np.float32)))
    np.testing.assert_allclose(-gradient.sum(1), [0.25, 0.75], rtol=1e-6)
