"""Filters of responses and tokens: small cases by hand, against loops, and the loss of nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import chain, policy

from .compiled import update


def run(transform, rows, width=3, **fields):
    fields = {"mask": np.ones([rows, width], bool)} | fields
    return update(transform, policy.Terms(**fields))[0].mask


def kept_rows(transform, rows, **fields):
    return run(transform, rows, **fields).any(axis=1).tolist()


REWARDS, IDS = np.array([1.0, 0.0, 0.3, 0.3, 0.5, 0.7, 0.7]), np.array([4, 4, 1, 1, 9, 2, 2])


def test_uniform_groups_are_dropped_and_a_group_of_one_stays():
    assert kept_rows(policy.drop_uniform_groups(), 7, rewards=REWARDS, group_ids=IDS) == [1, 1, 0, 0, 1, 0, 0]
    wide = {"rewards": np.array([0.0, 1.0, 0.4, 0.6]), "group_ids": np.array([0, 0, 1, 1])}
    assert kept_rows(policy.drop_uniform_groups(tolerance=0.12), 4, **wide) == [1, 1, 0, 0]
    assert kept_rows(policy.drop_uniform_groups(tolerance=0.12, ddof=1), 4, **wide) == [1, 1, 1, 1]


def test_accuracy_band_is_inclusive():
    fields = {"rewards": np.array([0.0, 0.5, 1.0, 1.0, 0.0, 0.0]), "group_ids": np.array([0, 0, 1, 1, 2, 2])}
    assert kept_rows(policy.accuracy_band(0.25, 0.9), 6, **fields) == [1, 1, 0, 0, 0, 0]
    assert kept_rows(policy.accuracy_band(0.0, 0.25), 6, **fields) == [1, 1, 0, 0, 1, 1]


def test_flags_and_kinds_of_tokens():
    truncated = np.array([1, 0, 1])
    assert kept_rows(policy.drop_flagged("truncated"), 3, truncated=truncated) == [0, 1, 0]
    assert kept_rows(policy.drop_flagged("truncated", value=False), 3, truncated=truncated) == [1, 0, 1]
    thoughts = np.array([[1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(run(policy.keep_tokens("thoughts"), 2, thoughts=thoughts), thoughts)
    np.testing.assert_array_equal(run(policy.mask_tokens("thoughts"), 2, thoughts=thoughts), 1 - thoughts)


def test_filters_commute():
    fields = {"rewards": REWARDS, "group_ids": IDS, "truncated": np.array([1, 0, 0, 0, 0, 0, 1])}
    steps = policy.mask_tokens("control_tokens"), policy.drop_flagged("truncated")
    fields["control_tokens"] = np.tile([1, 0, 0], (7, 1))
    np.testing.assert_array_equal(run(chain(*steps), 7, **fields), run(chain(*reversed(steps)), 7, **fields))


def test_a_batch_of_uniform_groups_has_no_loss_and_no_gradient():
    terms = policy.Terms(
        mask=np.ones([4, 3], bool),
        rewards=np.array([1.0, 1.0, 0.3, 0.3]),
        group_ids=np.array([0, 0, 1, 1]),
        old_log_probs=np.zeros([4, 3]),
        ref_log_probs=np.ones([4, 3]),
    )
    loss = policy.dler(8, kl_coefficient=1.0)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: loss(terms.replace(log_probs=x))))(np.full([4, 3], 0.1))
    assert float(value) == 0.0 and np.all(np.asarray(gradient) == 0)


def selective_masking(mask_it):
    rng = np.random.default_rng(0)
    terms = policy.Terms(
        mask=np.asarray([[1, 1, 1, 1], [1, 1, 1, 0]], bool),
        advantages=rng.normal(size=(2, 4)).astype(np.float32),
        old_log_probs=np.zeros([2, 4]),
        control_tokens=np.asarray([[0, 1, 0, 0], [1, 0, 0, 0]], bool),
    )
    steps = (policy.mask_tokens("control_tokens"),) if mask_it else ()
    loss = chain(policy.token_ratio(), policy.ppo_clip(), *steps, policy.token_mean())
    return np.asarray(jax.jit(jax.grad(lambda x: loss(terms.replace(log_probs=x))))(np.full([2, 4], 0.05)))


def test_selective_loss_masking_changes_the_decision_token_and_the_count_alone():
    masked, plain = selective_masking(True), selective_masking(False)
    decision = np.array([[0, 1, 0, 0], [1, 0, 0, 0]], bool)
    assert np.all(masked[decision] == 0) and np.all(plain[decision] != 0)
    np.testing.assert_allclose(masked[~decision], plain[~decision] * 7 / 5, rtol=1e-6)


def test_failed_turns_are_left_out():
    turn_ids, failed = np.array([[0, 0, 1, 1, 2], [0, 1, 2, 3, -1]]), np.array([[0, 1, 0], [1, 0, 1]])
    actual = run(policy.drop_failed_turns(), 2, width=5, turn_ids=turn_ids, turn_failed=failed)
    np.testing.assert_array_equal(actual, [[1, 1, 0, 0, 1], [0, 1, 0, 1, 1]])


def test_rejection_sampling_takes_the_first_correct_rows_of_each_prompt():
    rng = np.random.default_rng(1)
    correct, ids = rng.random(30) < 0.5, rng.integers(-2, 4, 30)
    for per_group in (1, 2, 50):
        taken, expected = {}, np.zeros(30, bool)
        for row in range(30):
            if correct[row] and taken.get(ids[row], 0) < per_group:
                taken[ids[row]] = taken.get(ids[row], 0) + 1
                expected[row] = True
        actual = jax.jit(functools.partial(policy.rejection_sample, per_group=per_group))(correct, ids)
        np.testing.assert_array_equal(actual, expected)
    with pytest.raises(ValueError, match="`per_group`"):
        policy.rejection_sample(jnp.asarray(correct), jnp.asarray(ids), per_group=0)


def test_match_difficulty():
    rates = np.array([0.0, 0.1, 0.5, 0.9, 1.0], np.float32)
    assert np.asarray(policy.match_difficulty(rates)).tolist() == [False, True, True, True, False]
    assert np.asarray(policy.match_difficulty(rates, low=0.0, high=1.0)).all()
    with pytest.raises(ValueError, match="`low`"):
        policy.match_difficulty(rates, low=0.5, high=0.2)
