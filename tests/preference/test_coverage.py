"""Direct coverage optimisation: its gradient is that of the log of the coverage."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import measure, preference

LOG_PROBS = jnp.log(jnp.array([0.9, 0.5, 0.2, 0.05]))


def test_one_attempt_is_supervised_training():
    loss, gradient = jax.jit(jax.value_and_grad(lambda x: preference.dco(1)(preference.Terms(log_probs=x))))(LOG_PROBS)
    np.testing.assert_allclose(loss, -np.mean(LOG_PROBS), rtol=1e-6)
    np.testing.assert_allclose(gradient, -0.25 * np.ones(4), rtol=1e-6)


def test_the_gradient_is_that_of_the_log_coverage():
    gradient = jax.jit(jax.grad(lambda x: preference.dco(4)(preference.Terms(log_probs=x))))(LOG_PROBS)
    expected = jax.jit(jax.grad(lambda x: -jnp.log(1.0 - (1.0 - jnp.exp(x)) ** 4).sum() / 4))(LOG_PROBS)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_success_rates_take_the_place_of_the_probability():
    rates = jnp.array([0.0, 0.1, 0.5, 1.0])
    terms = preference.Terms(log_probs=LOG_PROBS, success_rates=rates)
    after, _ = preference.dco(8).update(terms, preference.dco(8).init())
    p = np.array([1e-12, 0.1, 0.5, 1.0])
    factors = 8 * (1 - p) ** 7 * p / (1 - (1 - p) ** 8)
    np.testing.assert_allclose(after.unpaired_losses, -factors * np.asarray(LOG_PROBS), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after.metrics["coverage_factor"].value, factors.mean(), rtol=1e-4)
    np.testing.assert_allclose(measure.coverage_factors(jnp.log(rates[1:3]), 8), factors[1:3], rtol=1e-5)


def test_a_certain_response_is_left_alone():
    gradient = jax.jit(jax.grad(lambda x: preference.dco(16)(preference.Terms(log_probs=x))))(jnp.array([0.0, -1e4]))
    np.testing.assert_allclose(gradient, [0.0, -0.5], atol=1e-6)
