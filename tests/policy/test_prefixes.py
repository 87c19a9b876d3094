"""Hybrid responses: prefix lengths, their advantages, and the filter of prefix tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import Logits, chain, policy

from .compiled import loss_of, update


def advantages_of(transform, terms):
    return update(transform, terms)[0].advantages


def record(rewards, hybrid, prefix=2, length=4):
    rows = len(rewards)
    guided = np.zeros([rows, length], bool)
    guided[np.isin(np.arange(rows), hybrid), :prefix] = True
    return policy.Terms(
        mask=np.ones([rows, length], bool),
        rewards=np.asarray(rewards, np.float32),
        group_ids=np.full(rows, 7),
        guided_tokens=guided,
    )


@pytest.mark.parametrize(("reward", "on_prefix", "after"), [(1.0, 2 / 3, 1.0), (0.0, -1 / 3, 0.0)])
def test_one_hybrid_among_three_plain_responses(reward, on_prefix, after):
    terms = record([0.0, 0.0, 1.0, reward], [3])
    actual = advantages_of(policy.prefix_advantage(), terms)
    np.testing.assert_allclose(actual[3], [on_prefix, on_prefix, after, after], atol=1e-6)
    np.testing.assert_allclose(actual[:3], np.outer([-1 / 3, -1 / 3, 2 / 3], np.ones(4)), atol=1e-6)


def test_standardised_form_and_shared_prefixes():
    rewards = np.array([0.0, 1.0, 0.5, 1.0, 0.25])
    terms = record(rewards, [3, 4]).replace(prefix_ids=np.array([9, 9, 9, 2, 2]))
    actual = advantages_of(policy.prefix_advantage(scale="std"), terms)
    plain, shared = rewards[:3], rewards[3:]
    np.testing.assert_allclose(actual[:3, 0], (plain - plain.mean()) / (plain.std(ddof=1) + 1e-6), rtol=1e-5)
    np.testing.assert_allclose(actual[3:, 3], (shared - shared.mean()) / (shared.std(ddof=1) + 1e-6), rtol=1e-5)
    np.testing.assert_allclose(actual[3:, 0], (shared / (1 + 1e-6) - plain.mean()) / 2, rtol=1e-5)
    alone = advantages_of(policy.prefix_advantage(scale="std"), terms.replace(prefix_ids=None))
    np.testing.assert_allclose(alone[3:, 3], shared, rtol=1e-5)
    np.testing.assert_allclose(alone[3:, 0], shared - plain.mean(), rtol=1e-5)


@pytest.mark.parametrize("scale", ["none", "std"])
def test_without_prefixes_it_is_the_group_advantage(scale):
    terms = record([0.0, 0.3, 1.0, 0.4], [])
    expected = advantages_of(policy.group_advantage(scale=scale), terms)
    np.testing.assert_allclose(advantages_of(policy.prefix_advantage(scale=scale), terms), expected, atol=1e-6)


def test_filter_of_prefix_tokens():
    rng = np.random.default_rng(0)
    terms = record([0.0, 1.0, 1.0, 0.0], [2, 3], prefix=3)
    entropies = rng.random((4, 4)).astype(np.float32)
    terms = terms.replace(entropies=entropies, advantages=(1.0 + rng.random((4, 4))).astype(np.float32))
    given, guided = terms.advantages, terms.guided_tokens
    np.testing.assert_array_equal(advantages_of(policy.keep_uncertain_guidance(1.0), terms), given)
    np.testing.assert_array_equal(advantages_of(policy.keep_uncertain_guidance(0.0), terms), np.where(guided, 0.0, given))
    order = np.sort(entropies[guided])
    dropped = guided & (entropies < order[int((1 - 0.4) * 6)])
    assert dropped.sum() == 3
    np.testing.assert_array_equal(advantages_of(policy.keep_uncertain_guidance(0.4), terms), np.where(dropped, 0.0, given))


def test_a_whole_demonstration_is_supervised():
    rng = np.random.default_rng(1)
    logits, tokens = rng.normal(size=(1, 4, 5)).astype(np.float32), rng.integers(0, 5, (1, 4))
    terms = record([1.0], [0], prefix=4).replace(tokens=tokens)

    def loss(x):
        old = jax.lax.stop_gradient(Logits(x).log_probs(tokens))
        filled = terms.replace(distribution=Logits(x), log_probs=Logits(x).log_probs(tokens), old_log_probs=old)
        return policy.prefix_rft(keep=1.0)(filled)

    exponentials = np.exp(logits)
    expected = (exponentials / exponentials.sum(axis=-1, keepdims=True) - np.eye(5)[tokens]) / 4
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(logits), expected, atol=1e-6)


def test_bounds_of_guided_tokens():
    terms = record([1.0, 1.0], [1]).replace(advantages=np.ones([2, 4]), old_log_probs=np.zeros([2, 4]))
    log_probs = np.full([2, 4], np.log(3.0))

    def value(guided):
        steps = policy.token_ratio(), policy.guidance_bounds(guided=guided), policy.ppo_clip(), policy.token_sum()
        return loss_of(chain(*steps), terms.replace(log_probs=log_probs))

    np.testing.assert_allclose(value(None), -(6 * 1.2 + 2 * 3.0), rtol=1e-6)
    np.testing.assert_allclose(value((0.2, 0.5)), -(6 * 1.2 + 2 * 1.5), rtol=1e-6)


def test_prefix_lengths():
    lengths = np.array([1, 2, 10, 100, 1000])
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: policy.prefix_lengths(key, jnp.asarray(lengths), 0.5)))(
        jax.random.split(jax.random.key(0), 64)
    ))  # fmt: skip
    assert np.all(drawn[:, 0] == 0) and np.all(drawn[:, 1] == 1)
    assert drawn[:, 4].min() >= 500 and drawn[:, 4].max() <= 950 and drawn[:, 4].std() > 50
    full, least = jax.jit(lambda key, lengths: (
        policy.prefix_lengths(key, lengths, 1.0, high=1.0), policy.prefix_lengths(key, lengths, 0.0, high=0.0, min_length=3)
    ))(jax.random.key(0), lengths)  # fmt: skip
    np.testing.assert_array_equal(full, lengths - 1)
    np.testing.assert_array_equal(least, [0, 1, 3, 3, 3])
    with pytest.raises(ValueError, match="`high`"):
        policy.prefix_lengths(jax.random.key(0), lengths, 0.5, high=1.5)
