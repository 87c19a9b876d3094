"""Ratios and surrogates: values and gradients of the sheet's worked examples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import chain, policy

from .compiled import loss_of, update
from .compiled import value_and_gradient as of_loss


def value_and_gradient(surrogate, ratio, advantage, ratio_transform=None):
    """Loss and d loss / d log_prob of one token whose ratio is `ratio`."""
    steps = [] if ratio_transform is None else [ratio_transform]
    loss = chain(*steps, surrogate, policy.token_sum())
    terms = policy.Terms(old_log_probs=np.zeros([1, 1]), advantages=np.full([1, 1], advantage))
    value, gradient = of_loss(loss, terms, np.log(np.full([1, 1], ratio)))
    return float(value), float(gradient[0, 0])


@pytest.mark.parametrize(
    ("options", "ratio", "advantage", "loss", "gradient"),
    [
        ({}, 1.5, 1.0, -1.2, 0.0),
        ({}, 1.5, -1.0, 1.5, 1.5),
        ({}, 0.5, -1.0, 0.8, 0.0),
        ({}, 0.5, 1.0, -0.5, -0.5),
        ({"dual": 3.0}, 4.0, -1.0, 3.0, 0.0),
        ({"keep_gradient": "high"}, 1.5, 1.0, -1.2, -1.2),
        ({"keep_gradient": "high"}, 0.5, -1.0, 0.8, 0.0),
        ({"keep_gradient": "low"}, 0.5, -1.0, 0.8, 0.8),
        ({"keep_gradient": "both"}, 1.5, 1.0, -1.2, -1.2),
    ],
)
def test_ppo_clip(options, ratio, advantage, loss, gradient):
    actual = value_and_gradient(policy.ppo_clip(**options), ratio, advantage, policy.token_ratio())
    np.testing.assert_allclose(actual, (loss, gradient), rtol=1e-5, atol=1e-6)


def test_bounds_written_by_another_transform_replace_the_numbers():
    terms = policy.Terms(ratios=jnp.full([1, 1], 1.5), advantages=jnp.ones([1, 1]), upper_bounds=jnp.full([1, 1], 1.4))
    np.testing.assert_allclose(chain(policy.ppo_clip(), policy.token_sum())(terms), -1.4, rtol=1e-6)


def test_clipped_importance_weight_keeps_every_gradient():
    surrogate = policy.clipped_importance_weight(high=0.2)
    np.testing.assert_allclose(value_and_gradient(surrogate, 1.5, 2.0, policy.token_ratio())[1], -2.4, rtol=1e-5)
    np.testing.assert_allclose(value_and_gradient(surrogate, 1e-4, -1.0, policy.token_ratio())[1], 1e-4, rtol=1e-3)


@pytest.mark.parametrize("advantage", [-1.3, 0.7])
def test_on_policy_all_surrogates_have_the_same_gradient(advantage):
    for surrogate in (policy.ppo_clip(), policy.clipped_importance_weight(), policy.soft_gate()):
        np.testing.assert_allclose(
            value_and_gradient(surrogate, 1.0, advantage, policy.token_ratio())[1], -advantage, rtol=1e-5)
    for surrogate in (policy.policy_gradient(), policy.geometric_mean()):
        np.testing.assert_allclose(value_and_gradient(surrogate, 1.0, advantage)[1], -advantage, rtol=1e-5)


def test_soft_gate_value():
    loss, _ = value_and_gradient(policy.soft_gate(), 2.0, 1.0, policy.token_ratio())
    np.testing.assert_allclose(loss, -4.0 / (1 + np.exp(-1.0)), rtol=1e-5)
    loss, _ = value_and_gradient(policy.soft_gate(), 2.0, -1.0, policy.token_ratio())
    np.testing.assert_allclose(loss, 4.0 / 1.05 / (1 + np.exp(-1.05)), rtol=1e-5)


def test_geometric_mean_in_numpy():
    rng = np.random.default_rng(0)
    log_ratios, advantages = rng.normal(size=(3, 4)), np.array([[1.0], [-2.0], [0.5]]) * np.ones([3, 4])
    sign = np.sign(advantages)
    pessimistic = sign * np.minimum(sign * log_ratios, sign * np.clip(log_ratios, -0.4, 0.4))
    expected = -(advantages[:, 0] * np.exp(pessimistic.mean(1))).mean()
    terms = policy.Terms(
        log_probs=log_ratios.astype(np.float32), old_log_probs=np.zeros([3, 4]), advantages=advantages.astype(np.float32)
    )
    loss = chain(policy.geometric_mean(), policy.sequence_mean_token_mean())
    np.testing.assert_allclose(loss_of(loss, terms), expected, rtol=1e-5)


def test_sequence_ratio_has_the_gradient_of_the_true_ratio_under_the_row_mean():
    rng = np.random.default_rng(0)
    log_probs, old = rng.normal(size=(2, 2, 3)).astype(np.float32)
    mask = np.asarray([[True, True, True], [True, True, False]])
    terms = policy.Terms(old_log_probs=old, mask=mask, advantages=np.ones([2, 3]))
    wide = policy.ppo_clip(low=1.0, high=1e6)
    loss = chain(policy.sequence_ratio(), wide, policy.sequence_mean_token_mean())

    def true(log_probs):
        per_row = jnp.sum(jnp.where(mask, log_probs - old, 0.0), axis=1) / jnp.array([3.0, 2.0])
        return -jnp.mean(jnp.exp(per_row))

    actual = of_loss(loss, terms, log_probs)
    expected = jax.jit(jax.value_and_grad(true))(log_probs)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), actual, expected)


def test_sequence_ratio_of_one_token_is_the_token_ratio():
    rng = np.random.default_rng(1)
    log_probs, old = rng.normal(size=(2, 4, 1)).astype(np.float32)
    terms = policy.Terms(log_probs=log_probs, old_log_probs=old)
    ratios = [update(transform, terms)[0].ratios for transform in (policy.token_ratio(), policy.sequence_ratio())]
    np.testing.assert_allclose(*ratios, rtol=1e-5)
    halves = policy.Terms(log_probs=np.full([1, 2], 0.5), old_log_probs=np.zeros([1, 2]))
    product, _ = update(policy.sequence_ratio(length_normalise=False), halves)
    np.testing.assert_allclose(product.ratios, np.e * np.ones([1, 2]), rtol=1e-6)


def test_rollout_correction_is_capped_and_multiplies():
    terms = policy.Terms(
        old_log_probs=np.log([[0.5, 0.5, 1e-30]]), behaviour_log_probs=np.log([[0.4, 0.01, 1.0]]),
        weights=np.full([1, 3], 2.0),
    )
    after, _ = update(policy.rollout_correction(), terms)
    np.testing.assert_allclose(after.weights, [[2.5, 4.0, 2e-30]], rtol=1e-4)
