"""CANON and COPO: worked examples, symmetries and limits."""

import jax
import numpy as np
import pytest

from algax import chain, policy

from .compiled import update


def record(rewards, lengths=None, **fields):
    lengths = np.ones(len(rewards), int) if lengths is None else np.asarray(lengths)
    mask = np.arange(lengths.max())[None, :] < lengths[:, None]
    fields = {name: np.asarray(value) for name, value in fields.items()}
    return policy.Terms(rewards=np.asarray(rewards, np.float32), mask=mask, **fields)


def advantages(transform, terms):
    return update(transform, terms)[0].advantages[:, 0]


FOUR = record([1, 0, 1, 1], lengths=[1, 2, 3, 4], group_ids=[7] * 4)


@pytest.mark.parametrize(
    ("mu", "expected"), [(1.0, [0, -1, 0.5, 0.5]), (0.0, [0.5, -0.5, 0, 0]), (0.5, [0.25, -0.75, 0.25, 0.25])]
)
def test_canon_worked_example(mu, expected):
    np.testing.assert_allclose(advantages(policy.conditional_advantage(mu=mu), FOUR), expected, atol=1e-6)


def test_half_of_each_is_dr_grpo_and_the_other_half_sums_to_zero():
    rng = np.random.default_rng(0)
    terms = record(rng.normal(size=12), lengths=rng.permutation(12) + 1, group_ids=np.repeat([3, -1], 6))
    half = advantages(policy.conditional_advantage(mu=0.5), terms)
    np.testing.assert_allclose(half, advantages(policy.group_advantage(scale="none"), terms), atol=1e-5)
    inter = advantages(policy.conditional_advantage(), terms)
    np.testing.assert_allclose([inter[:6].sum(), inter[6:].sum()], 0.0, atol=1e-5)


@pytest.mark.parametrize("alpha_on", ["high", "low"])
def test_direction_enters_the_other_half_alone(alpha_on):
    terms, alpha = record([2, 1, 4, 6], lengths=[1, 2, 3, 4], group_ids=[0] * 4), 0.5
    low, high = (1.0, alpha) if alpha_on == "high" else (alpha, 1.0)
    expected = [low * 2 - high * 5, low - high * 5, high * 4 - low * 1.5, high * 6 - low * 1.5]
    inter = policy.conditional_advantage(alpha=alpha, alpha_on=alpha_on)
    np.testing.assert_allclose(advantages(inter, terms), expected, atol=1e-6)
    intra = advantages(policy.conditional_advantage(mu=0.0, alpha=alpha, alpha_on=alpha_on), terms)
    np.testing.assert_allclose(intra, [0.5, -0.5, -1, 1], atol=1e-6)


def test_equal_rewards_give_zero_and_a_group_of_one_its_reward():
    equal = record([0.3] * 5, lengths=[1, 2, 3, 4, 5], group_ids=[0] * 5)
    np.testing.assert_allclose(advantages(policy.conditional_advantage(mu=0.3), equal), 0.0, atol=1e-6)
    np.testing.assert_allclose(advantages(policy.conditional_advantage(), record([0.7], group_ids=[2])), 0.7)


def test_only_the_order_of_the_metric_counts():
    rng = np.random.default_rng(1)
    entropies = rng.random([7, 1]).astype(np.float32)
    transform = policy.conditional_advantage(metric="old_entropies", mu=0.3, alpha=0.8)
    rewards = rng.normal(size=7)
    base = advantages(transform, record(rewards, group_ids=[0] * 7, old_entropies=entropies))
    moved = advantages(transform, record(rewards, group_ids=[0] * 7, old_entropies=np.exp(5 * entropies)))
    np.testing.assert_array_equal(base, moved)


def test_ties_on_the_border_are_shared_whatever_the_order():
    """Lengths 1, 2, 2, 3: one of the two places of the low half is free, so either 2 takes half of it."""
    rewards, lengths = np.array([1.0, 0.0, 1.0, 3.0]), np.array([1, 2, 2, 3])
    low, high = (1.0 + 0.5 * 0 + 0.5 * 1) / 2, (3.0 + 0.5 * 0 + 0.5 * 1) / 2
    middle = 0.5 * (low + high)
    expected = np.array([1 - high, 0 - middle, 1 - middle, 3 - low])
    for order in ([0, 1, 2, 3], [2, 3, 1, 0]):
        actual = advantages(policy.conditional_advantage(), record(rewards[order], lengths[order], group_ids=[0] * 4))
        np.testing.assert_allclose(actual, expected[order], atol=1e-6)
    tied = advantages(policy.conditional_advantage(mu=0.3), record(rewards, [2] * 4, group_ids=[0] * 4))
    np.testing.assert_allclose(tied, rewards - rewards.mean(), atol=1e-6)


def test_mu_follows_the_mean_reward_or_a_schedule():
    """The mean reward of `FOUR` is 3/4."""
    fixed = advantages(policy.conditional_advantage(mu=0.25), FOUR)
    np.testing.assert_allclose(advantages(policy.conditional_advantage(mu="one_minus_reward"), FOUR), fixed, atol=1e-6)
    scheduled = policy.conditional_advantage(mu=lambda step: step / 4)
    np.testing.assert_allclose(advantages(scheduled, FOUR.replace(step=np.asarray(1.0))), fixed, atol=1e-6)


def prompt_advantages(terms):
    return update(policy.prompt_advantage(), terms)[0].prompt_advantages[:, 0]


def test_a_solved_prompt_is_rewarded_where_the_others_fail():
    terms = record([1, 1, 1, 0, 0, 0, 0], group_ids=[0, 0, 0, 1, 1, 2, 2])
    assert np.all(advantages(policy.group_advantage(), terms) == 0)
    returns = np.array([1.0, 0.0, 0.0])
    expected = (returns - returns.mean()) / returns.std(ddof=1)
    np.testing.assert_allclose(prompt_advantages(terms), np.repeat(expected, [3, 2, 2]), rtol=1e-5)
    assert prompt_advantages(terms)[0] > 0


def test_equal_prompts_give_exactly_zero():
    assert np.all(prompt_advantages(record([0.1] * 6, group_ids=[0, 0, 0, 1, 1, 2])) == 0)
    assert np.all(prompt_advantages(record([1, 0, 0, 1], group_ids=[0, 0, 1, 1])) == 0)


def blend_weights(answers, gamma=20.0, rho=1.5):
    ones = np.ones([len(answers), 1], np.float32)
    terms = record(np.zeros(len(answers)), group_ids=[0] * len(answers), answer_ids=answers)
    terms = terms.replace(advantages=ones, prompt_advantages=np.zeros_like(ones))
    return advantages(policy.consistency_blend(gamma=gamma, rho=rho), terms)


def test_answer_entropies_and_blending_weights():
    def entropies(answers):
        terms = record(np.zeros(8), group_ids=[0] * 8, answer_ids=answers)
        return np.asarray(jax.jit(policy.answer_entropies)(terms))

    np.testing.assert_allclose(entropies([4, 4, 4, 4, -1, -1, -1, -1]), np.log(2), rtol=1e-5)
    np.testing.assert_allclose(entropies(np.arange(8)), np.log(8), rtol=1e-5)
    assert np.all(entropies([3] * 8) == 0)
    np.testing.assert_allclose(blend_weights([0, 0, 0, 0, 1, 1, 1, 1]), 9.8e-8, rtol=1e-2)
    np.testing.assert_allclose(blend_weights(np.arange(8)), 0.99999, atol=1e-5)
    np.testing.assert_allclose(blend_weights([0, 0, 1, 1], gamma=1e6, rho=0.5), 1.0)
    np.testing.assert_allclose(blend_weights([0, 0, 1, 1], gamma=1e6, rho=0.8), 0.0)


def test_two_surrogates_equal_one_where_the_signs_agree_and_differ_where_not():
    ratios = np.linspace(0.5, 1.5, 5).astype(np.float32)
    terms = record(np.zeros(5)).replace(ratios=ratios[:, None])

    def surrogates(a, b):
        fields = {"advantages": np.full([5, 1], a), "prompt_advantages": np.full([5, 1], b)}
        return update(policy.ppo_clip_pair(), terms.replace(**fields))[0].surrogates[:, 0]

    def clipped(a):
        return np.minimum(ratios * a, np.clip(ratios, 0.8, 1.2) * a)

    np.testing.assert_allclose(surrogates(1.0, 0.5), clipped(1.5), rtol=1e-6)
    np.testing.assert_allclose(surrogates(1.0, -0.5), clipped(1.0) + clipped(-0.5), rtol=1e-6)
    assert np.any(np.abs(surrogates(1.0, -0.5) - clipped(0.5)) > 0.01)


def test_copo_learns_from_prompts_that_agree():
    """Every group has one outcome: GRPO's gradient is 0, this one's is not."""
    terms = record([1, 1, 0, 0], group_ids=[0, 0, 1, 1], answer_ids=[0, 0, 0, 0])
    terms = terms.replace(old_log_probs=np.zeros([4, 1]))

    def gradient(loss):
        return np.asarray(jax.jit(jax.grad(lambda x: loss(terms.replace(log_probs=x))))(np.zeros([4, 1])))[:, 0]

    assert np.all(gradient(policy.grpo(kl_coefficient=0.0)) == 0)
    one = chain(
        policy.group_advantage(),
        policy.prompt_advantage(),
        policy.consistency_blend(),
        policy.token_ratio(),
        policy.ppo_clip(),
        policy.sequence_mean_token_mean(),
    )
    for loss in (policy.copo(), one):
        np.testing.assert_allclose(gradient(loss), np.array([-1, -1, 1, 1]) * 0.5 / np.sqrt(0.5) / 4, rtol=1e-4)
