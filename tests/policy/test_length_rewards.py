"""Rewards by length: closed forms and NumPy."""

import jax
import numpy as np
import pytest

from algax import chain, policy

from .compiled import update


def run(transform, lengths, **fields):
    lengths = np.asarray(lengths)
    mask = np.arange(lengths.max())[None, :] < lengths[:, None]
    fields = {name: np.asarray(value) for name, value in fields.items()}
    return update(transform, policy.Terms(mask=mask, **fields))[0]


# ----- DLER ---------------------------------------------------------------------------------------------------------------


def test_a_response_of_the_limit_keeps_its_reward_and_one_token_more_loses_it():
    after = run(policy.truncation_reward(4), [4, 5, 2], rewards=[1.0, 1.0, 1.0])
    assert np.asarray(after.rewards).tolist() == [1.0, 0.0, 1.0]
    assert np.asarray(after.mask).sum(axis=1).tolist() == [4, 4, 2]


def test_the_limit_counts_tokens_of_the_policy_not_positions():
    mask = np.array([[1, 0, 0, 1, 1, 1]], bool)
    after = update(policy.truncation_reward(3), policy.Terms(mask=mask, rewards=np.ones(1)))[0]
    assert np.asarray(after.mask).tolist() == [[True, False, False, True, True, False]]
    assert float(after.rewards[0]) == 0.0


def test_thresholds_are_inclusive_and_limits_go_by_row():
    tiers = policy.difficulty_limits((0.25, 0.5), (9, 5, 3))
    after = run(chain(tiers, policy.truncation_reward()), [4, 4, 4, 4], rewards=[1.0] * 4, success_rates=[0.2, 0.25, 0.5, 1.0])
    assert np.asarray(after.length_limits).tolist() == [9, 5, 3, 3]
    assert np.asarray(after.rewards).tolist() == [1, 1, 0, 0]


def dler_gradient(keep_uniform):
    rows = 6 if keep_uniform else 4
    rewards = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0])[:rows]
    terms = policy.Terms(
        mask=np.ones([rows, 3], bool),
        rewards=rewards,
        group_ids=np.array([0, 0, 1, 1, 2, 2])[:rows],
        old_log_probs=np.zeros([rows, 3]),
        ref_log_probs=np.zeros([rows, 3]),
    )
    loss = policy.dler(8)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: loss(terms.replace(log_probs=x))))(np.zeros([rows, 3]))
    return float(value), np.asarray(gradient)


def test_uniform_groups_leave_the_loss_and_its_statistics():
    (value, gradient), (expected, of_the_others) = dler_gradient(True), dler_gradient(False)
    np.testing.assert_allclose(value, expected, atol=1e-7)
    np.testing.assert_allclose(gradient[:4], of_the_others, rtol=1e-6)
    assert np.all(gradient[4:] == 0) and np.any(of_the_others != 0)


def test_whitening_over_tokens():
    advantages = run(policy.whiten_advantage(), [2, 3], advantages=[[0.5, 0.5, 0], [-0.5, -0.5, -0.5]]).advantages
    np.testing.assert_allclose(advantages, [[1.09545, 1.09545, 0], [-0.7303, -0.7303, -0.7303]], rtol=1e-5)


# ----- HBPO ---------------------------------------------------------------------------------------------------------------


def budget_rewards(lengths, budgets, correct=1, **options):
    transform = policy.budget_cosine_reward(**options)
    correct = np.broadcast_to(correct, len(lengths))
    return np.asarray(run(transform, lengths, budgets=budgets, correct=correct).rewards)


def test_budget_rewards_of_the_sheet():
    actual = budget_rewards([2048, 3000, 512, 7, 7], [2048, 512, 512, 512, 2560])
    np.testing.assert_allclose(actual, [2.828427, 1.024755, 3.923141, 3.923141, 2.222281], rtol=1e-6)


def test_wrong_and_overlong_responses_earn_nothing_and_the_limit_itself_is_allowed():
    actual = budget_rewards([10, 4097, 4096], [512, 512, 4096], correct=[0, 1, 1])
    np.testing.assert_allclose(actual, [0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(budget_rewards([40, 41], [40, 40], max_length=40, alpha=1.0), [0, 0], atol=1e-6)


def test_reward_falls_with_length_and_is_continuous_at_the_budget():
    lengths = np.arange(1, 41)
    actual = budget_rewards(lengths, np.full(40, 16), max_length=40, alpha=1 / 40)
    assert np.all(np.diff(actual) <= 1e-6)
    n = lengths.astype(float)
    beyond = 4 * np.cos(np.pi * n / 80) - np.abs(n - 16) / 40
    np.testing.assert_allclose(actual, np.where(n > 16, beyond, 4 * np.cos(np.pi * 16 / 80)), atol=1e-5)


def test_released_reward_of_a_short_answer_is_below_that_of_the_budget():
    np.testing.assert_allclose(budget_rewards([100], [512], released=True), [3.896473], rtol=1e-5)


def test_advantage_within_and_between_subgroups():
    transform = chain(policy.budget_cosine_reward(), policy.group_advantage(), policy.subgroup_advantage())
    fields = {"correct": [1, 1, 1, 1], "budgets": [512, 512, 2048, 2048], "group_ids": [3, 3, 3, 3]}
    after = run(transform, [300, 900, 300, 900], **fields)
    rewards = np.array([3.923141, 3.669378, 2.828427, 2.828427])
    np.testing.assert_allclose(after.rewards, rewards, rtol=1e-6)
    expected = (rewards - rewards.mean()) / (rewards.std(ddof=1) + 1e-6) + np.array([-0.126881, -0.126881, 0, 0])
    np.testing.assert_allclose(np.asarray(after.advantages)[:, 0], expected, rtol=1e-5)


def test_equal_rewards_leave_the_part_within_subgroups():
    transform = chain(policy.budget_cosine_reward(), policy.group_advantage(), policy.subgroup_advantage())
    after = run(transform, [3, 3], correct=[0, 0], budgets=[512, 512], group_ids=[0, 0])
    np.testing.assert_allclose(np.asarray(after.advantages), -3.923141, rtol=1e-6)


def test_assign_budgets_in_blocks_of_each_group():
    ids = np.array([4, 9, 4, 9, 4, 9, 4, 9, 2])
    actual = np.asarray(jax.jit(lambda ids: policy.assign_budgets(ids, (8, 16)))(ids))
    assert actual.tolist() == [8, 8, 8, 8, 16, 16, 16, 16, 8]
    with pytest.raises(ValueError, match="`budgets`"):
        policy.assign_budgets(ids, ())


# ----- GRPO-lambda --------------------------------------------------------------------------------------------------------


def sigmoid_rewards(lengths, correct, groups=None, **options):
    groups = np.zeros(len(lengths), int) if groups is None else groups
    transform = policy.length_sigmoid_reward(**options)
    return np.asarray(run(transform, lengths, correct=correct, group_ids=groups).rewards)


def test_sigmoid_rewards_of_the_sheet():
    actual = sigmoid_rewards([100, 300, 5], [1, 1, 0], alpha=0.6)
    np.testing.assert_allclose(actual, [0.838635, 0.561365, 0], rtol=1e-5)
    np.testing.assert_allclose(sigmoid_rewards([7, 7, 7], [1, 1, 1], alpha=0.6), 0.7, rtol=1e-6)
    np.testing.assert_allclose(sigmoid_rewards([7, 9], [1, 0], alpha=0.6), [0.7, 0], rtol=1e-6)
    np.testing.assert_array_equal(sigmoid_rewards([7, 9], [1, 0], alpha=0.0), [1, 0])


def test_adding_a_constant_to_all_lengths_changes_nothing():
    lengths, correct = np.array([3, 9, 4, 6]), np.array([1, 1, 0, 1])
    np.testing.assert_allclose(sigmoid_rewards(lengths + 20, correct), sigmoid_rewards(lengths, correct), rtol=1e-6)


def selected(fractions, correct, groups):
    """The chosen rows at each fraction."""
    terms = policy.Terms(mask=np.ones([len(correct), 1], bool), correct=np.asarray(correct), group_ids=np.asarray(groups))
    return np.array(jax.jit(lambda terms: [policy.top_accuracy_groups(terms, fraction) for fraction in fractions])(terms))


def test_the_best_groups_are_chosen_and_ties_go_to_the_smaller_id():
    correct, groups = [1, 1, 1, 0, 1, 1], [8, 8, -3, -3, 5, 5]
    everywhere, none, fifth, half = selected((1.0, 0.0, 0.2, 0.5), correct, groups).tolist()
    assert everywhere == [True] * 6
    assert none == [False] * 4 + [True] * 2
    assert fifth == [False] * 4 + [True] * 2
    assert half == [True] * 2 + [False] * 2 + [True] * 2


def test_the_number_of_chosen_groups_is_the_ceiling():
    for groups in (1, 7, 15, 30):
        correct = np.random.default_rng(groups).random(groups) < 0.5
        chosen = selected([tenths / 10 for tenths in range(11)], correct, np.arange(groups))
        assert chosen.sum(axis=1).tolist() == [max(1, -(-tenths * groups // 10)) for tenths in range(11)]


def test_groups_that_are_not_chosen_get_plain_rewards():
    actual = sigmoid_rewards([2, 8, 2, 8], [1, 1, 1, 0], [0, 0, 1, 1], alpha=0.6, fraction=0.5)
    np.testing.assert_allclose(actual, [1 - 0.6 / (1 + np.e), 1 - 0.6 * np.e / (1 + np.e), 1, 0], rtol=1e-5)
    everywhere = sigmoid_rewards([2, 8, 2, 8], [1, 1, 1, 0], [0, 0, 1, 1], alpha=0.6, fraction=1.0)
    np.testing.assert_allclose(everywhere[2:], [0.7, 0], rtol=1e-6)
