"""Several turns: void turns, rewards of turns, and their credit."""

import functools

import jax
import numpy as np
import pytest

from algax import chain, policy

from .compiled import update
from .compiled import value_and_gradient as of_loss

VOID = policy.simpletir().steps[4]


def after(loss, terms, field):
    return getattr(update(loss, terms)[0], field)


def tool_record(void):
    rng = np.random.default_rng(0)
    shape = (4, 6)
    tool = rng.random(shape) < 0.3
    return tool, policy.Terms(
        mask=~tool,
        rewards=np.array([1.0, 0.0, 0.0, 1.0]),
        group_ids=np.zeros(4, int),
        truncated=np.zeros(4, bool),
        well_formed=~void,
        old_log_probs=rng.normal(size=shape).astype(np.float32),
    )


LOG_PROBS = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
SIMPLETIR = policy.simpletir()


def value_and_gradient(terms, loss):
    return of_loss(loss, terms, LOG_PROBS)


def test_void_rows_and_tool_tokens_have_no_gradient():
    void = np.array([False, True, False, False])
    tool, terms = tool_record(void)
    _, gradient = value_and_gradient(terms, SIMPLETIR)
    assert not np.any(gradient[void]) and not np.any(gradient[tool]) and np.any(gradient)


def test_without_void_turns_it_is_the_plain_loss_and_with_nothing_else_zero():
    _, terms = tool_record(np.zeros(4, bool))
    plain = chain(policy.group_advantage(), policy.token_ratio(), policy.ppo_clip(high=0.28, dual=3.0), policy.token_mean())
    for actual, expected in zip(value_and_gradient(terms, SIMPLETIR), value_and_gradient(terms, plain), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
    value, gradient = value_and_gradient(terms.replace(well_formed=np.zeros(4, bool)), SIMPLETIR)
    assert value == 0 and not np.any(gradient)


def test_the_place_of_the_filter_decides_about_the_statistics():
    void = np.array([True, False, False, False])
    _, terms = tool_record(void)
    everyone = after(policy.group_advantage(), terms, "advantages")
    late = after(chain(policy.group_advantage(), VOID), terms, "advantages")
    early = after(chain(VOID, policy.group_advantage()), terms, "advantages")
    np.testing.assert_array_equal(late[1:], everyone[1:])
    assert np.abs(early[3] - everyone[3]).max() > 0.1


def test_void_turns():
    code = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 1]])
    answer = np.array([[0, 1, 0], [0, 0, 1], [1, 1, 1]])
    void = jax.jit(policy.void_turns)(code, answer, np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1]]))
    np.testing.assert_array_equal(void, [0, 1, 0])


# ----- unary feedback -------------------------------------------------------------------------------------------------


@functools.cache
def unary_feedback(gamma, weight):
    return chain(policy.turn_decay(gamma), policy.repetition_penalty(weight), policy.sum_turn_rewards())


def rewards_of(answers, gold, gamma=0.5, weight=0.5):
    answers = np.asarray(answers)
    terms = policy.Terms(turn_answers=answers, turn_correct=answers == gold)
    return after(unary_feedback(gamma, weight), terms, "rewards")


@pytest.mark.parametrize(
    ("answers", "gold", "expected"),
    [
        ([1, 2, 0, 0, 0], 0, 0.25),
        ([3, 3, 3, 3, 3], 0, -0.4),
        ([1, 1, 0, 1, 1], 0, 0.25 - 0.5 / 3),
        ([0, 1, 1, 1, 1], 0, 1.0),
        ([3, -1, 3, -1, -1], 0, -0.25),
        ([-1, -1, -1, -1, -1], 0, 0.0),
    ],
)
def test_unary_feedback(answers, gold, expected):
    np.testing.assert_allclose(rewards_of([answers], gold), [expected], atol=1e-6)


def test_without_decay_and_penalty_success_counts_and_labels_do_not_matter():
    answers = np.random.default_rng(0).integers(0, 4, (20, 5))
    np.testing.assert_allclose(rewards_of(answers, 2, gamma=1.0, weight=0.0), (answers == 2).any(axis=1))
    relabelled = np.array([13, 5, 2, 99])[answers]
    np.testing.assert_allclose(rewards_of(answers, 2), rewards_of(relabelled, 2), atol=1e-6)


# ----- self-correction -------------------------------------------------------------------------------------------------


ATTEMPTS = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], np.float32)
TURNS = np.broadcast_to(np.array([0, 0, 1]), (4, 3))


def changed(attempt, rewards):
    """Other rewards of the first or second attempt."""
    return np.where(np.arange(2) == attempt, np.reshape(rewards, (-1, 1)), ATTEMPTS).astype(np.float32)


def attempts(rewards=ATTEMPTS):
    zeros = np.zeros([4, 3], np.float32)
    return policy.Terms(turn_rewards=rewards, turn_ids=TURNS, old_log_probs=zeros + 0.5, ref_log_probs=zeros, log_probs=zeros)


def test_progress_bonus():
    bonus = after(policy.progress_bonus(10.0), attempts(), "turn_rewards") - ATTEMPTS
    np.testing.assert_allclose(bonus, [[0, 10], [0, -10], [0, 0], [0, 0]])
    np.testing.assert_allclose(after(policy.progress_bonus(0.0), attempts(), "turn_rewards"), ATTEMPTS)


def test_first_stage_ignores_the_first_reward():
    first_stage = policy.score(1)

    def gradient(rewards):
        return of_loss(first_stage, attempts(rewards), np.zeros([4, 3], np.float32))[1]

    np.testing.assert_array_equal(gradient(ATTEMPTS), gradient(changed(0, np.arange(4.0))))
    assert np.any(gradient(ATTEMPTS) != gradient(changed(1, np.arange(4.0))))


def test_divergences_are_charged_to_their_turn():
    charged = after(policy.kl_in_turn_rewards(0.1, 0.01), attempts(), "turn_rewards")
    np.testing.assert_allclose(charged, ATTEMPTS - [0.1 * 1.0, 0.01 * 0.5], rtol=1e-6)


def test_turn_credit():
    credit = policy.turn_credit()
    own = after(credit, attempts(), "advantages")
    np.testing.assert_allclose(own, ATTEMPTS[:, [0, 0, 1]])
    other = after(credit, attempts(changed(1, 7.0)), "advantages")
    np.testing.assert_array_equal(other[:, :2], own[:, :2])
    to_go = after(policy.turn_credit("to_go", discount=0.5), attempts(), "advantages")
    np.testing.assert_allclose(to_go[:, 0], ATTEMPTS @ [1.0, 0.5])
    np.testing.assert_allclose(to_go[:, 2], ATTEMPTS[:, 1])
    bonus = chain(policy.progress_bonus(10.0), policy.turn_credit("to_go"))
    np.testing.assert_allclose(after(bonus, attempts(), "advantages")[:, 0], ATTEMPTS @ [-9.0, 11.0])


def test_baseline_counts_only_responses_that_have_the_turn():
    terms = attempts().replace(mask=np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 0, 0]]))
    actual = after(policy.turn_credit(baseline="batch_mean"), terms, "advantages")
    np.testing.assert_allclose(actual, [[-2 / 3, -2 / 3, 0], [1 / 3, 1 / 3, 0], [1 / 3, 1 / 3, 0], [0, 0, 0]], atol=1e-6)
