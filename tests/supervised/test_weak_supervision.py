"""Weak supervision: targets, thresholds and gradients against NumPy."""

import jax
import numpy as np
import pytest

from algax import chain, supervised

RNG = np.random.default_rng(9)
LOGITS = RNG.normal(size=(8, 2)).astype(np.float32)
FIRST = RNG.uniform(0.1, 0.9, 8)
WEAK = np.stack([FIRST, 1 - FIRST], 1).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def run(loss, logits=LOGITS, weak=WEAK, **fields):
    def value(logits):
        terms = supervised.Terms(logits=logits, soft_labels=weak.astype(np.float32), **fields)
        after, _ = loss.update(terms, loss.init())
        return after.loss, after.soft_targets

    (value, targets), gradient = jax.jit(jax.value_and_grad(value, has_aux=True))(logits.astype(np.float32))
    return jax.device_get((value, targets, gradient))


def test_without_confidence_it_is_cross_entropy_to_the_weak_labels():
    value, _, gradient = run(supervised.weak_to_strong(coefficient=0.0))
    np.testing.assert_allclose(value, -(WEAK * np.log(softmax(LOGITS))).sum(1).mean(), rtol=1e-6)
    np.testing.assert_allclose(gradient, (softmax(LOGITS) - WEAK) / 8, atol=1e-7)


@pytest.mark.parametrize("threshold", ["weak_prior", "half"])
def test_predictions_are_hardened_at_the_quantile(threshold):
    value, targets, gradient = run(supervised.weak_to_strong(coefficient=0.4, threshold=threshold))
    p = softmax(LOGITS.astype(np.float64))
    bound = np.quantile(p[:, 0], WEAK[:, 1].mean() if threshold == "weak_prior" else 0.5)
    hard = np.where((p[:, 0] >= bound)[:, None], [1.0, 0.0], [0.0, 1.0])
    expected = 0.6 * WEAK + 0.4 * hard
    np.testing.assert_allclose(targets, expected, rtol=1e-5)
    np.testing.assert_allclose(value, -(expected * np.log(p)).sum(1).mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, (p - expected) / 8, atol=1e-6)
    share = hard[:, 0].mean()
    assert abs(share - (WEAK[:, 0].mean() if threshold == "weak_prior" else 0.5)) <= 1 / 8


def test_a_confident_student_is_left_alone():
    logits = 30.0 * np.where(np.arange(8)[:, None] % 2 == 0, [1.0, -1.0], [-1.0, 1.0])
    _, _, gradient = run(supervised.weak_to_strong(coefficient=1.0, threshold="half"), logits)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_masked_rows_do_not_move_the_threshold():
    mask = np.arange(8) < 5
    loss = supervised.weak_to_strong(coefficient=0.4)
    value, _, _ = run(loss, mask=mask)
    np.testing.assert_allclose(value, run(loss, LOGITS[:5], WEAK[:5])[0], rtol=1e-6)


def test_several_classes_are_as_frequent_as_the_weak_labels_say():
    logits, weak = RNG.normal(size=(6, 3)), softmax(RNG.normal(size=(6, 3)))
    for threshold, prior in (("weak_prior", weak.mean(0)), ("half", np.ones(3))):
        loss = chain(supervised.confident_targets(coefficient=1.0, threshold=threshold), supervised.soft_cross_entropy())
        p = softmax(logits)
        expected = np.argmax(np.log(p) - np.log(p.mean(0)) + np.log(prior), 1)
        np.testing.assert_array_equal(run(loss, logits, weak)[1], np.eye(3)[expected])


def test_product_targets():
    loss = supervised.product_supervision(weak_power=0.5, student_power=2.0)
    _, targets, gradient = run(loss)
    p = softmax(LOGITS.astype(np.float64))
    expected = WEAK**0.5 * p**2
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(targets, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, (p - expected) / 8, atol=1e-6)
    uniform = chain(supervised.product_targets(), supervised.soft_cross_entropy())
    np.testing.assert_allclose(run(uniform, weak=np.full((8, 2), 0.5))[2], 0.0, atol=1e-7)


def test_ramps():
    ramp = supervised.confidence_ramp(100, peak=0.5)
    np.testing.assert_allclose(jax.vmap(ramp)(np.array([0, 5, 20, 90])), [0.0, 0.125, 0.5, 0.5], rtol=1e-6)
    released = supervised.confidence_ramp(100, peak=0.5, warmup=0.1, released=True)
    np.testing.assert_allclose(jax.vmap(released)(np.array([0, 5, 10, 11])), [0.0, 0.025, 0.05, 0.5], rtol=1e-6)
