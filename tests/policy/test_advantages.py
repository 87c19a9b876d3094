"""Advantages: worked examples, group sums, invariances."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import chain, policy

from .compiled import update


def advantages(transform, **fields):
    fields.setdefault("mask", np.ones([len(next(iter(fields.values()))), 1], bool))
    return update(transform, policy.Terms(**fields))[0].advantages


GROUP = {"rewards": np.array([1.0, 0.0, 0.0], np.float32), "group_ids": np.array([4, 4, 4])}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1.1547, -0.5774, -0.5774]),
        ({"scale": "none"}, [2 / 3, -1 / 3, -1 / 3]),
        ({"scale": "none", "baseline": "leave_one_out"}, [1.0, -0.5, -0.5]),
        ({"scale": "none", "baseline": "none"}, [1.0, 0.0, 0.0]),
        ({"ddof": 0}, [2**0.5, -(2**-0.5), -(2**-0.5)]),
    ],
)
def test_one_group(options, expected):
    np.testing.assert_allclose(advantages(policy.group_advantage(**options), **GROUP)[:, 0], expected, atol=1e-4)


group_advantage = functools.cache(policy.group_advantage)
rewards_and_ids = st.integers(2, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(-5, 5, width=32), min_size=n, max_size=n), st.lists(st.integers(-3, 10**6), min_size=n, max_size=n)
    )
)


@settings(max_examples=25, deadline=None)
@given(rewards_and_ids, st.sampled_from([("std", "mean"), ("none", "mean"), ("none", "leave_one_out")]))
def test_against_a_loop_over_groups(data, options):
    padding = 12 - len(data[0])  # one more group, so that every batch has one shape
    rewards = np.pad(np.asarray(data[0], np.float64), (0, padding), constant_values=0.5)
    ids = np.pad(np.asarray(data[1]), (0, padding), constant_values=10**6 + 1)
    scale, baseline = options
    expected = rewards.copy()
    for group in np.unique(ids):
        rows = np.flatnonzero(ids == group)
        if len(rows) == 1:
            continue
        for i in rows:
            others = rewards[rows] if baseline == "mean" else rewards[[j for j in rows if j != i]]
            expected[i] = rewards[i] - others.mean()
            if scale == "std":
                expected[i] /= rewards[rows].std(ddof=1) + 1e-6
    actual = advantages(group_advantage(scale=scale, baseline=baseline), rewards=rewards.astype(np.float32), group_ids=ids)
    np.testing.assert_allclose(actual[:, 0], expected, rtol=2e-3, atol=2e-3)


def test_equal_rewards_give_exactly_zero():
    rewards = np.full(7, 0.1, np.float32)
    assert np.all(advantages(policy.group_advantage(), rewards=rewards, group_ids=np.zeros(7, int)) == 0.0)


def test_a_group_of_one_keeps_its_reward_or_gets_zero():
    fields = {"rewards": np.array([0.7], np.float32), "group_ids": np.array([0])}
    np.testing.assert_allclose(advantages(policy.group_advantage(), **fields), 0.7)
    assert np.all(advantages(policy.group_advantage(singleton="zero"), **fields) == 0.0)


def test_leave_one_out_is_a_multiple_of_the_mean_baseline():
    rng = np.random.default_rng(0)
    fields = {"rewards": rng.normal(size=8).astype(np.float32), "group_ids": np.repeat([0, 1], 4)}
    rloo = advantages(policy.group_advantage(scale="none", baseline="leave_one_out"), **fields)
    np.testing.assert_allclose(rloo, 4 / 3 * advantages(policy.group_advantage(scale="none"), **fields), rtol=1e-5)


def test_affine_rewards_change_nothing():
    rng = np.random.default_rng(1)
    rewards, ids = rng.normal(size=8).astype(np.float32), np.repeat([0, 1], 4)
    base = advantages(group_advantage(), rewards=rewards, group_ids=ids)
    moved = advantages(group_advantage(), rewards=3 * rewards + 5, group_ids=ids)
    np.testing.assert_allclose(moved, base, rtol=1e-4, atol=1e-5)


def test_batch_std_divides_by_the_std_of_all_rewards():
    rewards = np.array([1.0, 0.0, 3.0, 5.0], np.float32)
    actual = advantages(policy.group_advantage(scale="batch_std"), rewards=rewards, group_ids=np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(actual[:, 0], np.array([0.5, -0.5, -1, 1]) / rewards.std(ddof=1), rtol=1e-4)


def test_grpo_weighs_lopsided_prompts_more_than_dr_grpo():
    """At accuracy 0.05 the standardised advantages are 1/std(0.05) = 4.6 times Dr. GRPO's, at 0.5 only 2 times: 2.3."""
    def scale(correct):
        rewards = np.concatenate([np.ones(correct), np.zeros(1000 - correct)]).astype(np.float32)
        fields = {"rewards": rewards, "group_ids": np.zeros(1000, int)}
        grpo, dr_grpo = group_advantage(), group_advantage(scale="none")
        return np.abs(advantages(grpo, **fields)).sum() / np.abs(advantages(dr_grpo, **fields)).sum()

    np.testing.assert_allclose(scale(50) / scale(500), 0.5 / np.sqrt(0.05 * 0.95), rtol=1e-3)


def test_generalised_advantage_worked_example():
    fields = {"token_rewards": np.array([[0.0, 0.0, 1.0]], np.float32), "old_values": np.array([[0.2, 0.4, 0.6]], np.float32)}
    mask = np.ones([1, 3], bool)
    np.testing.assert_allclose(
        advantages(policy.generalised_advantage(), mask=mask, **fields), [[0.751, 0.58, 0.4]], rtol=1e-5)
    np.testing.assert_allclose(
        advantages(policy.generalised_advantage(trace_decay=0.0), mask=mask, **fields), [[0.2, 0.2, 0.4]], rtol=1e-5)
    np.testing.assert_allclose(
        advantages(policy.generalised_advantage(trace_decay=1.0), mask=mask, **fields), [[0.8, 0.6, 0.4]], rtol=1e-5)


MASKED = policy.generalised_advantage(gamma=0.9)


@pytest.mark.parametrize("hole", [0, 1, 2, 3])
def test_a_masked_position_anywhere_changes_no_other(hole):
    rng = np.random.default_rng(hole)
    rewards, values = (rng.normal(size=(2, 3)).astype(np.float32) for _ in range(2))
    base = advantages(MASKED, token_rewards=rewards, old_values=values, mask=np.ones([2, 3], bool))
    spoilt = advantages(
        MASKED, token_rewards=np.insert(rewards, hole, np.nan, 1), old_values=np.insert(values, hole, 1e9, 1),
        mask=np.insert(np.ones([2, 3], bool), hole, False, 1),
    )
    np.testing.assert_allclose(np.delete(spoilt, hole, 1), base, rtol=1e-6)


def test_return_to_go_and_whitening():
    rewards = np.array([[1.0, 2.0, 4.0], [8.0, 0.0, 0.0]], np.float32)
    mask = np.array([[1, 1, 1], [1, 0, 0]], bool)
    to_go = policy.return_to_go(gamma=0.5)
    expected = np.array([[3.0, 4.0, 4.0], [8.0, 0.0, 0.0]])
    np.testing.assert_allclose(advantages(to_go, token_rewards=rewards, mask=mask), expected)
    valid = expected[mask]
    whitened = np.where(mask, (expected - valid.mean()) / np.sqrt(valid.var(ddof=1) + 1e-8), 0.0)
    actual = advantages(chain(to_go, policy.whiten_advantage()), token_rewards=rewards, mask=mask)
    np.testing.assert_allclose(actual, whitened, rtol=1e-5)
    kept = advantages(chain(to_go, policy.whiten_advantage(shift_mean=False)), token_rewards=rewards, mask=mask)
    np.testing.assert_allclose(kept[mask], whitened[mask] + valid.mean(), rtol=1e-5)


def test_reward_on_last_token_and_back():
    mask = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1]], bool)
    terms = policy.Terms(mask=mask, rewards=np.array([2.0, 5.0, 3.0]))
    placed, _ = update(policy.reward_on_last_token(), terms)
    np.testing.assert_allclose(placed.token_rewards, [[0, 2, 0], [0, 0, 0], [0, 0, 3]])
    summed, _ = update(policy.sequence_rewards(), placed)
    np.testing.assert_allclose(summed.rewards, [2, 0, 3])


def test_overlong_penalty_worked_example():
    lengths = np.array([80, 90, 100, 120])
    terms = policy.Terms(mask=np.arange(120)[None, :] < lengths[:, None], rewards=np.zeros(4))
    for floor, last in ((-1.0, -1.0), (None, -2.0)):
        after, _ = update(policy.overlong_penalty(100, 20, floor=floor), terms)
        np.testing.assert_allclose(after.rewards, [0.0, -0.5, -1.0, last], atol=1e-6)
