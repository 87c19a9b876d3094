"""Measures of dialogues of several turns and of guided training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_self_correction():
    rng = np.random.default_rng(0)
    first, second = rng.random(40) < 0.5, rng.random(40) < 0.6
    result = jax.jit(measure.self_correction)(first, second)
    assert isinstance(result, measure.SelfCorrection)
    expected = first.mean(), second.mean(), second.mean() - first.mean(), (~first & second).mean(), (first & ~second).mean()
    np.testing.assert_allclose(result, expected, atol=1e-6)
    with pytest.raises(ValueError, match="`second`"):
        measure.self_correction(np.ones(3), np.ones(4))


def test_success_and_turns():
    correct = np.array([[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1]])

    @jax.jit
    def results(correct):
        return [measure.success_at_turn(correct, k) for k in (1, 2, 3)], measure.mean_turns(correct)

    successes, turns = results(correct)
    np.testing.assert_allclose(successes, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(turns, (3 + 1 + 3 + 2) / 4)
    with pytest.raises(ValueError, match="`turns`"):
        measure.success_at_turn(correct, 4)


def test_distinct_share():
    rng = np.random.default_rng(1)
    ids, where = rng.integers(0, 3, (30, 5)), rng.random((30, 5)) < 0.7
    where[0] = False
    expected = [len(set(row[keep])) / keep.sum() if keep.any() else 1.0 for row, keep in zip(ids, where, strict=True)]
    distinct_share = jax.jit(measure.distinct_share)
    np.testing.assert_allclose(distinct_share(ids, where), expected, rtol=1e-6)
    np.testing.assert_allclose(distinct_share(np.array([[4, 4, 4, 4, 4]])), [0.2])


@pytest.mark.parametrize("n", [1, 2, 4])
def test_thought_diversity(n):
    rng = np.random.default_rng(2)
    tokens, mask = rng.integers(0, 2, (6, 4)), np.arange(4)[None, :] < rng.integers(3, 5, (6, 1))
    mask[0] = True
    places = [(row, i) for row in range(6) for i in range(5 - n) if mask[row, i : i + n].all()]
    grams = [tuple(tokens[row, i : i + n]) for row, i in places]
    diversity = jax.jit(lambda tokens, mask: measure.thought_diversity(tokens, mask, n=n))
    np.testing.assert_allclose(diversity(tokens, mask), len(set(grams)) / len(grams), rtol=1e-6)
    assert diversity(tokens, np.zeros([6, 4], bool)) == 0


def test_rlvr_decomposition():
    arrays = (np.array(x) for x in ([1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]))
    result = jax.jit(measure.rlvr_decomposition)(*arrays)
    assert isinstance(result, measure.ProgressDecomposition)
    np.testing.assert_allclose(result, [0.5, 0.25, 0.25, 0.25, 0.25])


def test_positive_sample_quality():
    arrays = [np.array(x) for x in ([-1.0, -1.0], [-1.5, -9.0], [-4.0, -4.0], [-1.0, -5.0])]
    result = jax.jit(measure.positive_sample_quality)(*arrays)
    assert isinstance(result, measure.SampleQuality)
    np.testing.assert_allclose(result.likelihood, [-0.5, -8.0])
    np.testing.assert_allclose(result.signal, [3.0, -1.0])


def test_logit_gradient_norm_is_that_of_the_gradient():
    rng = np.random.default_rng(3)
    logits, tokens = (3.0 * rng.normal(size=(8, 5))).astype(np.float32), rng.integers(0, 5, 8)
    weights = rng.normal(size=8).astype(np.float32)

    @jax.jit
    @jax.grad
    def gradient(z):
        return jnp.sum(weights * jnp.take_along_axis(jax.nn.log_softmax(z), tokens[:, None], axis=1)[:, 0])

    expected = np.linalg.norm(gradient(logits), axis=1)
    gradient_norm = jax.jit(measure.logit_gradient_norm)
    np.testing.assert_allclose(gradient_norm(logits, tokens, weights), expected, atol=1e-6)
    np.testing.assert_allclose(gradient_norm(np.zeros(2), np.array(0), np.array(-1.0)), 0.5**0.5, rtol=1e-6)
