"""Unlearning losses on whole distributions against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import FactoredLogits, Logits, unlearn

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 3, 5)).astype(np.float32) * 2
REFERENCE = RNG.normal(size=(2, 3, 5)).astype(np.float32) * 2
TOKENS = np.array([[0, 4, 2], [1, 1, 3]], np.int32)
MASK = np.array([[1, 1, 0], [1, 1, 1]], bool)


def softmax(x):
    x = x.astype(np.float64)
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def spoilt(logits):
    return np.where(MASK[..., None], logits, np.nan).astype(np.float32)


def retain(logits, reference=REFERENCE):
    return unlearn.Terms(
        retain_distribution=Logits(jnp.asarray(logits)),
        ref_retain_distribution=Logits(jnp.asarray(reference)),
        retain_mask=jnp.asarray(MASK),
    )


def forget(logits):
    return unlearn.Terms(
        forget_tokens=jnp.asarray(np.where(MASK, TOKENS, -100)),
        forget_mask=jnp.asarray(MASK),
        forget_distribution=Logits(jnp.asarray(logits)),
        ref_forget_distribution=Logits(jnp.asarray(spoilt(REFERENCE))),
    )


def test_retain_kl_value_and_gradient():
    value, gradient = jax.jit(jax.value_and_grad(lambda x: unlearn.retain_kl()(retain(x, spoilt(REFERENCE)))))(spoilt(LOGITS))
    p, q = softmax(LOGITS), softmax(REFERENCE)
    np.testing.assert_allclose(value, (q * np.log(q / p)).sum(-1)[MASK].mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, np.where(MASK[..., None], (p - q) / 5, 0.0), rtol=1e-4, atol=1e-7)


def test_retain_kl_vanishes_at_the_reference_and_ignores_shifts():
    value, gradient = jax.jit(jax.value_and_grad(lambda x: unlearn.retain_kl()(retain(x))))(jnp.asarray(REFERENCE))
    np.testing.assert_allclose(value, 0.0, atol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)
    shift = RNG.normal(size=(2, 3, 1)).astype(np.float32)
    np.testing.assert_allclose(
        unlearn.retain_kl()(retain(LOGITS + shift, REFERENCE - shift)), unlearn.retain_kl()(retain(LOGITS)), rtol=1e-5
    )


def test_retain_kl_with_tokens_the_reference_never_says():
    impossible = np.where(np.arange(5) == 3, -np.inf, REFERENCE).astype(np.float32)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: unlearn.retain_kl()(retain(x, impossible))))(jnp.asarray(LOGITS))
    p, q = softmax(LOGITS), softmax(impossible)
    expected = np.where(q > 0, q * np.log(np.where(q > 0, q, 1) / p), 0).sum(-1)[MASK].mean()
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert np.all(np.isfinite(gradient))


def test_retain_kl_in_chunks():
    hidden = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    kernels = [jnp.asarray(RNG.normal(size=(4, 5)), jnp.float32) for _ in range(2)]

    def loss(kernel, make):
        terms = unlearn.Terms(retain_distribution=make(hidden, kernel), ref_retain_distribution=make(hidden, kernels[1]))
        return unlearn.retain_kl()(terms)

    plain = jax.jit(jax.value_and_grad(loss), static_argnums=1)(kernels[0], lambda h, k: Logits(jnp.asarray(h) @ k))
    chunked = jax.jit(jax.value_and_grad(loss), static_argnums=1)(
        kernels[0], lambda h, k: FactoredLogits(jnp.asarray(h), k, chunk_size=4)
    )
    np.testing.assert_allclose(chunked[0], plain[0], rtol=1e-5)
    np.testing.assert_allclose(chunked[1], plain[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_undial_is_the_cross_entropy_to_the_adjusted_reference(strength):
    value, gradient = jax.jit(jax.value_and_grad(lambda x: unlearn.undial(strength=strength)(forget(x))))(spoilt(LOGITS))
    p, teacher = softmax(LOGITS), softmax(REFERENCE - strength * np.eye(5)[TOKENS])
    np.testing.assert_allclose(value, -(teacher * np.log(p)).sum(-1)[MASK].mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, np.where(MASK[..., None], (p - teacher) / 5, 0.0), rtol=1e-4, atol=1e-7)


def test_undial_without_strength_rests_at_the_reference():
    value, gradient = jax.jit(jax.value_and_grad(lambda x: unlearn.undial(strength=0.0)(forget(x))))(jnp.asarray(REFERENCE))
    q = softmax(REFERENCE)
    np.testing.assert_allclose(value, -(q * np.log(q)).sum(-1)[MASK].mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)


@pytest.mark.parametrize("ignore_first", [0, 1])
def test_ce_u_moves_probability_from_the_token_to_the_others(ignore_first):
    loss = unlearn.ce_u(ignore_first=ignore_first)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: loss(forget(x))))(spoilt(LOGITS))
    counted = MASK & (np.cumsum(MASK, 1) > ignore_first)
    p, own = softmax(LOGITS), np.eye(5)[TOKENS]
    others = p * (1 - own)
    target = others / others.sum(-1, keepdims=True)
    np.testing.assert_allclose(value, -(target * np.log(p)).sum(-1)[counted].mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, np.where(counted[..., None], (p - target) / counted.sum(), 0.0), rtol=1e-4, atol=1e-7)
    at_token = np.take_along_axis(np.asarray(gradient), TOKENS[..., None], -1)[..., 0][counted]
    assert np.all(at_token > 0)


def test_ce_u_of_a_certain_token_is_finite():
    certain = np.zeros((2, 3, 5), np.float32)
    np.put_along_axis(certain, TOKENS[..., None], 1e4, -1)
    value, gradient = jax.jit(jax.value_and_grad(lambda x: unlearn.ce_u(ignore_first=0)(forget(x))))(jnp.asarray(certain))
    assert np.isfinite(value) and np.all(np.isfinite(gradient))
    np.testing.assert_allclose(np.take_along_axis(np.asarray(gradient), TOKENS[..., None], -1)[..., 0], MASK / 5, rtol=1e-5)
