"""Process rewards: the soft minimum and its limits, baselines by loops, advantages of steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import chain, policy, preference

from .compiled import loss_of, update


def run(transform, **fields):
    return update(transform, policy.Terms(**fields))[0]


def steps(values, **fields):
    """One row whose every token is a step."""
    return {"token_rewards": np.asarray([values], np.float32), "mask": np.ones([1, len(values)], bool)} | fields


def test_process_rewards_are_differences_of_probabilities():
    logits = np.array([[0.3, -1.0], [40.0, -40.0], [0.0, 0.0]], np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(jax.jit(policy.process_rewards)(logits), probabilities[:, 1] - probabilities[:, 0], atol=1e-6)
    with pytest.raises(ValueError, match="`logits` must have shape"):
        policy.process_rewards(jnp.zeros([2, 3]))


def test_soft_minimum_worked_example():
    after = run(chain(policy.soft_min_rewards(), policy.sequence_rewards()), **steps([0.5, -0.5]))
    np.testing.assert_allclose(after.token_rewards, [[2.27e-5, -0.49998]], rtol=1e-3)
    np.testing.assert_allclose(after.rewards, [-0.49995], rtol=1e-4)


values = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=6)


@settings(max_examples=20, deadline=None)
@given(values, st.floats(0.05, 5.0))
def test_the_soft_minimum_lies_between_minimum_and_mean(p, temperature):
    soft = chain(policy.soft_min_rewards(temperature=temperature), policy.sequence_rewards())
    outcome = float(run(soft, **steps(p)).rewards[0])
    assert min(p) - 1e-5 <= outcome <= np.mean(p) + 1e-5


def test_limits_of_the_temperature_and_one_step():
    p = [0.3, -0.2, 0.6]

    def outcome(temperature, p=p):
        soft = chain(policy.soft_min_rewards(temperature=temperature), policy.sequence_rewards())
        return float(run(soft, **steps(p)).rewards[0])

    np.testing.assert_allclose(outcome(1e-3), -0.2, rtol=1e-5)
    np.testing.assert_allclose([outcome(1e5), outcome(None)], np.mean(p), rtol=1e-3)
    np.testing.assert_allclose(outcome(0.1, [0.7]), 0.7, rtol=1e-6)


def test_steps_end_where_they_are_said_to():
    """Steps of two tokens: the rewards between their ends count for nothing."""
    fields = steps([9.0, 0.3, 9.0, -0.2, 9.0], step_ends=np.array([[0, 1, 0, 1, 0]]))
    soft = np.asarray(run(policy.soft_min_rewards(), **fields).token_rewards)
    np.testing.assert_allclose(
        soft[0, [1, 3]], np.asarray(run(policy.soft_min_rewards(), **steps([0.3, -0.2])).token_rewards)[0]
    )
    assert np.all(soft[0, [0, 2, 4]] == 0)
    np.testing.assert_allclose(run(policy.min_return(), **fields).returns, [[-0.2, -0.2, -0.2, -0.2, 0.0]])


def test_strict_minimum_and_padding():
    np.testing.assert_allclose(run(policy.min_return(), **steps([0.3, -0.2, 0.5])).returns, [[-0.2, -0.2, 0.5]])
    padded = steps([0.3, 0.5, -9.0], mask=np.array([[True, True, False]]))
    np.testing.assert_allclose(run(policy.min_return(), **padded).advantages, [[0.3, 0.5, 0.0]])


def test_the_minimum_prefers_the_strategy_the_sum_does_not():
    filler, honest = [0.3] * 8 + [-0.2], [0.3, 0.4, 0.6]
    assert sum(filler) > sum(honest)
    least = [float(run(policy.min_return(), **steps(p)).returns[0, 0]) for p in (filler, honest)]
    np.testing.assert_allclose(least, [-0.2, 0.3], rtol=1e-6)


REWARDS = np.array([[0.0, 1.0, 0.0, 2.0], [0.5, 0.0, 1.0, 0.0], [0.0, 0.0, 3.0, 0.0]], np.float32)
ENDS = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 0]], bool)
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 1, 0]], bool)


@pytest.mark.parametrize("kind", ["token", "step"])
def test_baselines_against_a_loop(kind):
    outcomes, lengths, counts = REWARDS.sum(axis=1), MASK.sum(axis=1), ENDS.sum(axis=1)
    expected = REWARDS.copy()
    for i in range(3):
        others = [j for j in range(3) if j != i]
        previous = 0
        for t in np.flatnonzero(ENDS[i]):
            tokens = MASK[i, previous : t + 1].sum()
            previous = t + 1
            per_token = outcomes[others].sum() / lengths[others].sum()
            expected[i, t] -= per_token * tokens if kind == "token" else np.mean(outcomes[others] / counts[others])
    after = run(
        policy.process_baseline(kind=kind), token_rewards=REWARDS, step_ends=ENDS, mask=MASK, group_ids=np.array([4, 4, 4])
    )
    np.testing.assert_allclose(after.token_rewards, expected, rtol=1e-5)


def test_a_response_alone_has_no_baseline():
    alone = {"token_rewards": REWARDS, "mask": MASK, "step_ends": ENDS, "group_ids": np.arange(3)}
    for kind in ("token", "step"):
        np.testing.assert_allclose(run(policy.process_baseline(kind=kind), **alone).token_rewards, REWARDS)
    returns = {"advantages": REWARDS, "mask": MASK, "group_ids": np.arange(3)}
    np.testing.assert_allclose(run(policy.leave_one_out_baseline(4), **returns).advantages, REWARDS)


def test_leave_one_out_of_returns_and_rewards():
    ids = np.array([1, 1, 1])
    after = run(policy.leave_one_out_baseline(5), advantages=REWARDS, mask=MASK, group_ids=ids)
    totals = REWARDS.sum(axis=1)
    expected = np.where(MASK, REWARDS - ((totals.sum() - totals) / (2 * 5))[:, None], 0)
    np.testing.assert_allclose(after.advantages, expected, rtol=1e-5)
    solved = np.array([1.0, 0.0, 0.0], np.float32)
    minus_one = solved - 1  # the paper's rewards of 0 and -1
    expected = minus_one - (minus_one.sum() - minus_one) / 2
    rewards = run(policy.leave_one_out_reward(coefficient=2.0), rewards=solved, mask=MASK, group_ids=ids).rewards
    np.testing.assert_allclose(rewards, 2 * expected, rtol=1e-6)


def test_separators_get_no_advantage():
    fields = {"advantages": np.ones([1, 3], np.float32), "mask": np.ones([1, 3], bool)}
    after = run(policy.zero_separators(), **fields, separators=np.array([[0, 1, 0]]))
    np.testing.assert_array_equal(after.advantages, [[1, 0, 1]])
    np.testing.assert_array_equal(run(policy.zero_separators(), **fields).advantages, [[1, 1, 1]])


@pytest.mark.parametrize(("ratio", "weight"), [(9.0, 1.0), (11.0, 0.0)])
def test_a_batch_of_large_ratios_is_skipped(ratio, weight):
    after = run(policy.ratio_guard(), ratios=np.full([2, 2], ratio, np.float32), mask=np.ones([2, 2], bool))
    np.testing.assert_array_equal(after.weights, np.full([2, 2], weight))


def test_pure_equals_its_parts_in_numpy():
    """One group of two one-step responses: r_i - b n_i with b the other's reward per token."""
    rewards, solved = np.array([[0.0, 0.4], [-0.2, 0.0]], np.float32), np.array([1.0, 0.0], np.float32)
    mask, ends = np.array([[1, 1], [1, 0]], bool), np.array([[0, 1], [1, 0]], bool)
    zeros = np.zeros([2, 2], np.float32)
    terms = policy.Terms(
        token_rewards=jnp.asarray(rewards),
        rewards=jnp.asarray(solved),
        mask=jnp.asarray(mask),
        step_ends=jnp.asarray(ends),
        group_ids=jnp.array([0, 0]),
        old_log_probs=jnp.asarray(zeros),
    )
    loss = policy.pure(kl_coefficient=0.0)
    gradient = jax.jit(jax.grad(lambda x: loss(terms.replace(log_probs=x))))(jnp.asarray(zeros))
    first, second = 0.4 - 2 * -0.2 + 1.0, -0.2 - 0.4 / 2 - 1.0
    np.testing.assert_allclose(gradient, [[-first / 4, -first / 4], [-second / 2, 0]], rtol=1e-5)


def test_step_advantages_telescope():
    q = np.array([[0.8, 0.6, 0.1, 0.1]], np.float32)
    after = run(policy.step_advantage(), step_values=q, prompt_values=np.array([0.5], np.float32), mask=np.ones([1, 4], bool))
    np.testing.assert_allclose(after.advantages, [[0.3, -0.2, -0.5, 0]], atol=1e-6)
    np.testing.assert_allclose(after.advantages.sum(), q[0, -1] - 0.5, rtol=1e-5)


def test_every_token_of_a_step_has_its_advantage():
    after = run(
        policy.step_advantage(),
        step_values=np.array([[9.0, 0.8, 9.0, 0.6, 9.0]], np.float32),
        prompt_values=np.array([0.5], np.float32),
        step_ends=np.array([[0, 1, 0, 1, 0]]),
        mask=np.ones([1, 5], bool),
    )
    np.testing.assert_allclose(after.advantages, [[0.3, 0.3, -0.2, -0.2, 0.0]], atol=1e-6)


def test_the_first_pit_is_the_first_minimum_among_the_steps():
    q = np.array([[0.8, 0.6, 0.1, 0.1], [0.8, 0.6, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1]], np.float32)
    ends = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(jax.jit(policy.first_pit)(q, ends), [2, 1, -1])


def weighted_gradient(beta, advantages):
    terms = policy.Terms(advantages=jnp.asarray(advantages), mask=jnp.ones(advantages.shape, bool))
    loss = chain(policy.advantage_weighted(beta=beta), policy.token_mean())
    return np.asarray(jax.jit(jax.grad(lambda x: loss(terms.replace(log_probs=x))))(jnp.zeros(advantages.shape)))


def test_weights_are_exponential_capped_and_in_the_limit_those_of_imitation():
    advantages = np.array([[0.1, -0.2, 50.0]], np.float32)
    np.testing.assert_allclose(-3 * weighted_gradient(0.1, advantages), [[np.exp(1.0), np.exp(-2.0), 20.0]], rtol=1e-5)
    np.testing.assert_allclose(-3 * weighted_gradient(1e6, advantages[:, :2]), 1.5, rtol=1e-5)


def test_the_pair_cut_at_the_pit_goes_to_dpo():
    """-log sigmoid(beta (log-ratio of the right response - log-ratio of the wrong prefix)), written out."""
    beta, right, wrong = 0.1, np.array([-1.0, -4.0]), np.array([-3.0, -1.5])
    ref_right, ref_wrong = np.array([-2.0, -2.0]), np.array([-2.5, -3.0])
    terms = preference.Terms(
        chosen_log_probs=jnp.asarray(right, jnp.float32),
        rejected_log_probs=jnp.asarray(wrong, jnp.float32),
        ref_chosen_log_probs=jnp.asarray(ref_right, jnp.float32),
        ref_rejected_log_probs=jnp.asarray(ref_wrong, jnp.float32),
    )
    margins = beta * ((right - ref_right) - (wrong - ref_wrong))
    np.testing.assert_allclose(loss_of(preference.dpo(beta=beta), terms), np.mean(np.log1p(np.exp(-margins))), rtol=1e-5)
