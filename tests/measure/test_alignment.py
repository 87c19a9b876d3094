"""How well a task suits a model."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def by_counting(n, c, k):
    draws = list(itertools.combinations(range(n), k))
    return sum(any(i < c for i in draw) for draw in draws) / len(draws)


def test_alignment_is_the_mean_of_unbiased_estimates():
    n, correct = 5, [0, 1, 2, 5]
    for k in (1, 2, 4, 5):
        expected = [by_counting(n, c, k) for c in correct]
        np.testing.assert_allclose(measure.pass_at_k(n, jnp.array(correct), k), expected, rtol=1e-6)
        np.testing.assert_allclose(measure.alignment(n, jnp.array(correct), k), np.mean(expected), rtol=1e-6)
    assert abs(by_counting(5, 2, 2) - 0.7) < 1e-12


def test_ends_and_monotony():
    correct = jnp.arange(9)
    table = np.stack([measure.pass_at_k(8, correct, k) for k in range(1, 9)])
    np.testing.assert_allclose(table[0], np.arange(9) / 8, rtol=1e-6)
    np.testing.assert_array_equal(table[-1], np.arange(9) > 0)
    assert np.all(np.diff(table, axis=0) >= -1e-6) and np.all(np.diff(table, axis=1) >= 0)


def test_many_samples():
    expected = 1 - math.comb(190, 100) / math.comb(200, 100)
    np.testing.assert_allclose(measure.alignment(200, jnp.array([10]), 100), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="`k`"):
        measure.alignment(4, jnp.array([1]), 5)
