"""Verifiable rewards: tables, votes, novelty against a loop over NumPy, filters and bounded ratios."""

import functools

import numpy as np
import pytest

from algax import chain, policy, preference

from .compiled import loss_of, update, value_and_gradient


def run(transform, **fields):
    if "mask" not in fields:
        fields["mask"] = np.ones([len(next(iter(fields.values()))), 1], bool)
    return update(transform, policy.Terms(**fields))[0]


def test_verifiable_reward_table():
    fields = {"correct": np.array([1, 0, 1, 0], bool), "truncated": np.array([0, 0, 1, 1], bool)}
    np.testing.assert_array_equal(run(policy.verifiable_reward(), **fields).rewards, [10, 0, -10, -10])
    np.testing.assert_array_equal(run(policy.verifiable_reward(value=2.0, no_eos=None), **fields).rewards, [2, 0, 2, 0])


def token_rewards(coefficient):
    rng = np.random.default_rng(0)
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
    old, ref = (rng.normal(size=(2, 4)).astype(np.float32) for _ in range(2))
    transform = chain(policy.verifiable_reward(no_eos=None), policy.reward_on_last_token(), policy.kl_in_reward(coefficient))
    after = run(transform, correct=np.array([1, 1]), old_log_probs=old, ref_log_probs=ref, mask=mask)
    return np.asarray(after.token_rewards), np.where(mask, old - ref, 0).sum(axis=1)


def test_the_reward_stands_on_the_last_valid_token_and_the_divergence_on_all():
    np.testing.assert_allclose(token_rewards(0.0)[0], [[0, 0, 10, 0], [0, 10, 0, 0]])
    rewards, log_ratios = token_rewards(0.05)
    np.testing.assert_allclose(rewards.sum(axis=1), 10 - 0.05 * log_ratios, rtol=1e-5)
    assert rewards[0, 3] == 0 and np.all(rewards[1, 2:] == 0)


def test_length_normalised_dpo_of_equal_lengths_is_dpo_with_beta_over_the_length():
    rng = np.random.default_rng(1)
    names = ("chosen_log_probs", "rejected_log_probs", "ref_chosen_log_probs", "ref_rejected_log_probs")
    fields = {name: rng.normal(size=3) for name in names}
    terms = preference.Terms(**fields, chosen_lengths=np.full(3, 4.0), rejected_lengths=np.full(3, 4.0))
    normalised, plain = (loss_of(f, terms) for f in (preference.length_normalised_dpo(beta=5.0), preference.dpo(beta=5.0 / 4)))
    np.testing.assert_allclose(normalised, plain, rtol=1e-6)


def test_clip_reward():
    np.testing.assert_array_equal(run(policy.clip_reward(), rewards=np.array([-9.0, 1.0, 2.6])).rewards, [-2.5, 1.0, 2.5])


def majority(answers, **fields):
    groups = np.zeros(len(answers), int)
    return np.asarray(run(policy.majority_labels(), answer_ids=np.array(answers), group_ids=groups, **fields).correct).tolist()


def test_the_majority_of_valid_answers_wins_and_ties_go_to_the_least_id():
    assert majority([3, 7, 7, 5]) == [False, True, True, False]
    assert majority([3, 7, 7, 3]) == [True, False, False, True]
    assert majority([3, -7, -7, 3]) == [False, True, True, False]
    assert majority([7, 7, 3], has_answer=np.array([1, 0, 1])) == [False, False, True]
    assert majority([7, 7], has_answer=np.array([0, 0])) == [False, False]
    two = run(policy.majority_labels(), answer_ids=np.array([1, 2, 2, 1, 1, 2]), group_ids=np.array([0, 0, 0, 1, 1, 1]))
    assert np.asarray(two.correct).tolist() == [False, True, True, True, True, False]


NOVELTY = policy.novelty_reward()


def rewards(embeddings, correct, **fields):
    fields = {"group_ids": np.zeros(len(correct), int)} | fields
    embeddings = np.asarray(embeddings, np.float32)
    return np.asarray(run(NOVELTY, embeddings=embeddings, correct=np.array(correct, bool), **fields).rewards)


def by_loops(embeddings, correct, alpha=0.5):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similar, n = np.clip(unit @ unit.T, 0, 1), len(correct)
    novelty = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        same = [j for j in others if correct[j] == correct[i]] or others
        novelty[i] = 1 - alpha * similar[i, same].mean() - (1 - alpha) * similar[i, others].max()
    result = np.zeros(n)
    for i in range(n):
        of_class = novelty[[j for j in range(n) if correct[j] == correct[i]]]
        share = 1.0 if len(of_class) == 1 else (novelty[i] - of_class.min()) / (of_class.max() - of_class.min())
        result[i] = (0.5 if correct[i] else -1.0) + 0.5 * share
    return result


@pytest.mark.parametrize("correct", [[1, 1, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0]])
def test_novelty_against_a_loop_and_the_majority_always_above(correct):
    embeddings = np.random.default_rng(2).normal(size=(6, 4))
    actual = rewards(embeddings, correct)
    np.testing.assert_allclose(actual, by_loops(embeddings, correct), rtol=1e-4)
    correct = np.array(correct, bool)
    assert actual[correct].min() > actual[~correct].max()
    order = np.random.default_rng(3).permutation(6)
    np.testing.assert_allclose(rewards(embeddings[order], correct[order]), actual[order], rtol=1e-5)


def test_identical_responses_get_the_middle_and_one_alone_the_top():
    same = np.tile(np.random.default_rng(4).normal(size=4), (3, 1))
    np.testing.assert_allclose(rewards(same, [1, 1, 1]), 0.75)
    np.testing.assert_allclose(rewards(same, [0, 0, 0]), -0.75)
    np.testing.assert_allclose(rewards(same[:1], [1]), 1.0)
    np.testing.assert_allclose(rewards(same[:1], [0]), -0.5)


def test_two_majority_responses_get_both_ends_of_the_range_unless_tied():
    embeddings = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.5]])
    np.testing.assert_allclose(sorted(rewards(embeddings, [1, 1, 0])[:2]), [0.5, 1.0])
    np.testing.assert_allclose(rewards(embeddings[:2], [1, 1]), 0.75)


def test_a_duplicate_is_less_novel():
    embeddings = np.random.default_rng(5).normal(size=(4, 3))
    before = rewards(embeddings, [1] * 4)
    most_novel = int(np.argmax(before))
    after = rewards(np.concatenate([embeddings, embeddings[[most_novel]]]), [1] * 5)
    assert before[most_novel] == 1.0 and after[most_novel] < 1.0


def test_responses_without_an_answer_are_nobodys_other():
    embeddings = np.random.default_rng(6).normal(size=(5, 3))
    answered = np.array([1, 1, 0, 1, 1])
    actual = rewards(embeddings, [1, 1, 0, 0, 0], has_answer=answered)
    kept = np.flatnonzero(answered)
    assert actual[2] == -1.0
    np.testing.assert_allclose(actual[kept], rewards(embeddings[kept], [1, 1, 0, 0]), rtol=1e-6)


def test_prompts_do_not_see_each_other():
    embeddings = np.random.default_rng(7).normal(size=(6, 3))
    correct, ids = np.array([1, 1, 0, 1, 1, 1]), np.array([8, 8, 8, 2, 2, 2])
    apart = [rewards(embeddings[ids == i], correct[ids == i]) for i in (8, 2)]
    np.testing.assert_allclose(rewards(embeddings, correct, group_ids=ids), np.concatenate(apart), rtol=1e-6)


@pytest.mark.parametrize(("table", "expected"), [((1, 1, 1), 2.0), ((1, 0, 1), 1.5), ((0, 1, 1), 0.5), ((0, 0, 0), 0.0)])
def test_consistency_reward_table(table, expected):
    fields = dict(zip(("correct", "consistent", "well_formed"), (np.array([x], bool) for x in table), strict=True))
    np.testing.assert_allclose(run(policy.consistency_reward(), **fields).rewards, [expected])


def test_sigma_filter_drops_the_outlier_alone():
    advantages = np.random.default_rng(8).uniform(-1, 1, size=(10, 20)).astype(np.float32)
    advantages[3, 4] = 30.0
    mask = np.ones_like(advantages, bool)
    mask[:, 15:] = False
    valid = advantages[mask].astype(np.float64)
    expected = (advantages - valid.mean()) / valid.std()
    assert expected[3, 4] > 10
    expected[3, 4] = 0.0
    actual = run(policy.sigma_filter(), advantages=advantages, mask=mask).advantages
    np.testing.assert_allclose(actual, np.where(mask, expected, 0), rtol=1e-4, atol=1e-5)


def test_constant_advantages_are_filtered_to_zero():
    constant = run(policy.sigma_filter(), advantages=np.full([2, 3], 0.5, np.float32), mask=np.ones([2, 3], bool))
    np.testing.assert_array_equal(constant.advantages, 0.0)


@functools.cache
def clipped(ratio):
    return chain(ratio(), policy.ppo_clip(), policy.sequence_mean_token_mean())


def of_one_token(ratio, difference, advantage):
    terms = policy.Terms(
        mask=np.ones([1, 1], bool), old_log_probs=np.full([1, 1], -difference), advantages=np.full([1, 1], advantage)
    )
    return value_and_gradient(clipped(ratio), terms, np.zeros([1, 1]))


@pytest.mark.parametrize("advantage", [1.0, -1.0])
@pytest.mark.parametrize("difference", [-50.0, 50.0, 90.0])
def test_beyond_the_bounds_the_ratio_is_finite_and_has_no_gradient(difference, advantage):
    value, gradient = of_one_token(policy.bounded_ratio, difference, advantage)
    assert np.isfinite(value) and np.all(gradient == 0)


@pytest.mark.parametrize("difference", [-6.8, -0.1, 0.1, 6.8])
def test_within_the_bounds_it_is_ppo(difference):
    for advantage in (1.0, -1.0):
        expected = of_one_token(policy.token_ratio, difference, advantage)
        for a, e in zip(of_one_token(policy.bounded_ratio, difference, advantage), expected, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-6)
