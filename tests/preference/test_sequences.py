"""Log-probs of responses and the forward pass of the room `preference`."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import algax
from algax import preference

sequence_log_probs = jax.jit(preference.sequence_log_probs, static_argnames="reduction")
LABELS = np.array([[3, 1, 2, 0], [-100, -100, 3, 1]], np.int32)


def test_uniform_logits():
    labels = np.array([[0, 1, 2, 3]])
    logits = np.zeros((1, 4, 4), np.float32)
    np.testing.assert_allclose(sequence_log_probs(logits, labels), -3 * np.log(4), rtol=1e-6)
    np.testing.assert_allclose(sequence_log_probs(logits, labels, reduction="mean"), -np.log(4), rtol=1e-6)


def test_gradient_is_one_hot_minus_softmax():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 4, 5)).astype(np.float32)
    gradient = np.asarray(jax.jit(jax.grad(lambda x: jnp.sum(preference.sequence_log_probs(x, jnp.asarray(LABELS)))))(logits))
    softmax = np.exp(logits.astype(np.float64))
    softmax /= softmax.sum(-1, keepdims=True)
    expected = np.zeros_like(softmax)
    for b, t in np.ndindex(2, 3):
        if LABELS[b, t + 1] != -100:
            expected[b, t] = np.eye(5)[LABELS[b, t + 1]] - softmax[b, t]
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradient.sum(-1), 0.0, atol=1e-6)


def test_weights():
    rng = np.random.default_rng(1)
    logits, weights = rng.normal(size=(2, 4, 5)).astype(np.float32), rng.uniform(0.01, 0.2, (2, 3)).astype(np.float32)
    tokens = np.asarray(sequence_log_probs(logits, LABELS, reduction="none"), np.float64)
    counted = weights * (LABELS[:, 1:] != -100)
    total = sequence_log_probs(logits, LABELS, weights=weights)
    mean = sequence_log_probs(logits, LABELS, weights=weights, reduction="mean")
    np.testing.assert_allclose(total, (counted * tokens).sum(1), rtol=1e-5)
    np.testing.assert_allclose(mean, (counted * tokens).sum(1) / counted.sum(1), rtol=1e-5)
    ones = sequence_log_probs(logits, LABELS, weights=np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(ones, sequence_log_probs(logits, LABELS))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_row_without_labels_is_zero(reduction):
    labels = jnp.full((1, 3), -100)

    def total(logits):
        return jnp.sum(preference.sequence_log_probs(logits, labels, reduction=reduction))

    value, gradient = jax.jit(jax.value_and_grad(total))(np.full((1, 3, 4), np.nan, np.float32))
    assert value == 0 and np.all(np.asarray(gradient) == 0)


def test_bad_arguments_are_named():
    logits = jnp.zeros((1, 3, 4))
    with pytest.raises(ValueError, match="`labels`"):
        preference.sequence_log_probs(logits, jnp.zeros((1, 2), jnp.int32))
    with pytest.raises(ValueError, match="`weights`"):
        preference.sequence_log_probs(logits, jnp.zeros((1, 3), jnp.int32), weights=jnp.ones((1, 3)))
    with pytest.raises(ValueError, match="`reduction`"):
        preference.sequence_log_probs(logits, jnp.zeros((1, 3), jnp.int32), reduction="max")


def responses(seed, rows=4):
    rng = np.random.default_rng(seed)
    mask = np.arange(3) < rng.integers(1, 4, rows)[:, None]
    inputs = rng.normal(size=(rows, 3, 2)).astype(np.float32)
    return preference.Sequences(inputs, np.where(mask, rng.integers(0, 5, (rows, 3)), -100), mask)


def test_forward_sums_the_log_probs_of_the_responses():
    inputs = {name: responses(seed) for seed, name in enumerate(("chosen", "rejected", "unpaired", "kl"))}
    kernel = np.random.default_rng(9).normal(size=(2, 5)).astype(np.float32)
    terms = jax.jit(preference.forward(lambda params, x: x @ params))(kernel, preference.Terms(inputs=inputs))
    for name, field in (("chosen", "chosen_log_probs"), ("unpaired", "log_probs"), ("kl", "kl_log_probs")):
        tokens, where = np.asarray(inputs[name].tokens), np.asarray(inputs[name].mask)
        logits = inputs[name].inputs @ kernel
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        expected = (np.take_along_axis(log_probs, np.maximum(tokens, 0)[..., None], -1)[..., 0] * where).sum(1)
        np.testing.assert_allclose(getattr(terms, field), expected, rtol=1e-5)
    np.testing.assert_array_equal(inputs["chosen"].lengths, np.asarray(inputs["chosen"].mask).sum(1))


def test_dpo_trains_in_micro_batches():
    inputs = {"chosen": responses(0), "rejected": responses(1)}
    zeros = jnp.zeros(4)
    terms = preference.Terms(inputs=inputs, ref_chosen_log_probs=zeros, ref_rejected_log_probs=zeros)
    kernel = jnp.asarray(np.random.default_rng(9).normal(size=(2, 5)), jnp.float32)
    results = []
    for microbatches in (1, 2):
        forward = preference.forward(lambda params, x: x @ params)
        tx = algax.gradient(preference.dpo(), forward, microbatches=microbatches)
        gradient, state = jax.jit(tx.update)(None, tx.init(kernel), kernel, terms=terms)
        results.append((gradient, optax.tree.get(state, "metrics")))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-5, atol=1e-6)
    assert set(results[0][1]) == {"loss", "margin", "accuracy", "pair_weight"}


@pytest.mark.parametrize("inputs", [None, {"chosen": 1.0}, {"winner": None}, {}])
def test_inputs_must_be_sequences_by_name(inputs):
    with pytest.raises(ValueError, match="`inputs`"):
        preference.forward(lambda params, x: x)(None, preference.Terms(inputs=inputs))
