"""Controls of rewards and signs, caps on turns, and training on one prompt."""

import jax
import numpy as np

from algax import chain, policy, schedules

from .compiled import loss_of, update


def after(loss, terms, field):
    return getattr(update(loss, terms)[0], field)


def test_inverting_twice_is_the_identity():
    terms = policy.Terms(mask=np.ones([3, 1], bool), rewards=np.array([0.0, 0.25, 1.0]))
    once = after(policy.corrupt_rewards("inverted"), terms, "rewards")
    np.testing.assert_array_equal(once, [1.0, 0.75, 0.0])
    twice = chain(policy.corrupt_rewards("inverted"), policy.corrupt_rewards("inverted"))
    np.testing.assert_array_equal(after(twice, terms, "rewards"), terms.rewards)


def test_random_and_format_rewards_know_nothing_of_correctness():
    rows = 2000
    terms = policy.Terms(
        mask=np.ones([rows, 1], bool),
        rewards=np.ones(rows),
        well_formed=np.arange(rows) % 4 == 0,
        key=jax.random.key(0),
    )
    tosses = after(policy.corrupt_rewards("random"), terms, "rewards")
    assert set(tosses) == {0.0, 1.0} and abs(tosses.mean() - 0.5) < 0.05
    np.testing.assert_array_equal(after(policy.corrupt_rewards("format"), terms, "rewards"), np.arange(rows) % 4 == 0)


def test_both_signs_add_up():
    advantages = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    terms = policy.Terms(mask=np.ones([4, 3], bool), advantages=advantages)
    parts = [after(policy.keep_sign(sign), terms, "advantages") for sign in ("positive", "negative")]
    assert np.all(parts[0] >= 0) and np.all(parts[1] <= 0)
    np.testing.assert_array_equal(parts[0] + parts[1], advantages)


turns = np.array([[0, 0, 1, 1, 2], [0, 1, 1, 2, 3], [0, 0, 0, 0, 0]])
mask = np.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 0], [1, 1, 1, 0, 0]], bool)


def test_turns_beyond_the_cap_are_cut():
    terms = policy.Terms(mask=mask, turn_ids=turns, truncated=np.array([False, False, True]))
    capped = update(policy.cap_turns(2), terms)[0]
    np.testing.assert_array_equal(capped.mask, mask & (turns < 2))
    np.testing.assert_array_equal(capped.truncated, [True, True, True])
    # The only token of turn 3 is not the policy's, so nothing is cut.
    np.testing.assert_array_equal(after(policy.cap_turns(3), terms, "truncated"), [False, False, True])


def test_the_cap_follows_its_schedule():
    terms = policy.Terms(mask=mask, turn_ids=turns)
    grows = policy.cap_turns(schedules.staged((1, 2), every=2))
    for step, cap in ((0, 1), (1, 1), (2, 2)):
        at_step = terms.replace(step=np.asarray(step))
        np.testing.assert_array_equal(after(grows, at_step, "mask"), mask & (turns < cap))


def test_scaling_inter_is_the_objective_on_the_shorter_dialogue():
    rng = np.random.default_rng(1)
    terms = policy.Terms(
        mask=mask,
        turn_ids=turns,
        rewards=np.array([1.0, 0.0, 0.5]),
        group_ids=np.zeros(3, int),
        log_probs=(rng.normal(size=(3, 5)) - 2).astype(np.float32),
        old_log_probs=(rng.normal(size=(3, 5)) - 2).astype(np.float32),
    )
    objective = policy.grpo(kl_coefficient=0.0)
    expected = loss_of(objective, terms.replace(mask=mask & (turns < 2)))
    np.testing.assert_allclose(loss_of(policy.scaling_inter(2, objective), terms), expected, rtol=1e-6)


def test_one_shot_adds_divergence_and_takes_entropy_away():
    rng = np.random.default_rng(2)
    logits = (0.3 * rng.normal(size=(4, 2, 3))).astype(np.float32)  # small: divergences are limited to 10
    tokens = rng.integers(0, 3, (4, 2))
    rewards, before = np.array([1.0, 0.0, 0.0, 0.0], np.float32), np.full([4, 2], -1.0, np.float32)

    def loss(**coefficients):
        data = policy.Terms(tokens=tokens, rewards=rewards, group_ids=np.array([0, 0, 1, 1]), ref_log_probs=before)
        data = data.replace(mask=np.ones([4, 2], bool))

        def of_logits(logits):
            terms = policy.forward(lambda params, inputs: params)(logits, data, None)
            return policy.one_shot(**coefficients)(terms.replace(old_log_probs=terms.log_probs))

        return float(jax.jit(of_logits)(logits))

    log_probs = logits.astype(np.float64)
    log_probs -= np.log(np.exp(log_probs).sum(axis=-1, keepdims=True))
    difference = -1.0 - np.take_along_axis(log_probs, tokens[..., None], 2)[..., 0]
    divergence = np.mean(np.exp(difference) - difference - 1)
    entropy = -np.mean(np.sum(np.exp(log_probs) * log_probs, axis=2))
    plain = loss(kl_coefficient=0.0, entropy_coefficient=0.0)
    np.testing.assert_allclose(loss(kl_coefficient=0.5, entropy_coefficient=0.0) - plain, 0.5 * divergence, rtol=1e-4)
    np.testing.assert_allclose(loss(kl_coefficient=0.0, entropy_coefficient=0.5) - plain, -0.5 * entropy, rtol=1e-4)
