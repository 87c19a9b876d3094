"""Controls of rewards and signs, caps on turns, and training on one prompt."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import chain, policy, schedules


def after(loss, terms, field):
    return np.asarray(getattr(loss.update(terms, loss.init())[0], field))


def test_inverting_twice_is_the_identity():
    terms = policy.Terms(mask=jnp.ones([3, 1], bool), rewards=jnp.array([0.0, 0.25, 1.0]))
    once = after(policy.corrupt_rewards("inverted"), terms, "rewards")
    np.testing.assert_array_equal(once, [1.0, 0.75, 0.0])
    twice = chain(policy.corrupt_rewards("inverted"), policy.corrupt_rewards("inverted"))
    np.testing.assert_array_equal(after(twice, terms, "rewards"), terms.rewards)


def test_random_and_format_rewards_know_nothing_of_correctness():
    rows = 2000
    terms = policy.Terms(
        mask=jnp.ones([rows, 1], bool),
        rewards=jnp.ones(rows),
        well_formed=jnp.arange(rows) % 4 == 0,
        key=jax.random.key(0),
    )
    tosses = after(policy.corrupt_rewards("random"), terms, "rewards")
    assert set(tosses) == {0.0, 1.0} and abs(tosses.mean() - 0.5) < 0.05
    np.testing.assert_array_equal(after(policy.corrupt_rewards("format"), terms, "rewards"), np.arange(rows) % 4 == 0)


def test_both_signs_add_up():
    advantages = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), jnp.float32)
    terms = policy.Terms(mask=jnp.ones([4, 3], bool), advantages=advantages)
    parts = [after(policy.keep_sign(sign), terms, "advantages") for sign in ("positive", "negative")]
    assert np.all(parts[0] >= 0) and np.all(parts[1] <= 0)
    np.testing.assert_array_equal(parts[0] + parts[1], advantages)


turns = jnp.array([[0, 0, 1, 1, 2], [0, 1, 1, 2, 3], [0, 0, 0, 0, 0]])
mask = jnp.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 0], [1, 1, 1, 0, 0]], bool)


def test_turns_beyond_the_cap_are_cut():
    terms = policy.Terms(mask=mask, turn_ids=turns, truncated=jnp.array([False, False, True]))
    np.testing.assert_array_equal(after(policy.cap_turns(2), terms, "mask"), mask & (turns < 2))
    np.testing.assert_array_equal(after(policy.cap_turns(2), terms, "truncated"), [True, True, True])
    # The only token of turn 3 is not the policy's, so nothing is cut.
    np.testing.assert_array_equal(after(policy.cap_turns(3), terms, "truncated"), [False, False, True])


def test_the_cap_follows_its_schedule():
    terms = policy.Terms(mask=mask, turn_ids=turns)
    grows = policy.cap_turns(schedules.staged((1, 2), every=2))
    for step, cap in ((0, 1), (1, 1), (2, 2)):
        at_step = terms.replace(step=jnp.asarray(step))
        np.testing.assert_array_equal(after(grows, at_step, "mask"), mask & (turns < cap))


def test_scaling_inter_is_the_objective_on_the_shorter_dialogue():
    rng = np.random.default_rng(1)
    terms = policy.Terms(
        mask=mask,
        turn_ids=turns,
        rewards=jnp.array([1.0, 0.0, 0.5]),
        group_ids=jnp.zeros(3, int),
        log_probs=jnp.asarray(rng.normal(size=(3, 5)) - 2, jnp.float32),
        old_log_probs=jnp.asarray(rng.normal(size=(3, 5)) - 2, jnp.float32),
    )
    objective = policy.grpo(kl_coefficient=0.0)
    expected = objective(terms.replace(mask=mask & (turns < 2)))
    np.testing.assert_allclose(policy.scaling_inter(2, objective)(terms), expected, rtol=1e-6)


def test_one_shot_adds_divergence_and_takes_entropy_away():
    rng = np.random.default_rng(2)
    logits = jnp.asarray(0.3 * rng.normal(size=(4, 2, 3)), jnp.float32)  # small: divergences are limited to 10
    tokens = jnp.asarray(rng.integers(0, 3, (4, 2)))
    rewards, zeros = jnp.array([1.0, 0.0, 0.0, 0.0]), jnp.zeros([4, 2])

    def loss(**coefficients):
        data = policy.Terms(tokens=tokens, rewards=rewards, group_ids=jnp.array([0, 0, 1, 1]), ref_log_probs=zeros - 1.0)
        terms = policy.forward(lambda params, inputs: params)(logits, data.replace(mask=jnp.ones([4, 2], bool)), None)
        return float(policy.one_shot(**coefficients)(terms.replace(old_log_probs=terms.log_probs)))

    log_probs = np.asarray(jax.nn.log_softmax(logits), np.float64)
    difference = -1.0 - np.take_along_axis(log_probs, np.asarray(tokens)[..., None], 2)[..., 0]
    divergence = np.mean(np.exp(difference) - difference - 1)
    entropy = -np.mean(np.sum(np.exp(log_probs) * log_probs, axis=2))
    plain = loss(kl_coefficient=0.0, entropy_coefficient=0.0)
    np.testing.assert_allclose(loss(kl_coefficient=0.5, entropy_coefficient=0.0) - plain, 0.5 * divergence, rtol=1e-4)
    np.testing.assert_allclose(loss(kl_coefficient=0.0, entropy_coefficient=0.5) - plain, -0.5 * entropy, rtol=1e-4)
