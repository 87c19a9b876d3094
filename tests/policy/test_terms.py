"""`policy.Terms` and `policy.forward`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import FactoredLogits, Logits, policy

from .compiled import loss_of, value_and_gradient


def test_forward_fills_log_probs_distribution_and_values():
    logits = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
    tokens = np.asarray([[0, 1, 2], [4, 3, 0]])
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    expected = np.take_along_axis(log_probs, tokens[..., None], -1)[..., 0]
    terms = policy.Terms(inputs=logits, tokens=tokens, mask=np.asarray([[1, 1, 0], [1, 1, 1]]))
    fill = policy.forward(lambda params, inputs: params * inputs, lambda params, inputs: inputs[..., 0])
    filled = jax.jit(lambda params, terms: fill(params, terms, None))(np.float32(1.0), terms)
    np.testing.assert_allclose(filled.log_probs, np.where(terms.mask, expected, 0.0), rtol=1e-5)
    np.testing.assert_allclose(filled.values, logits[..., 0])
    assert isinstance(filled.distribution, Logits)


def test_forward_takes_factored_logits():
    hidden, kernel = np.ones([1, 2, 3], np.float32), np.eye(3, 4, dtype=np.float32)
    terms = policy.Terms(inputs=hidden, tokens=np.zeros([1, 2], np.int32))
    fill = policy.forward(lambda params, inputs: FactoredLogits(inputs, params))
    filled = jax.jit(lambda kernel, terms: fill(kernel, terms, None))(kernel, terms)
    np.testing.assert_allclose(filled.log_probs, np.log(np.e / (3 * np.e + 1)) * np.ones([1, 2]), rtol=1e-6)


def test_forward_needs_tokens():
    with pytest.raises(ValueError, match="`tokens`"):
        policy.forward(lambda params, inputs: inputs)(None, policy.Terms(inputs=jnp.zeros([1, 1, 2])), None)


def test_the_presets_have_their_documented_values():
    with jax.numpy_rank_promotion("raise"):
        half = np.log(np.full([2, 1], 0.5, np.float32))
        loss = loss_of(policy.reinforce(), policy.Terms(log_probs=half, rewards=np.array([1.0, 0.0])))
        np.testing.assert_allclose(loss, 0.5 * np.log(2), rtol=1e-6)
        zeros = np.zeros([3, 1], np.float32)
        terms = policy.Terms(old_log_probs=zeros, rewards=np.array([1.0, 0.0, 0.0]), group_ids=np.array([7, 7, 7]))
        _, gradient = value_and_gradient(policy.grpo(kl_coefficient=0.0), terms, zeros)
        np.testing.assert_allclose(gradient[:, 0], [-1.1547 / 3, 0.57735 / 3, 0.57735 / 3], rtol=1e-4)


def test_ppo_equals_its_parts_written_out_in_numpy():
    rng = np.random.default_rng(3)
    shape = (3, 4)
    log_probs, old, ref, values, old_values = (rng.normal(size=shape) for _ in range(5))
    rewards = rng.normal(size=3)
    token_rewards = np.zeros(shape)
    token_rewards[:, -1] = rewards
    token_rewards -= 0.05 * (old - ref)
    advantages, following, next_value = np.zeros(shape), np.zeros(3), np.zeros(3)
    for t in reversed(range(4)):
        following = token_rewards[:, t] + next_value - old_values[:, t] + 0.95 * following
        advantages[:, t], next_value = following, old_values[:, t]
    returns = advantages + old_values
    whitened = (advantages - advantages.mean()) / np.sqrt(advantages.var(ddof=1) + 1e-8)
    ratios = np.exp(log_probs - old)
    surrogates = np.minimum(ratios * whitened, np.clip(ratios, 0.8, 1.2) * whitened)
    near = np.clip(values, old_values - 0.2, old_values + 0.2)
    value_loss = 0.5 * np.maximum((values - returns) ** 2, (near - returns) ** 2).mean()
    arrays = {"log_probs": log_probs, "old_log_probs": old, "ref_log_probs": ref, "values": values}
    terms = policy.Terms(**arrays, old_values=old_values, rewards=rewards)
    np.testing.assert_allclose(loss_of(policy.ppo(), terms), -surrogates.mean() + 0.5 * value_loss, rtol=1e-5)
