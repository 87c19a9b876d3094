"""Supervised latent reasoning."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import Logits, pretrain

RNG = np.random.default_rng(4)
LOG_PROBS = -RNG.uniform(0.1, 2.0, (3, 4)).astype(np.float32)
STEPS = np.array([[0, 0, 1, 2], [0, 1, 1, 2], [0, 0, 0, 2]])
MASK = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0]], bool)  # nothing of step 2


@functools.partial(jax.jit, static_argnums=(3, 4))
def compiled_loss(log_probs, steps, mask, num_steps, reduction):
    return pretrain.step_supervision(num_steps, reduction)(pretrain.Terms(log_probs=log_probs, step_ids=steps, mask=mask))


def loss(reduction, num_steps=3, log_probs=LOG_PROBS, steps=STEPS, mask=MASK):
    return float(compiled_loss(log_probs, steps, mask, num_steps, reduction))


def test_means_over_steps():
    nll = -LOG_PROBS.astype(np.float64)
    first, second = nll[(STEPS == 0) & MASK].sum(), nll[(STEPS == 1) & MASK].sum()
    np.testing.assert_allclose(loss("sequence"), (first / 3 + second / 2) / 3, rtol=1e-6)
    np.testing.assert_allclose(loss("token"), (first / 5 + second / 3) / 2, rtol=1e-6)


def test_one_token_of_one_step_is_the_same_in_both():
    one = {"num_steps": 1, "steps": STEPS * 0, "mask": MASK & (np.arange(4) == 1)}
    np.testing.assert_allclose(loss("sequence", **one), loss("token", **one), rtol=1e-6)
    np.testing.assert_allclose(loss("token", **one), -LOG_PROBS[:, 1].mean(), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["sequence", "token"])
def test_repeated_and_empty_batches(reduction):
    twice = {name: np.concatenate([x, x]) for name, x in (("log_probs", LOG_PROBS), ("steps", STEPS), ("mask", MASK))}
    np.testing.assert_allclose(loss(reduction, **twice), loss(reduction), rtol=1e-6)
    assert loss(reduction, mask=np.zeros_like(MASK)) == 0.0


@pytest.mark.parametrize("reduction", ["sequence", "token"])
def test_a_latent_without_labels_has_no_gradient_and_the_others_have(reduction):
    """The decoder's logits of a step are a function of its latent alone."""
    kernel = RNG.normal(size=(5, 7)).astype(np.float32)
    tokens = RNG.integers(0, 7, (3, 4))

    def of_latents(latents):  # [B, K, D]
        distribution = Logits(jnp.take_along_axis(latents @ kernel, jnp.asarray(STEPS)[..., None], axis=1))
        fields = {"tokens": tokens, "step_ids": jnp.asarray(STEPS), "mask": jnp.asarray(MASK)}
        terms = pretrain.Terms(log_probs=distribution.log_probs(tokens), **fields)
        return pretrain.step_supervision(3, reduction)(terms)

    gradient = np.asarray(jax.jit(jax.grad(of_latents))(RNG.normal(size=(3, 3, 5)).astype(np.float32)))
    has_labels = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0]], bool)
    np.testing.assert_array_equal(np.abs(gradient).sum(axis=-1) > 0, has_labels)


def test_the_decoder_is_no_part_of_the_answer():
    answers = pretrain.Terms(log_probs=LOG_PROBS, mask=MASK)
    next_token = jax.jit(pretrain.next_token())
    assert float(next_token(answers.replace(step_ids=STEPS))) == float(next_token(answers))


def test_latents_are_the_states_before_them_in_order():
    weights = np.array([1.0, 2.0, 3.0, 5.0, 7.0])
    embeddings = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    latent = np.array([[0, 1, 1, 0, 1], [0, 0, 0, 1, 0]], bool)

    def states(x):  # causal: a running sum
        return jnp.cumsum(x * jnp.asarray(weights, jnp.float32)[None, :, None], axis=1)

    expected = embeddings.astype(np.float64).copy()
    for b in range(2):
        for t in range(5):
            if latent[b, t]:
                expected[b, t] = (expected[b, :t] * weights[:t, None]).sum(axis=0)
    filled = jax.jit(lambda x: pretrain.latent_feedback(states, x, jnp.asarray(latent), most=3))
    np.testing.assert_allclose(filled(embeddings), expected, rtol=1e-5)
    np.testing.assert_allclose(filled(np.where(latent[..., None], np.float32(9), embeddings)), expected, rtol=1e-5)
    # The gradient flows through the chain of latents: the last latent of row 0 depends on its first embedding.
    gradient = jax.jit(jax.grad(lambda x: filled(x)[0, 4, 0]))(embeddings)
    np.testing.assert_allclose(np.asarray(gradient)[0, 0, 0], 1 + 2 * 1 + 3 * (1 + 2), rtol=1e-6)
