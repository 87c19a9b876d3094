"""Perplexity and bits per byte in closed form."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_uniform_models():
    tokens = np.array([10, 3, 7])
    np.testing.assert_allclose(measure.perplexity(jnp.asarray(tokens * np.log(50.0)), jnp.asarray(tokens)), 50.0, rtol=1e-5)
    np.testing.assert_allclose(measure.bits_per_byte(jnp.asarray(tokens * np.log(256.0)), jnp.asarray(tokens)), 8.0, rtol=1e-6)


def test_batches_do_not_matter():
    nlls = np.random.default_rng(0).uniform(0.0, 5.0, 20)
    whole = measure.perplexity(jnp.asarray([nlls.sum()]), jnp.array([20]))
    cut = measure.perplexity(jnp.asarray([nlls[:3].sum(), nlls[3:].sum()]), jnp.array([3, 17]))
    np.testing.assert_allclose([whole, cut], np.exp(nlls.mean()), rtol=1e-5)
    assert float(measure.perplexity(jnp.zeros(1), jnp.zeros(1, jnp.int32))) == 1.0
    with pytest.raises(ValueError, match="`nlls`"):
        measure.perplexity(jnp.ones(2), jnp.ones(3))


def test_cost_of_a_run():
    assert measure.training_cost([208e6], [1e9]).operations == pytest.approx(1.248e18)
