"""Norms whose statistics count some entries less."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from algax import models

X = np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)
masked_normalise = jax.jit(models.masked_normalise, static_argnums=2, static_argnames="centred")


@pytest.mark.parametrize("centred", [True, False])
def test_a_mask_of_ones_is_the_plain_norm_and_of_zeros_the_smaller_one(centred):
    plain = nn.LayerNorm(epsilon=1e-5, use_bias=False, use_scale=False)
    if not centred:
        plain = nn.RMSNorm(epsilon=1e-5, use_scale=False)
    apply = jax.jit(lambda x: plain.apply({}, x))
    whole = masked_normalise(X, np.ones(7, np.float32), 1e-5, centred=centred)
    np.testing.assert_allclose(whole, apply(X), atol=1e-5)
    mask = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0], np.float32)
    part = np.asarray(masked_normalise(X, mask, 1e-5, centred=centred))
    np.testing.assert_allclose(part[:, :4], apply(X[:, :4]), atol=1e-5)


def test_weighted_statistics_by_hand():
    mask = np.array([1.0, 1.0, 1.0, 1.0, 0.3, 0.3, 0.3])
    x = np.asarray(X, np.float64)
    mean = (x * mask).sum(1, keepdims=True) / mask.sum()
    variance = (mask * (x - mean) ** 2).sum(1, keepdims=True) / mask.sum()
    found = masked_normalise(X, mask.astype(np.float32), 1e-5, centred=True)
    np.testing.assert_allclose(found, (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-5, atol=1e-6)
