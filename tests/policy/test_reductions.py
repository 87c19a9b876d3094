"""Reductions: `aggregate` and the transforms made of it, on worked examples."""

import functools

import jax
import numpy as np
import pytest

from algax import chain, policy

from .compiled import loss_of, value_and_gradient

X = np.array([[1.0, 1.0, 1.0], [4.0, 0.0, 0.0]], np.float32)
MASK = np.array([[1, 1, 1], [1, 0, 0]])
EXPECTED = {"token_mean": 7 / 4, "sequence_mean_token_mean": 2.5, "sequence_mean_token_sum": 3.5, "sum": 7.0}


@functools.partial(jax.jit, static_argnums=(2, 3))
def aggregate(mask, x, reduction, *options):
    return policy.aggregate(policy.Terms(mask=mask).prepare(), x, reduction, *options)


@pytest.mark.parametrize("reduction", EXPECTED)
def test_worked_example_and_padding_row(reduction):
    np.testing.assert_allclose(aggregate(MASK, X, reduction), EXPECTED[reduction], rtol=1e-6)
    mask, x = (np.pad(array, ((0, 1), (0, 0))) for array in (MASK, X))
    np.testing.assert_allclose(aggregate(mask, x, reduction), EXPECTED[reduction])


def test_sum_over_constant_and_unknown_reductions():
    np.testing.assert_allclose(aggregate(MASK, X, "sum_over_constant", 3), 7 / 3, rtol=1e-6)
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        aggregate(MASK, X, "median")
    with pytest.raises(ValueError, match="`divisor` must be > 0"):
        aggregate(MASK, X, "sum_over_constant")


def test_equal_lengths_make_the_means_equal():
    values = [float(aggregate(np.ones([2, 3], np.float32), X, name)) for name in EXPECTED]
    np.testing.assert_allclose([values[0], values[1], values[2] / 3], values[0], rtol=1e-6)


def test_a_long_answer_weighs_more_under_token_mean():
    mask = np.arange(20)[None, :] < np.array([[2], [20]])
    terms = policy.Terms(mask=mask, advantages=-np.ones([2, 20]))

    def weight(reduction):
        return np.abs(value_and_gradient(chain(policy.policy_gradient(), reduction), terms, np.zeros([2, 20]))[1]).sum(1)

    short, long = weight(policy.token_mean())
    np.testing.assert_allclose(long / short, 10.0, rtol=1e-5)
    np.testing.assert_allclose(weight(policy.sequence_mean_token_mean()), [0.5, 0.5], rtol=1e-5)


def test_weights_and_penalties_enter_the_loss():
    terms = policy.Terms(
        surrogates=np.array([[1.0, 2.0]]), weights=np.array([[3.0, 0.0]]), penalties=np.array([[0.5, 0.25]])
    )
    np.testing.assert_allclose(loss_of(policy.token_sum(), terms), 0.75 - 3.0)
    with pytest.raises(ValueError, match="`surrogates` or `penalties`"):
        policy.token_mean()(policy.Terms(mask=MASK))


def test_filters_leave_the_gradient_of_the_sub_batch():
    """Groups 0 (all wrong) and 2 (all right) go; what is left is the loss of group 1 alone, under every reduction."""
    rng = np.random.default_rng(0)
    rewards = np.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0], np.float32)
    ids = np.array([0, 0, 1, 1, 2, 2])
    log_probs = rng.normal(size=(6, 3)).astype(np.float32)
    kept = slice(2, 4)
    for reduction in (policy.token_mean, policy.sequence_mean_token_mean, policy.sequence_mean_token_sum):
        tail = (policy.group_advantage(), policy.policy_gradient(), reduction())
        full = policy.Terms(rewards=rewards, group_ids=ids)
        part = policy.Terms(rewards=rewards[kept], group_ids=ids[kept])
        filtered = chain(policy.dynamic_filter(), *tail)
        _, whole = value_and_gradient(filtered, full, log_probs)
        _, alone = value_and_gradient(chain(*tail), part, log_probs[kept])
        np.testing.assert_allclose(whole[kept], alone, rtol=1e-5)
        assert np.all(whole[:2] == 0) and np.all(whole[4:] == 0)
    assert float(value_and_gradient(filtered, full.replace(rewards=np.zeros(6, np.float32)), log_probs)[0]) == 0.0


def test_truncated_rows_leave_the_loss_before_or_after_the_group_statistics():
    terms = policy.Terms(
        log_probs=-np.ones([3, 1]),
        rewards=np.array([1.0, 0.0, 5.0]),
        group_ids=np.zeros(3, np.int32),
        truncated=np.array([False, False, True]),
    )
    tail = (policy.policy_gradient(), policy.token_mean())
    advantage = policy.group_advantage(scale="none")
    # Before: mean 0.5 of the two others, advantages +-0.5 cancel. After: mean 2, advantages -1 and -2, mean -1.5.
    np.testing.assert_allclose(loss_of(chain(policy.mask_truncated(), advantage, *tail), terms), 0.0, atol=1e-6)
    np.testing.assert_allclose(loss_of(chain(advantage, policy.mask_truncated(), *tail), terms), -1.5, rtol=1e-6)


def test_value_loss_is_pessimistic_about_large_moves():
    terms = policy.Terms(values=np.array([[1.0]]), returns=np.array([[2.0]]), old_values=np.array([[0.0]]))
    np.testing.assert_allclose(loss_of(policy.value_loss(), terms), 0.5 * (0.2 - 2.0) ** 2, rtol=1e-6)
    np.testing.assert_allclose(loss_of(policy.value_loss(clip=None, coefficient=0.5), terms), 0.25, rtol=1e-6)
