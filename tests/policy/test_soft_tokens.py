"""Soft tokens: mixtures, noise and their density."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy

rng = np.random.default_rng(0)
LOGITS, EMBEDDINGS = rng.normal(size=(3, 6)).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32)


def test_density():
    mixture, soft = rng.normal(size=(2, 3, 4))
    scale = 0.7
    soft_log_probs = jax.jit(policy.soft_log_probs)
    actual = soft_log_probs(soft, mixture, scale)
    expected = -((soft - mixture) ** 2).sum(axis=-1) / (2 * scale**2) - 2 * np.log(2 * np.pi * scale**2)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    at_the_mean = soft_log_probs(np.ones([3, 4]), np.ones([3, 4]), scale)
    np.testing.assert_allclose(at_the_mean, np.full(3, -2 * np.log(2 * np.pi * scale**2)), rtol=1e-6)


def test_gradient_reaches_the_mixture_alone():
    mixture, soft = np.zeros([1, 4], np.float32), np.arange(4, dtype=np.float32)[None]
    gradients = jax.jit(jax.grad(lambda s, h: policy.soft_log_probs(s, h, 0.5).sum(), argnums=(0, 1)))(soft, mixture)
    assert not np.any(gradients[0])
    np.testing.assert_allclose(gradients[1], soft / 0.25)


def test_low_temperature_takes_one_embedding_and_has_no_gradient():
    mixture = policy.mixture_embedding(LOGITS, EMBEDDINGS, temperature=1e-4)
    np.testing.assert_allclose(mixture, EMBEDDINGS[np.argmax(LOGITS, axis=-1)], rtol=1e-6)
    gradient = jax.grad(lambda z: policy.mixture_embedding(z, EMBEDDINGS, temperature=1e-4).sum())(LOGITS)  # exact if eager
    np.testing.assert_allclose(gradient, np.zeros([3, 6]), atol=1e-6)
    with pytest.raises(ValueError, match="`temperature`"):
        policy.mixture_embedding(LOGITS, EMBEDDINGS, temperature=0.0)


def test_ratios_do_not_change_with_the_size_of_the_embeddings():
    noise = rng.normal(size=(3, 4)).astype(np.float32)

    @jax.jit
    def log_ratio(size):
        embeddings = size * EMBEDDINGS
        scale = policy.noise_scale(embeddings)
        old, new = (policy.mixture_embedding(z, embeddings) for z in (LOGITS, 1.3 * LOGITS))
        soft = old + scale * noise
        return policy.soft_log_probs(soft, new, scale) - policy.soft_log_probs(soft, old, scale)

    np.testing.assert_allclose(log_ratio(np.float32(5.0)), log_ratio(np.float32(1.0)), rtol=1e-4, atol=1e-5)
    expected = 0.33 * np.sqrt((np.asarray(EMBEDDINGS, np.float64) ** 2).mean(axis=1)).mean()
    np.testing.assert_allclose(policy.noise_scale(EMBEDDINGS), expected, rtol=1e-6)


def test_samples_have_the_mean_and_size_asked_for():
    mixture = np.broadcast_to(np.arange(4, dtype=np.float32), (4000, 4))
    soft = np.asarray(jax.jit(policy.soft_token, static_argnums=2)(jax.random.key(0), mixture, 0.5))
    np.testing.assert_allclose(soft.mean(axis=0), np.arange(4.0), atol=0.05)
    np.testing.assert_allclose(soft.std(axis=0), np.full(4, 0.5), atol=0.03)
    assert not np.any(jax.jit(jax.grad(lambda h: policy.soft_token(jax.random.key(0), h, 0.5).sum()))(jnp.ones([1, 4])))
