"""Arbitrary-entropy control: the switch, the replaced rows and their advantage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy


def test_entropy_switch_is_hot_up_to_the_target_and_halves_above():
    temperature, count = policy.entropy_switch(jnp.array([0.0, 0.5, 0.51, 2.0]), 0.5, samples=61)
    np.testing.assert_allclose(temperature, [1.2, 1.2, 0.8, 0.8])
    np.testing.assert_array_equal(count, [61, 61, 30, 30])
    with pytest.raises(ValueError, match="`low_temperature`"):
        policy.entropy_switch(jnp.array(0.0), 0.5, low_temperature=1.5)


def test_replace_rows_takes_the_first_kept_samples():
    batch = {"a": jnp.arange(4), "b": jnp.zeros([4, 2])}
    samples = {"a": jnp.arange(10, 16), "b": jnp.arange(12.0).reshape(6, 2)}
    keep = jnp.array([False, True, False, True, True, False])
    run = jax.jit(policy.replace_rows)
    for count, expected in ((2, [11, 13, 2, 3]), (60, [11, 13, 14, 3]), (0, [0, 1, 2, 3])):
        result, replaced = run(batch, samples, keep, jnp.array(count))
        np.testing.assert_array_equal(result["a"], expected)
        np.testing.assert_array_equal(replaced, np.array(expected) >= 10)
        np.testing.assert_array_equal(result["b"][:, 0], [2.0 * (x - 10) if x >= 10 else 0.0 for x in expected])
    everything, replaced = policy.replace_rows(batch, samples, jnp.ones(6, bool), jnp.array(60))
    np.testing.assert_array_equal(everything["a"], [10, 11, 12, 13])
    few, _ = policy.replace_rows(batch, {"a": jnp.array([9]), "b": jnp.ones([1, 2])}, jnp.array([True]), jnp.array(3))
    np.testing.assert_array_equal(few["a"], [9, 1, 2, 3])


def test_replace_rows_refuses_trees_that_do_not_fit():
    with pytest.raises(ValueError, match="`batch` and `samples`"):
        policy.replace_rows({"a": jnp.zeros(2)}, {"b": jnp.zeros(3)}, jnp.ones(3, bool), jnp.array(1))
    with pytest.raises(ValueError, match="`keep`"):
        policy.replace_rows({"a": jnp.zeros(2)}, {"a": jnp.zeros(3)}, jnp.ones(2, bool), jnp.array(1))


def record(rng, regularising):
    log_probs = jnp.asarray(-1 - rng.random((4, 3)), jnp.float32)
    return policy.Terms(
        log_probs=log_probs,
        old_log_probs=log_probs,
        rewards=jnp.array([1.0, 0.0, 0.0, 1.0]),
        group_ids=jnp.array([0, 0, 0, 0]),
        regularising=jnp.array(regularising),
    )


def test_regularising_rows_have_the_gradient_of_their_likelihood_on_policy():
    terms = record(np.random.default_rng(0), [True, False, False, False])
    gradient = jax.jit(jax.grad(lambda x: policy.aepo_arbitrary(advantage=0.7)(terms.replace(log_probs=x))))(terms.log_probs)
    np.testing.assert_allclose(gradient[0], np.full(3, -0.7 / 12), rtol=1e-5)
    plain = jax.jit(jax.grad(lambda x: policy.grpo(kl_coefficient=0.0)(terms.replace(log_probs=x))))(terms.log_probs)
    np.testing.assert_allclose(gradient[1:], plain[1:], rtol=1e-5)


def test_without_regularising_rows_it_is_grpo():
    terms = record(np.random.default_rng(1), [False] * 4)
    np.testing.assert_allclose(policy.aepo_arbitrary()(terms), policy.grpo(kl_coefficient=0.0)(terms), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("temperature", "sign"), [(1.2, 1), (0.8, -1), (1.0, 0)])
def test_hot_samples_raise_the_entropy_and_cold_ones_lower_it(temperature, sign):
    """The expected step of the regularising rows, by enumeration: sum_v pi_T(v) grad log pi(v) = pi_T - pi."""
    logits = jnp.asarray(np.random.default_rng(2).normal(size=9), jnp.float32)
    drawn = jax.nn.softmax(logits / temperature)

    def objective(logits):
        log_probs = jax.nn.log_softmax(logits)[:, None]
        return policy_loss(
            policy.Terms(
                log_probs=log_probs,
                old_log_probs=jax.nn.log_softmax(logits)[:, None],
                rewards=jnp.zeros(9),
                group_ids=jnp.arange(9),
                regularising=jnp.ones(9, bool),
                weights=drawn[:, None],
            )
        )

    policy_loss = policy.aepo_arbitrary()
    step = -9.0 * np.asarray(jax.jit(jax.grad(objective))(logits), np.float64)
    p = np.exp(np.asarray(logits, np.float64))
    p /= p.sum()
    np.testing.assert_allclose(step, np.asarray(drawn) - p, atol=1e-6)
    entropy_gradient = -p * (np.log(p) - np.sum(p * np.log(p)))
    slope = entropy_gradient @ (np.asarray(drawn) - p)
    assert abs(slope) < 1e-7 if sign == 0 else sign * slope > 1e-4
