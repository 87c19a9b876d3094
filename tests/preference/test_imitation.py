"""Supervised training as imitation: stated gradients, bounds, and rewards that telescope."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import chain, preference

RNG = np.random.default_rng(4)
LOG_PROBS = -RNG.uniform(1.0, 4.0, 5).astype(np.float32)


def loss_and_gradient(name, log_ratios, beta=1.0, **fields):
    """Loss and n times its gradient, by the log-probs of demonstrations with these log-ratios."""
    ref = jnp.full(len(log_ratios), -2.0)

    def loss(log_probs):
        terms = preference.Terms(log_probs=log_probs, ref_log_probs=ref, **fields)
        return preference.divergence_sft(name, beta=beta)(terms)

    value, gradient = jax.jit(jax.value_and_grad(loss))(ref + jnp.asarray(log_ratios, jnp.float32))
    return value, len(log_ratios) * gradient


@pytest.mark.parametrize(
    ("name", "slope"),
    [("total_variation", 1.0), ("pearson_chi2", 1.0), ("squared_hellinger", 1.0), ("reverse_kl", np.exp(-1)), ("js", 1.0)],
)
def test_at_the_reference_the_gradient_is_that_of_supervised_training(name, slope):
    _, gradient = loss_and_gradient(name, np.zeros(3), beta=0.4)
    np.testing.assert_allclose(gradient, -0.4 * slope * np.ones(3), rtol=1e-6)


def test_total_variation_is_the_likelihood_up_to_a_constant():
    ref = -np.ones(5, np.float32)
    loss = preference.divergence_sft("total_variation", beta=0.3)
    value = loss(preference.Terms(log_probs=jnp.asarray(LOG_PROBS), ref_log_probs=jnp.asarray(ref)))
    np.testing.assert_allclose(value, 0.3 * (-LOG_PROBS.mean() + ref.mean()), rtol=1e-6)


def test_chi2_pulls_back_beyond_two():
    _, gradient = loss_and_gradient("pearson_chi2", [1.9, 2.0, 2.1])
    np.testing.assert_allclose(gradient, [-0.05, 0.0, 0.05], atol=1e-6)


def test_hellinger_at_one():
    value, gradient = loss_and_gradient("squared_hellinger", [1.0])
    np.testing.assert_allclose([value, gradient[0]], [-0.5, -0.25], rtol=1e-6)


@pytest.mark.parametrize(("name", "bound"), [("squared_hellinger", -0.999), ("js", -np.log(2) + 1e-3), ("reverse_kl", -81.0)])
def test_below_the_bound_the_loss_is_flat(name, bound):
    (low, slope), (edge, _) = loss_and_gradient(name, [bound - 5.0]), loss_and_gradient(name, [bound])
    np.testing.assert_allclose(low, edge, rtol=1e-2)
    np.testing.assert_array_equal(slope, [0.0])
    assert np.isfinite(low)


def test_a_prompt_value_shifts_the_reward():
    shifted, gradient = loss_and_gradient("js", [0.2, 0.4], beta=0.5, prompt_values=jnp.array([0.3, -0.1]))
    x = np.array([0.4, 0.1])
    np.testing.assert_allclose(shifted, -np.log(2 - np.exp(-x)).mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, -0.5 * np.exp(-x) / (2 - np.exp(-x)), rtol=1e-5)


def test_the_link_agrees_with_the_conjugate_in_its_range():
    x = np.linspace(0.05, 0.45, 5)
    for name in ("total_variation", "pearson_chi2", "squared_hellinger", "reverse_kl", "js"):
        steps = chain(preference.unpaired_log_ratio_score(), preference.imitation_link(name), preference.unpaired_mean())
        terms = preference.Terms(log_probs=jnp.asarray(x, jnp.float32), ref_log_probs=jnp.zeros(5))
        after, _ = jax.jit(steps.update)(terms, steps.init())
        expected = preference.divergence(name).conjugate(-jnp.asarray(x, jnp.float32))
        np.testing.assert_allclose(after.unpaired_losses, expected, rtol=1e-5)


def test_token_rewards_telescope():
    logits = RNG.normal(size=(2, 4, 6)).astype(np.float32)
    tokens = RNG.integers(0, 6, (2, 4))
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], bool)
    values = preference.implicit_values(jnp.asarray(logits))
    np.testing.assert_allclose(values, np.log(np.exp(logits.astype(np.float64)).sum(-1)), rtol=1e-6)
    q = np.take_along_axis(logits, tokens[..., None], 2)[..., 0]
    log_probs = jnp.asarray(q) - values
    rewards = preference.implicit_token_rewards(log_probs, values, jnp.asarray(mask))
    np.testing.assert_allclose(rewards[0, 0], q[0, 0] - values[0, 1], rtol=1e-5)
    expected = np.where(mask, log_probs, 0.0).sum(1) + values[:, 0]
    np.testing.assert_allclose(rewards.sum(1), expected, rtol=1e-5)
    assert rewards[0, 3] == 0.0
    reference = jnp.asarray(RNG.normal(size=(2, 4)), jnp.float32)
    against = preference.implicit_token_rewards(log_probs, values, jnp.asarray(mask), reference)
    np.testing.assert_allclose(against.sum(1), expected - np.where(mask, reference, 0.0).sum(1), rtol=1e-5)
    with pytest.raises(ValueError, match="`values`"):
        preference.implicit_token_rewards(log_probs, values[:, :2])
