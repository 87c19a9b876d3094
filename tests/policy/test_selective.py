"""Entropy-SFT and the reward for constraints kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import Logits, policy


def record(rng):
    logits = (2.0 * rng.normal(size=(4, 6, 7))).astype(np.float32)
    tokens = rng.integers(0, 7, (4, 6))
    return policy.Terms(tokens=tokens, mask=rng.random((4, 6)) < 0.8), logits


@pytest.mark.parametrize(("ratio", "coefficient"), [(0.2, 1.0), (0.5, 0.0), (0.001, 1.0), (1.0, 1.0)])
def test_entropy_sft_trains_on_the_largest_scores(ratio, coefficient):
    terms, logits = record(np.random.default_rng(0))
    mask = np.asarray(terms.mask)
    log_p = logits.astype(np.float64)
    log_p -= np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    losses = -np.take_along_axis(log_p, np.asarray(terms.tokens)[..., None], axis=-1)[..., 0]
    scores = losses + coefficient * np.sum(np.exp(log_p) * log_p, axis=-1)
    count = max(int(ratio * mask.sum()), 1)
    kept = mask & (scores >= np.sort(scores[mask])[-count])
    expected = (np.exp(log_p) - np.eye(7)[np.asarray(terms.tokens)]) * kept[..., None] / count

    def loss(x):
        filled = terms.replace(distribution=Logits(x), log_probs=Logits(x).log_probs(terms.tokens))
        return policy.entropy_sft(ratio=ratio, entropy_coefficient=coefficient)(filled)

    value, gradient = jax.jit(jax.value_and_grad(loss))(logits)
    np.testing.assert_allclose(value, losses[kept].mean(), rtol=1e-5)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_constraint_reward():
    satisfied = jnp.array([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]])
    np.testing.assert_allclose(policy.constraint_reward(satisfied), [0.75, 0.25, 1.0])
    where = jnp.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(policy.constraint_reward(satisfied, where), [1.0, 0.5, 0.0])
    with pytest.raises(ValueError, match="`satisfied`"):
        policy.constraint_reward(satisfied[0])
