"""Measures of dialogues of several turns and of guided training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_self_correction():
    rng = np.random.default_rng(0)
    first, second = rng.random(40) < 0.5, rng.random(40) < 0.6
    result = measure.self_correction(jnp.asarray(first), jnp.asarray(second))
    assert isinstance(result, measure.SelfCorrection)
    expected = first.mean(), second.mean(), second.mean() - first.mean(), (~first & second).mean(), (first & ~second).mean()
    np.testing.assert_allclose(result, expected, atol=1e-6)
    with pytest.raises(ValueError, match="`second`"):
        measure.self_correction(jnp.ones(3), jnp.ones(4))


def test_success_and_turns():
    correct = jnp.array([[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1]])
    np.testing.assert_allclose([measure.success_at_turn(correct, k) for k in (1, 2, 3)], [0.25, 0.5, 0.75])
    np.testing.assert_allclose(measure.mean_turns(correct), (3 + 1 + 3 + 2) / 4)
    with pytest.raises(ValueError, match="`turns`"):
        measure.success_at_turn(correct, 4)


def test_distinct_share():
    rng = np.random.default_rng(1)
    ids, where = rng.integers(0, 3, (30, 5)), rng.random((30, 5)) < 0.7
    where[0] = False
    expected = [len(set(row[keep])) / keep.sum() if keep.any() else 1.0 for row, keep in zip(ids, where, strict=True)]
    np.testing.assert_allclose(measure.distinct_share(jnp.asarray(ids), jnp.asarray(where)), expected, rtol=1e-6)
    np.testing.assert_allclose(measure.distinct_share(jnp.array([[4, 4, 4, 4, 4]])), [0.2])


@pytest.mark.parametrize("n", [1, 2, 4])
def test_thought_diversity(n):
    rng = np.random.default_rng(2)
    tokens, mask = rng.integers(0, 2, (6, 4)), np.arange(4)[None, :] < rng.integers(3, 5, (6, 1))
    mask[0] = True
    places = [(row, i) for row in range(6) for i in range(5 - n) if mask[row, i : i + n].all()]
    grams = [tuple(tokens[row, i : i + n]) for row, i in places]
    actual = measure.thought_diversity(jnp.asarray(tokens), jnp.asarray(mask), n=n)
    np.testing.assert_allclose(actual, len(set(grams)) / len(grams), rtol=1e-6)
    assert measure.thought_diversity(jnp.asarray(tokens), jnp.zeros([6, 4], bool), n=n) == 0


def test_rlvr_decomposition():
    result = measure.rlvr_decomposition(jnp.array([1, 0, 0, 0]), jnp.array([1, 1, 0, 0]), jnp.array([0, 1, 1, 0]))
    assert isinstance(result, measure.ProgressDecomposition)
    np.testing.assert_allclose(result, [0.5, 0.25, 0.25, 0.25, 0.25])


def test_positive_sample_quality():
    arrays = [jnp.array(x) for x in ([-1.0, -1.0], [-1.5, -9.0], [-4.0, -4.0], [-1.0, -5.0])]
    result = measure.positive_sample_quality(*arrays)
    assert isinstance(result, measure.SampleQuality)
    np.testing.assert_allclose(result.likelihood, [-0.5, -8.0])
    np.testing.assert_allclose(result.signal, [3.0, -1.0])


def test_logit_gradient_norm_is_that_of_the_gradient():
    rng = np.random.default_rng(3)
    logits, tokens = jnp.asarray(3.0 * rng.normal(size=(8, 5)), jnp.float32), jnp.asarray(rng.integers(0, 5, 8))
    weights = jnp.asarray(rng.normal(size=8), jnp.float32)

    def loss(z):
        return jnp.sum(weights * jnp.take_along_axis(jax.nn.log_softmax(z), tokens[:, None], axis=1)[:, 0])

    expected = np.linalg.norm(jax.grad(loss)(logits), axis=1)
    np.testing.assert_allclose(measure.logit_gradient_norm(logits, tokens, weights), expected, atol=1e-6)
    np.testing.assert_allclose(measure.logit_gradient_norm(jnp.zeros(2), jnp.array(0), jnp.array(-1.0)), 0.5**0.5, rtol=1e-6)
