"""Arbitrary-entropy control: the switch, the replaced rows and their advantage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy

from .compiled import loss_of, value_and_gradient


def test_entropy_switch_is_hot_up_to_the_target_and_halves_above():
    switch = jax.jit(lambda entropies: policy.entropy_switch(entropies, 0.5, samples=61))
    temperature, count = switch(np.array([0.0, 0.5, 0.51, 2.0], np.float32))
    np.testing.assert_allclose(temperature, [1.2, 1.2, 0.8, 0.8])
    np.testing.assert_array_equal(count, [61, 61, 30, 30])
    with pytest.raises(ValueError, match="`low_temperature`"):
        policy.entropy_switch(jnp.array(0.0), 0.5, low_temperature=1.5)


replace_rows = jax.jit(policy.replace_rows)


def test_replace_rows_takes_the_first_kept_samples():
    batch = {"a": np.arange(4), "b": np.zeros([4, 2])}
    samples = {"a": np.arange(10, 16), "b": np.arange(12.0).reshape(6, 2)}
    keep = np.array([False, True, False, True, True, False])

    def run(*args):
        return jax.device_get(replace_rows(*args))

    for count, expected in ((2, [11, 13, 2, 3]), (60, [11, 13, 14, 3]), (0, [0, 1, 2, 3])):
        result, replaced = run(batch, samples, keep, np.array(count))
        np.testing.assert_array_equal(result["a"], expected)
        np.testing.assert_array_equal(replaced, np.array(expected) >= 10)
        np.testing.assert_array_equal(result["b"][:, 0], [2.0 * (x - 10) if x >= 10 else 0.0 for x in expected])
    everything, replaced = run(batch, samples, np.ones(6, bool), np.array(60))
    np.testing.assert_array_equal(everything["a"], [10, 11, 12, 13])
    few, _ = run(batch, {"a": np.array([9]), "b": np.ones([1, 2])}, np.array([True]), np.array(3))
    np.testing.assert_array_equal(few["a"], [9, 1, 2, 3])


def test_replace_rows_refuses_trees_that_do_not_fit():
    with pytest.raises(ValueError, match="`batch` and `samples`"):
        policy.replace_rows({"a": jnp.zeros(2)}, {"b": jnp.zeros(3)}, jnp.ones(3, bool), jnp.array(1))
    with pytest.raises(ValueError, match="`keep`"):
        policy.replace_rows({"a": jnp.zeros(2)}, {"a": jnp.zeros(3)}, jnp.ones(2, bool), jnp.array(1))


def record(rng, regularising):
    log_probs = (-1 - rng.random((4, 3))).astype(np.float32)
    return policy.Terms(
        log_probs=log_probs,
        old_log_probs=log_probs,
        rewards=np.array([1.0, 0.0, 0.0, 1.0]),
        group_ids=np.array([0, 0, 0, 0]),
        regularising=np.array(regularising),
    )


def test_regularising_rows_have_the_gradient_of_their_likelihood_on_policy():
    terms = record(np.random.default_rng(0), [True, False, False, False])
    _, gradient = value_and_gradient(policy.aepo_arbitrary(advantage=0.7), terms, terms.log_probs)
    np.testing.assert_allclose(gradient[0], np.full(3, -0.7 / 12), rtol=1e-5)
    _, plain = value_and_gradient(policy.grpo(kl_coefficient=0.0), terms, terms.log_probs)
    np.testing.assert_allclose(gradient[1:], plain[1:], rtol=1e-5)


def test_without_regularising_rows_it_is_grpo():
    terms = record(np.random.default_rng(1), [False] * 4)
    actual, expected = loss_of(policy.aepo_arbitrary(), terms), loss_of(policy.grpo(kl_coefficient=0.0), terms)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("temperature", "sign"), [(1.2, 1), (0.8, -1), (1.0, 0)])
def test_hot_samples_raise_the_entropy_and_cold_ones_lower_it(temperature, sign):
    """The expected step of the regularising rows, by enumeration: sum_v pi_T(v) grad log pi(v) = pi_T - pi."""
    logits = np.random.default_rng(2).normal(size=9).astype(np.float32)
    drawn = np.exp(logits / np.float32(temperature))
    drawn /= drawn.sum()

    def objective(logits):
        log_probs = jax.nn.log_softmax(logits)[:, None]
        return policy_loss(
            policy.Terms(
                log_probs=log_probs,
                old_log_probs=jax.nn.log_softmax(logits)[:, None],
                rewards=np.zeros(9, np.float32),
                group_ids=np.arange(9),
                regularising=np.ones(9, bool),
                weights=drawn[:, None],
            )
        )

    policy_loss = policy.aepo_arbitrary()
    step = -9.0 * np.asarray(jax.jit(jax.grad(objective))(logits), np.float64)
    p = np.exp(np.asarray(logits, np.float64))
    p /= p.sum()
    np.testing.assert_allclose(step, drawn - p, atol=1e-6)
    entropy_gradient = -p * (np.log(p) - np.sum(p * np.log(p)))
    slope = entropy_gradient @ (drawn - p)
    assert abs(slope) < 1e-7 if sign == 0 else sign * slope > 1e-4
