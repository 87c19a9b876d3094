"""Pairs out of judged answers against brute force."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import preference

RNG = np.random.default_rng(12)


def pairs_of(scores, prompts, **options):
    score_pairs = jax.jit(functools.partial(preference.score_pairs, **options))
    return np.argwhere(np.asarray(score_pairs(np.asarray(scores), np.asarray(prompts)))).tolist()


def test_scores_count_claims_that_are_not_true():
    p_yes, p_no = jnp.array([0.9, 0.2, 0.5, 0.1]), jnp.array([0.1, 0.3, 0.5, 0.8])
    np.testing.assert_array_equal(preference.claim_scores(p_yes, p_no, jnp.array([0, 0, 1, 1]), 3), [-1, -2, 0])
    with pytest.raises(ValueError, match="`p_no`"):
        preference.claim_scores(p_yes, p_no[:2], jnp.zeros(4, jnp.int32), 1)


def test_stated_pairs():
    assert pairs_of([0, -1, -3], [5, 5, 5]) == [[0, 1], [0, 2], [1, 2]]
    assert pairs_of([0, -1, -3], [5, 5, 5], least_difference=2) == [[0, 2], [1, 2]]
    assert pairs_of([-1, -1], [0, 0]) == []


def test_pairs_stay_within_a_prompt_and_are_ordered():
    scores, prompts = RNG.integers(-4, 1, 12), RNG.integers(0, 3, 12)
    expected = [[i, j] for i in range(12) for j in range(12) if prompts[i] == prompts[j] and scores[i] - scores[j] >= 1]
    assert pairs_of(scores, prompts) == expected
    seen, first = {}, []
    for i, j in expected:
        seen[prompts[i]] = seen.get(prompts[i], 0) + 1
        first += [[i, j]] if seen[prompts[i]] <= 2 else []
    assert pairs_of(scores, prompts, most=2) == first


def test_lengths_are_balanced_as_by_brute_force():
    chosen, rejected = RNG.integers(5, 40, (2, 30))
    bounds = np.round(0.02 * np.arange(50), 2).astype(np.float32)
    shorter = ((rejected - chosen) / rejected).astype(np.float32)
    kept = [shorter <= bound for bound in bounds]
    assert all((a <= b).all() for a, b in zip(kept, kept[1:], strict=False))
    gaps = [abs(chosen[k].mean() - rejected[k].mean()) / rejected[k].mean() for k in kept]
    length_balance = jax.jit(preference.length_balance)
    balance = jax.device_get(length_balance(chosen, rejected, bounds))
    assert isinstance(balance, preference.LengthBalance)
    best = int(np.argmin(gaps))
    assert balance.bound_index == best
    np.testing.assert_array_equal(balance.keep, kept[best])
    np.testing.assert_allclose(balance.gap, gaps[best], rtol=1e-4)
    assert balance.gap <= gaps[-1] + 1e-6
    assert length_balance(chosen, rejected).gap <= gaps[-1] + 1e-6


def test_the_best_of_several_by_the_mean_reward():
    log_probs = jnp.array([[-1.0, -2.0, -9.0], [-1.0, -1.0, -1.0]])
    mask = jnp.array([[1, 1, 0], [1, 1, 1]], bool)
    rewards = preference.mean_implicit_rewards(log_probs, jnp.full((2, 3), -2.0), mask, 0.5)
    np.testing.assert_allclose(rewards, [0.25, 0.5], rtol=1e-6)


def test_token_weights_of_one_are_plain_log_probs():
    logits, labels = RNG.normal(size=(2, 4, 5)), RNG.integers(0, 5, (2, 4))
    of_sequences = preference.sequence_log_probs
    both = jax.jit(lambda *x: (of_sequences(*x, weights=jnp.ones((2, 3))), of_sequences(*x)))
    weighted, plain = both(logits.astype(np.float32), labels)
    np.testing.assert_allclose(weighted, plain, rtol=1e-6)
