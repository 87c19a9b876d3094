"""Classification losses against closed forms and float64 NumPy."""

import jax
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import algax
from algax import supervised

LOGITS = np.array([[0.0, 1.5, -3.0], [20.0, -1.0, 0.5], [-0.2, -7.0, -1e-3], [1.0, 1.0, 1.0]], np.float32)
LABELS = np.array([2, 0, 1, 1], np.int32)
log_stablemax = jax.jit(supervised.log_stablemax)


def stablemax_oracle(logits):
    x = logits.astype(np.float64)
    scores = np.where(x >= 0, x + 1, 1 / (1 - np.minimum(x, 0)))
    return np.log(scores / scores.sum(-1, keepdims=True)), scores


def terms(logits=LOGITS, labels=LABELS, **fields):
    return supervised.Terms(logits=logits, labels=labels, **fields)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_equals_its_definition(smoothing):
    x = LOGITS.astype(np.float64)
    log_probs = x - np.log(np.exp(x).sum(-1, keepdims=True))
    target = (1 - smoothing) * np.eye(3)[LABELS] + smoothing / 3
    expected = -(target * log_probs).sum(-1).mean()
    np.testing.assert_allclose(jax.jit(supervised.cross_entropy(smoothing))(terms()), expected, rtol=1e-6)


def test_cross_entropy_gradient_is_softmax_minus_target():
    gradient = jax.jit(jax.grad(lambda x: supervised.cross_entropy(0.2)(terms(x))))(LOGITS)
    x = LOGITS.astype(np.float64)
    softmax = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    target = 0.8 * np.eye(3)[LABELS] + 0.2 / 3
    np.testing.assert_allclose(gradient, (softmax - target) / 4, rtol=1e-4, atol=1e-7)


def test_stablemax_of_one_and_minus_one():
    value, gradient = jax.jit(jax.value_and_grad(lambda x: supervised.stablemax_cross_entropy()(terms(x, np.array([0])))))(
        np.array([[1.0, -1.0]], np.float32)
    )
    np.testing.assert_allclose(np.exp(log_stablemax(np.array([1.0, -1.0]))), [0.8, 0.2], rtol=1e-6)
    np.testing.assert_allclose(value, -np.log(0.8), rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-0.1, 0.1]], rtol=1e-5)


def test_stablemax_gradient_equals_its_formula():
    gradient = jax.jit(jax.grad(lambda x: supervised.stablemax_cross_entropy()(terms(x))))(LOGITS)
    _, scores = stablemax_oracle(LOGITS)
    slopes = np.where(LOGITS >= 0, 1.0, scores**2)
    own = np.eye(3)[LABELS] * slopes / scores
    np.testing.assert_allclose(gradient, (slopes / scores.sum(-1, keepdims=True) - own) / 4, rtol=1e-5, atol=1e-8)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4))
def test_stablemax_is_a_distribution_that_keeps_the_order(values):
    logits = np.array(values, np.float32)
    log_probs = np.asarray(log_stablemax(logits))
    np.testing.assert_allclose(log_probs, stablemax_oracle(logits)[0], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(np.exp(log_probs).sum(), 1.0, rtol=1e-5)
    assert log_probs[np.argmax(logits)] == log_probs.max()


def test_stablemax_of_equal_logits_is_uniform_only_with_a_meaning_for_shifts():
    np.testing.assert_allclose(np.exp(log_stablemax(np.zeros(5))), 0.2, rtol=1e-6)
    high, low = (np.asarray(log_stablemax(np.array(x))) for x in ([3.0, 1.0], [2.0, 0.0]))
    assert np.abs(high - low).max() > 0.05  # softmax would not change


def test_only_stablemax_keeps_learning_from_well_classified_examples():
    logits, labels = np.array([[120.0, 0.0, 0.0]], np.float32), np.array([0])
    softmax = jax.jit(jax.grad(lambda x: supervised.cross_entropy()(terms(x, labels))))(logits)
    stablemax = jax.jit(jax.grad(lambda x: supervised.stablemax_cross_entropy()(terms(x, labels))))(logits)
    assert np.all(np.asarray(softmax) == 0)
    assert np.all(np.asarray(stablemax) != 0)


@pytest.mark.parametrize(
    "loss", [supervised.cross_entropy(), supervised.cross_entropy(0.1), supervised.stablemax_cross_entropy()]
)
def test_masked_examples_change_nothing(loss):
    logits = np.concatenate([LOGITS, [[np.nan, np.inf, 0.0]]]).astype(np.float32)
    labels, mask = np.append(LABELS, -100), np.array([True] * 4 + [False])
    value, gradient = jax.jit(jax.value_and_grad(lambda x: loss(terms(x, labels, mask=mask))))(logits)
    np.testing.assert_allclose(value, jax.jit(loss)(terms()), rtol=1e-6)
    assert np.all(np.asarray(gradient)[4] == 0) and np.all(np.isfinite(gradient))


def test_accuracy_counts_the_unmasked_examples():
    mask = np.array([True, True, True, False])
    result, _ = jax.jit(lambda x: supervised.cross_entropy().update(x, ()))(terms(mask=mask))
    np.testing.assert_allclose(result.metrics["accuracy"].value, 1 / 3, rtol=1e-6)


def test_forward_trains_a_linear_classifier():
    batch = supervised.Terms(inputs=np.eye(2, dtype=np.float32), labels=np.array([0, 1]))
    forward = supervised.forward(lambda params, x: x @ params)
    tx = optax.chain(algax.gradient(supervised.cross_entropy(), forward), optax.sgd(1.0))
    step = jax.jit(lambda params, batch: tx.update(None, tx.init(params), params, terms=batch))
    updates, state = step(np.zeros((2, 2), np.float32), batch)
    np.testing.assert_allclose(updates, [[0.25, -0.25], [-0.25, 0.25]], atol=1e-7)
    np.testing.assert_allclose(optax.tree.get(state, "metrics")["loss"], np.log(2), rtol=1e-6)
