"""The normalisations of next-token prediction against float64 NumPy."""

import jax
import numpy as np
import pytest

import algax
from algax import pretrain

LOG_PROBS = np.array([[-0.5, -2.0, -9.0, -9.0], [-1.0, -0.1, -3.0, -9.0], [-9.0, -9.0, -9.0, -9.0]], np.float32)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]], bool)


def reference(reduction, log_probs, mask, weights, max_length):
    losses = np.where(mask, -weights * log_probs.astype(np.float64), 0.0)
    counts = mask.sum(1)
    rows = counts > 0
    if reduction == "token_mean":
        return losses.sum() / counts.sum()
    if reduction == "sequence_mean":
        return (losses.sum(1)[rows] / counts[rows]).mean()
    total = losses.sum() / rows.sum()
    return total / max_length if reduction == "constant_length" else total


@pytest.mark.parametrize("reduction", ["token_mean", "sequence_mean", "sequence_sum", "constant_length"])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_normalisation(reduction, weighted):
    weights = np.linspace(0.5, 2.0, LOG_PROBS.size).reshape(LOG_PROBS.shape).astype(np.float32)
    max_length = 6 if reduction == "constant_length" else None
    terms = pretrain.Terms(
        log_probs=LOG_PROBS, mask=MASK, weights=weights if weighted else None
    )
    expected = reference(reduction, LOG_PROBS, MASK, weights if weighted else np.ones_like(weights), max_length)
    loss = jax.jit(pretrain.next_token(reduction, max_length=max_length))
    np.testing.assert_allclose(loss(terms), expected, rtol=1e-6)


@jax.jit
def three_means(terms):
    return [pretrain.next_token(reduction)(terms) for reduction in ("token_mean", "sequence_mean", "sequence_sum")]


def test_lengths_one_and_three():
    a, b = 0.7, 0.3
    mask = np.array([[True, False, False], [True, True, True]])
    values = three_means(pretrain.Terms(log_probs=-np.array([[a, 9.0, 9.0], [b, b, b]]), mask=mask))
    np.testing.assert_allclose(values, [(a + 3 * b) / 4, (a + b) / 2, (a + 3 * b) / 2], rtol=1e-6)


def test_equal_lengths_make_the_normalisations_agree():
    token, sequence, total = jax.device_get(three_means(pretrain.Terms(log_probs=LOG_PROBS[:, :2])))
    np.testing.assert_allclose([sequence, total / 2], [token, token], rtol=1e-6)


def test_label_smoothing_equals_its_definition():
    rng = np.random.default_rng(0)
    logits, tokens, mask = rng.normal(size=(2, 3, 5)).astype(np.float32), rng.integers(0, 5, (2, 3)), MASK[:2, :3]
    x = logits.astype(np.float64)
    log_probs = x - np.log(np.exp(x).sum(-1, keepdims=True))
    target = 0.9 * np.eye(5)[tokens] + 0.1 / 5
    expected = -(target * log_probs).sum(-1)[mask].mean()
    terms = pretrain.Terms(inputs=logits, tokens=tokens, mask=mask)
    forward, loss = pretrain.forward(lambda params, inputs: inputs), pretrain.next_token(label_smoothing=0.1)
    np.testing.assert_allclose(jax.jit(lambda terms: loss(forward(None, terms)))(terms), expected, rtol=1e-6)


def test_forward_ignores_what_is_behind_the_mask_and_takes_factored_logits():
    rng = np.random.default_rng(1)
    hidden, kernel = rng.normal(size=(2, 3, 4)).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)
    tokens = np.where(MASK[:2, :3], rng.integers(0, 5, (2, 3)), -100)
    dirty = np.where(MASK[:2, :3, None], hidden, np.nan)

    def value(kernel, hidden, factored):
        def apply(params, inputs):
            return algax.FactoredLogits(inputs, params, chunk_size=2) if factored else inputs @ params

        terms = pretrain.Terms(inputs=hidden, tokens=tokens, mask=MASK[:2, :3])
        return pretrain.next_token()(pretrain.forward(apply)(kernel, terms))

    plain, plain_gradient = jax.jit(jax.value_and_grad(value), static_argnums=2)(kernel, hidden, False)
    chunked, chunked_gradient = jax.jit(jax.value_and_grad(value), static_argnums=2)(kernel, dirty, True)
    np.testing.assert_allclose(chunked, plain, rtol=1e-6)
    np.testing.assert_allclose(chunked_gradient, plain_gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("reduction", ["token_mean", "sequence_mean", "sequence_sum"])
def test_an_empty_mask_gives_zero(reduction):
    def value(log_probs):
        return pretrain.next_token(reduction)(pretrain.Terms(log_probs=log_probs, mask=np.zeros((3, 4), bool)))

    loss, gradient = jax.jit(jax.value_and_grad(value))(np.full((3, 4), np.nan, np.float32))
    assert loss == 0 and np.all(np.asarray(gradient) == 0)


def test_nll_is_the_unweighted_mean():
    terms = pretrain.Terms(log_probs=LOG_PROBS, mask=MASK, weights=np.full((3, 4), 7.0))
    result, _ = jax.jit(lambda terms: pretrain.next_token("sequence_sum").update(terms, ()))(terms)
    np.testing.assert_allclose(result.metrics["nll"].value, -LOG_PROBS[MASK].astype(np.float64).mean(), rtol=1e-6)


def test_missing_tokens_are_named():
    with pytest.raises(ValueError, match="tokens"):
        pretrain.forward(lambda params, inputs: inputs)(None, pretrain.Terms(inputs=np.zeros((1, 2, 3))))
