"""How well a task suits a model."""

import itertools
import math

import jax
import numpy as np
import pytest

from algax import measure

pass_at_k = jax.jit(measure.pass_at_k, static_argnums=(0, 2))
alignment = jax.jit(measure.alignment, static_argnums=(0, 2))


def by_counting(n, c, k):
    draws = list(itertools.combinations(range(n), k))
    return sum(any(i < c for i in draw) for draw in draws) / len(draws)


def test_alignment_is_the_mean_of_unbiased_estimates():
    n, correct = 5, [0, 1, 2, 5]
    for k in (1, 2, 4, 5):
        expected = [by_counting(n, c, k) for c in correct]
        np.testing.assert_allclose(pass_at_k(n, np.array(correct), k), expected, rtol=1e-6)
        np.testing.assert_allclose(alignment(n, np.array(correct), k), np.mean(expected), rtol=1e-6)
    assert abs(by_counting(5, 2, 2) - 0.7) < 1e-12


def test_ends_and_monotony():
    correct = np.arange(9)
    table = np.stack(jax.jit(lambda correct: [measure.pass_at_k(8, correct, k) for k in range(1, 9)])(correct))
    np.testing.assert_allclose(table[0], np.arange(9) / 8, rtol=1e-6)
    np.testing.assert_array_equal(table[-1], np.arange(9) > 0)
    assert np.all(np.diff(table, axis=0) >= -1e-6) and np.all(np.diff(table, axis=1) >= 0)


def test_many_samples():
    expected = 1 - math.comb(190, 100) / math.comb(200, 100)
    np.testing.assert_allclose(alignment(200, np.array([10]), 100), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="`k`"):
        measure.alignment(4, np.array([1]), 5)
