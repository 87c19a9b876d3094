"""Contrast with perturbed sequences: lengths of steps, what they do, and float64 NumPy."""

import functools

import jax
import numpy as np
import pytest

from algax import FactoredLogits, pretrain

RNG = np.random.default_rng(6)
B, S, T, D, V = 3, 4, 5, 6, 7
MASK = np.arange(T)[None, :] < np.array([3, 5, 2])[:, None]
ARRAYS = {
    "hidden": RNG.normal(size=(B, T, D)),
    "kernel": RNG.normal(size=(D, V)),
    "source_hidden": RNG.normal(size=(B, S, D)),
    "projection_kernel": RNG.normal(size=(D, D)),
    "projection_bias": RNG.normal(size=D),
}
TOKENS = RNG.integers(0, V, (B, T))


@jax.jit
def log_probs(hidden, kernel, tokens, mask):
    return FactoredLogits(hidden, kernel).log_probs(tokens, mask)


@functools.cache
def terms(rows=B):
    x = {name: value.astype(np.float32) for name, value in ARRAYS.items()}
    x["hidden"], x["source_hidden"] = x["hidden"][:rows], x["source_hidden"][:rows]
    x["head_kernel"] = x.pop("kernel")
    mask, tokens = MASK[:rows], TOKENS[:rows]
    return pretrain.Terms(tokens=tokens, mask=mask, log_probs=log_probs(x["hidden"], x["head_kernel"], tokens, mask), **x)


@functools.cache
def perturb_states(rows=B, **options):
    return jax.device_get(jax.jit(lambda x: pretrain.perturb_states(x, **options))(terms(rows)))


def likelihood(hidden):
    return -np.asarray(log_probs(np.float32(hidden), np.float32(ARRAYS["kernel"]), TOKENS, MASK)).sum()


def divergence(hidden):
    log_p, log_q = (log_softmax(h @ ARRAYS["kernel"]) for h in (ARRAYS["hidden"], hidden))
    return np.where(MASK, (np.exp(log_p) * (log_p - log_q)).sum(-1), 0.0).sum()


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def pooled(x, mask):
    projected = np.maximum(x @ ARRAYS["projection_kernel"] + ARRAYS["projection_bias"], 0.0)
    mean = (projected * mask[..., None]).sum(1) / mask.sum(1)[:, None]
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def cross_entropy(logits, target):
    return np.log(np.exp(logits).sum()) - logits[target]


def test_a_normalized_step_has_its_length():
    step = pretrain.normalized_step(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32), 2.0)
    np.testing.assert_allclose(step, [[1.2, 1.6], [0.0, 0.0]], rtol=1e-6)


def test_steps_of_no_length_move_nothing():
    moved = perturb_states(positive_size=0.0, negative_size=0.0)
    for states in moved:
        np.testing.assert_allclose(states[MASK], ARRAYS["hidden"][MASK], rtol=1e-6)


def test_the_negative_is_near_and_less_likely():
    moved = perturb_states(negative_size=0.01)
    assert isinstance(moved, pretrain.PerturbedStates)
    steps = moved.negative - ARRAYS["hidden"]
    np.testing.assert_allclose(np.linalg.norm(steps[MASK], axis=1), 0.01, rtol=1e-3)
    assert likelihood(moved.negative) > likelihood(ARRAYS["hidden"])
    far = perturb_states(negative_size=1.0).negative
    np.testing.assert_allclose(np.linalg.norm((far - ARRAYS["hidden"])[MASK], axis=1), 1.0, rtol=1e-5)


def test_the_positive_is_moved_from_the_source_and_back_towards_the_distribution():
    moved = perturb_states(positive_size=0.02).positive

    def contrast(hidden):
        sources, targets = pooled(ARRAYS["source_hidden"], np.ones((B, S))), pooled(hidden, MASK)
        logits = sources @ targets.T / 0.1
        return sum(cross_entropy(logits[i], i) for i in range(B))

    # The first step again, by central differences of the contrastive loss.
    gradient = np.zeros_like(ARRAYS["hidden"])
    for index in np.ndindex(gradient.shape):
        ahead, behind = ARRAYS["hidden"].copy(), ARRAYS["hidden"].copy()
        ahead[index] += 1e-5
        behind[index] -= 1e-5
        gradient[index] = (contrast(ahead) - contrast(behind)) / 2e-5
    norm = np.linalg.norm(gradient, axis=-1, keepdims=True)
    first = ARRAYS["hidden"] + 0.02 * gradient / np.where(norm > 0, norm, 1.0)
    steps = np.where(norm[..., 0] > 0, np.linalg.norm(moved - first, axis=-1), 0.02)
    np.testing.assert_allclose(steps[MASK], 0.02, rtol=2e-2)
    # The divergence is quadratic about h, so that a full step back may overshoot; its direction is downhill.
    assert divergence(first + 0.01 * (moved - first)) < divergence(first)


@pytest.mark.parametrize("scale_positive", [True, False])
def test_the_loss_is_that_of_numpy(scale_positive):
    moved = perturb_states(tau=0.3)
    sources, targets = pooled(ARRAYS["source_hidden"], np.ones((B, S))), pooled(ARRAYS["hidden"], MASK)
    negatives, positives = (pooled(states.astype(np.float64), MASK) for states in moved)
    total = 0.0
    for i in range(B):
        hard = sources[i] @ negatives[i]
        plain = np.append(sources[i] @ targets.T, hard)
        swapped = plain.copy()
        swapped[i] = sources[i] @ positives[i]
        total += cross_entropy(plain / 0.3, i) + cross_entropy(swapped / (0.3 if scale_positive else 1.0), i)
    transform = pretrain.contrast_sequences(tau=0.3, scale_positive=scale_positive)
    np.testing.assert_allclose(jax.jit(transform)(terms()), total / 2 / B, rtol=1e-5)


def test_a_single_sequence_is_told_from_its_negative_alone():
    negative, positive = (states.astype(np.float64) for states in perturb_states(rows=1))
    source = pooled(ARRAYS["source_hidden"][:1], np.ones((1, S)))[0]
    own, hard, distant = (source @ pooled(states, MASK[:1])[0] for states in (ARRAYS["hidden"][:1], negative, positive))
    expected = 0.5 * sum(np.log1p(np.exp((hard - s) / 0.1)) for s in (own, distant))
    np.testing.assert_allclose(jax.jit(pretrain.contrast_sequences())(terms(rows=1)), expected, rtol=1e-4)


def test_claps_adds_the_likelihood():
    losses = pretrain.claps(tau=0.2), pretrain.next_token(), pretrain.contrast_sequences(tau=0.2)
    total, *parts = jax.jit(lambda x: [loss(x) for loss in losses])(terms())
    np.testing.assert_allclose(total, np.sum(parts), rtol=1e-6)
