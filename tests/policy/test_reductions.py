"""Reductions: `aggregate` and the transforms made of it, on worked examples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import chain, policy

X = jnp.array([[1.0, 1.0, 1.0], [4.0, 0.0, 0.0]])
MASK = jnp.array([[1, 1, 1], [1, 0, 0]])
EXPECTED = {"token_mean": 7 / 4, "sequence_mean_token_mean": 2.5, "sequence_mean_token_sum": 3.5, "sum": 7.0}


@pytest.mark.parametrize("reduction", EXPECTED)
def test_worked_example_and_padding_row(reduction):
    terms = policy.Terms(mask=MASK).prepare()
    np.testing.assert_allclose(policy.aggregate(terms, X, reduction), EXPECTED[reduction], rtol=1e-6)
    padded = policy.Terms(mask=jnp.pad(MASK, ((0, 1), (0, 0)))).prepare()
    np.testing.assert_allclose(policy.aggregate(padded, jnp.pad(X, ((0, 1), (0, 0))), reduction), EXPECTED[reduction])


def test_sum_over_constant_and_unknown_reductions():
    terms = policy.Terms(mask=MASK).prepare()
    np.testing.assert_allclose(policy.aggregate(terms, X, "sum_over_constant", 3), 7 / 3, rtol=1e-6)
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        policy.aggregate(terms, X, "median")
    with pytest.raises(ValueError, match="`divisor` must be > 0"):
        policy.aggregate(terms, X, "sum_over_constant")


def test_equal_lengths_make_the_means_equal():
    terms = policy.Terms(mask=jnp.ones([2, 3])).prepare()
    values = [float(policy.aggregate(terms, X, name)) for name in EXPECTED]
    np.testing.assert_allclose([values[0], values[1], values[2] / 3], values[0], rtol=1e-6)


def test_a_long_answer_weighs_more_under_token_mean():
    mask = jnp.arange(20)[None, :] < jnp.array([[2], [20]])
    terms = policy.Terms(mask=mask, advantages=-jnp.ones([2, 20]))

    def weight(reduction):
        loss = chain(policy.policy_gradient(), reduction)
        gradient = jax.jit(jax.grad(lambda x: loss(terms.replace(log_probs=x))))(jnp.zeros([2, 20]))
        return np.abs(gradient).sum(1)

    np.testing.assert_allclose(weight(policy.token_mean())[1] / weight(policy.token_mean())[0], 10.0, rtol=1e-5)
    np.testing.assert_allclose(weight(policy.sequence_mean_token_mean()), [0.5, 0.5], rtol=1e-5)


def test_weights_and_penalties_enter_the_loss():
    terms = policy.Terms(
        surrogates=jnp.array([[1.0, 2.0]]), weights=jnp.array([[3.0, 0.0]]), penalties=jnp.array([[0.5, 0.25]])
    )
    np.testing.assert_allclose(policy.token_sum()(terms), 0.75 - 3.0)
    with pytest.raises(ValueError, match="`surrogates` or `penalties`"):
        policy.token_mean()(policy.Terms(mask=MASK))


def test_filters_leave_the_gradient_of_the_sub_batch():
    """Groups 0 (all wrong) and 2 (all right) go; what is left is the loss of group 1 alone, under every reduction."""
    rng = np.random.default_rng(0)
    rewards = jnp.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0])
    ids = jnp.array([0, 0, 1, 1, 2, 2])
    log_probs = jnp.asarray(rng.normal(size=(6, 3)), jnp.float32)
    kept = slice(2, 4)
    for reduction in (policy.token_mean, policy.sequence_mean_token_mean, policy.sequence_mean_token_sum):
        tail = (policy.group_advantage(), policy.policy_gradient(), reduction())
        full = policy.Terms(rewards=rewards, group_ids=ids)
        part = policy.Terms(rewards=rewards[kept], group_ids=ids[kept])
        whole = jax.jit(jax.grad(lambda x, t=tail, b=full: chain(policy.dynamic_filter(), *t)(b.replace(log_probs=x))))(
            log_probs
        )
        alone = jax.jit(jax.grad(lambda x, t=tail, b=part: chain(*t)(b.replace(log_probs=x))))(log_probs[kept])
        np.testing.assert_allclose(whole[kept], alone, rtol=1e-5)
        assert np.all(np.asarray(whole)[:2] == 0) and np.all(np.asarray(whole)[4:] == 0)
    degenerate = full.replace(rewards=jnp.zeros(6), log_probs=log_probs)
    assert float(chain(policy.dynamic_filter(), *tail)(degenerate)) == 0.0


def test_truncated_rows_leave_the_loss_before_or_after_the_group_statistics():
    terms = policy.Terms(
        log_probs=-jnp.ones([3, 1]),
        rewards=jnp.array([1.0, 0.0, 5.0]),
        group_ids=jnp.zeros(3, jnp.int32),
        truncated=jnp.array([False, False, True]),
    )
    tail = (policy.policy_gradient(), policy.token_mean())
    advantage = policy.group_advantage(scale="none")
    # Before: mean 0.5 of the two others, advantages +-0.5 cancel. After: mean 2, advantages -1 and -2, mean -1.5.
    np.testing.assert_allclose(chain(policy.mask_truncated(), advantage, *tail)(terms), 0.0, atol=1e-6)
    np.testing.assert_allclose(chain(advantage, policy.mask_truncated(), *tail)(terms), -1.5, rtol=1e-6)


def test_value_loss_is_pessimistic_about_large_moves():
    terms = policy.Terms(values=jnp.array([[1.0]]), returns=jnp.array([[2.0]]), old_values=jnp.array([[0.0]]))
    np.testing.assert_allclose(policy.value_loss()(terms), 0.5 * (0.2 - 2.0) ** 2, rtol=1e-6)
    np.testing.assert_allclose(policy.value_loss(clip=None, coefficient=0.5)(terms), 0.25, rtol=1e-6)
