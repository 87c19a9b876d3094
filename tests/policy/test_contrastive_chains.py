"""Contrastive terms between sampled and annotated chains."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy

EYE = np.eye(2, dtype=np.float32)
positive_contrast = jax.jit(policy.positive_contrast, static_argnames=("temperature", "cap", "released"))
negative_contrast = jax.jit(policy.negative_contrast)


def test_orthogonal_embeddings():
    both = np.ones(2, bool)
    np.testing.assert_allclose(positive_contrast(EYE, EYE, both), -4.5 + np.log(np.exp(5) + 1), rtol=1e-5)
    np.testing.assert_allclose(positive_contrast(EYE, EYE, both, cap=None), np.log1p(np.exp(-5)), rtol=1e-4)
    np.testing.assert_allclose(
        positive_contrast(EYE, EYE, np.array([1, 0]), released=True), 2 * (-4.5 + np.log(np.exp(5) + 1)), rtol=1e-5
    )
    with pytest.raises(ValueError, match="`temperature`"):
        policy.positive_contrast(EYE, EYE, both, temperature=0.0)


def test_the_cap_ends_the_pull_but_not_the_push():
    annotation, samples = EYE, np.array([[1.0, 0.2], [0.3, 1.0]], np.float32)
    first = np.array([True, False])

    def gradient(cap):
        return np.asarray(jax.jit(jax.grad(lambda s: policy.positive_contrast(annotation, s, first, cap=cap)))(samples))

    def denominator(s):
        cosines = annotation[:1] @ (s / jnp.linalg.norm(s, axis=1, keepdims=True)).T
        return jax.nn.logsumexp(cosines / 0.2)

    np.testing.assert_allclose(gradient(0.9), jax.jit(jax.grad(denominator))(samples), atol=1e-5)
    assert np.abs(gradient(None)[0] - gradient(0.9)[0]).max() > 0.1


def test_nothing_to_pull_and_one_row():
    assert positive_contrast(EYE, EYE, np.zeros(2, bool)) == 0
    assert negative_contrast(EYE, EYE, EYE, np.zeros(2, bool)) == 0
    sample = np.array([[3.0, 1.0]], np.float32)
    cosine = 3 / 10**0.5
    actual = positive_contrast(EYE[:1], sample, np.array([True]))
    np.testing.assert_allclose(actual, (cosine - 0.9) / 0.2, rtol=1e-4)


def test_against_loops_and_scale():
    rng = np.random.default_rng(0)
    a, c, d = rng.normal(size=(3, 4, 5))
    chosen = np.array([True, False, True, True])

    def cos(x, y):
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    positive = [
        np.log(sum(np.exp(cos(a[i], c[j]) / 0.2) for j in range(4))) - min(cos(a[i], c[i]), 0.9) / 0.2 for i in range(4)
    ]
    negative = [
        np.log(sum(np.exp(cos(c[i], y) / 0.2) for y in itertools.chain(c, d))) - min(cos(a[i], c[i]), 0.9) / 0.2
        for i in range(4)
    ]
    a, c, d = (x.astype(np.float32) for x in (a, c, d))
    for scale in (1, 7):
        actual = positive_contrast(a, scale * c, chosen)
        np.testing.assert_allclose(actual, np.mean(np.array(positive)[chosen]), rtol=1e-4)
        actual = negative_contrast(a, scale * c, scale * d, chosen)
        np.testing.assert_allclose(actual, np.mean(np.array(negative)[chosen]), rtol=1e-4)
    assert not np.any(jax.jit(jax.grad(lambda x: policy.positive_contrast(x, c, chosen)))(a))


def test_pooled_embedding():
    rng = np.random.default_rng(1)
    states, scores, mask = rng.normal(size=(3, 4, 2)), rng.normal(size=(3, 4)), rng.random((3, 4)) < 0.6
    mask[0], mask[1] = True, False
    weights = np.exp(scores) * mask
    expected = (weights[..., None] * states).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-30)[:, None]
    def pooled(states, scores):
        result = policy.pooled_embedding(states, scores, jnp.asarray(mask))
        return result.sum(), result

    gradients, actual = jax.device_get(jax.jit(jax.grad(pooled, argnums=(0, 1), has_aux=True))(states, scores))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    assert np.all(np.isfinite(gradients[0])) and not np.any(gradients[1][1])


def test_common_subsequence():
    rng = np.random.default_rng(2)
    for _ in range(20):
        first, second = rng.integers(0, 3, 6), rng.integers(0, 3, 5)
        in_first, in_second = policy.common_subsequence(first, second)
        np.testing.assert_array_equal(first[in_first], second[in_second])

        def subsequences(x):
            return {tuple(x[list(chosen)]) for n in range(1, len(x) + 1) for chosen in itertools.combinations(range(len(x)), n)}

        shared = subsequences(first) & subsequences(second)
        assert in_first.sum() == max((len(s) for s in shared), default=0)
