"""Objectives of protocols, against closed forms."""

import jax
import numpy as np

from algax import policy

from .compiled import loss_of, value_and_gradient


def test_a_copy_is_credited_with_the_rewards_of_both():
    """One token, gamma 1, a critic of 0: whitened advantages of the sums, and half the squared sums beside them."""
    rewards = np.asarray(jax.jit(policy.shared_rewards)(np.array([[0.2, 0.0, 1.0], [0.5, 1.0, 0.0]], np.float32)))[1]
    log_probs = np.array([[-1.0], [-2.0], [-0.5]], np.float32)
    terms = policy.Terms(
        mask=np.ones([3, 1], bool),
        rewards=rewards,
        old_log_probs=log_probs,
        values=np.zeros([3, 1]),
        old_values=np.zeros([3, 1]),
    )
    loss = policy.cory(kl_coefficient=0.0, value_coefficient=1.0)
    value, gradient = value_and_gradient(loss, terms, log_probs)
    sums = np.array([0.7, 1.0, 1.0])
    advantages = (sums - sums.mean()) / sums.std(ddof=1)
    np.testing.assert_allclose(gradient[:, 0], -advantages / 3, rtol=1e-4)
    np.testing.assert_allclose(value, -advantages.mean() + 0.5 * np.mean(sums**2), rtol=1e-4, atol=1e-6)


def test_a_soft_thought_and_its_answer_share_an_advantage():
    densities = jax.jit(policy.soft_log_probs)(np.array([[[1.0, 0.0]], [[0.0, 2.0]]]), np.zeros([2, 1, 2]), 0.5)
    log_probs = np.concatenate([densities, np.array([[-1.0], [-3.0]])], axis=1)
    terms = policy.Terms(
        mask=np.ones([2, 2], bool), rewards=np.array([1.0, 0.0]), group_ids=np.zeros(2, int), log_probs=log_probs
    )
    expected = [-x / (2 * 0.25) - np.log(2 * np.pi * 0.25) for x in (1.0, 4.0)]
    np.testing.assert_allclose(loss_of(policy.soft_cot(), terms), -0.5 * ((expected[0] - 1.0) - (expected[1] - 3.0)), rtol=1e-5)
