"""Longest common subsequences by recursion."""

import functools

import jax
import numpy as np
import pytest

from algax import measure


def lcs(a, b):
    @functools.cache
    def length(i, j):
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + length(i + 1, j + 1)
        return max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


def test_random_texts():
    rng = np.random.default_rng(0)
    rows = [
        (rng.integers(0, 4, rng.integers(0, 9)).tolist(), rng.integers(0, 4, rng.integers(0, 7)).tolist()) for _ in range(40)
    ]
    rows += [([1, 2, 3, 4], [1, 3, 4, 5]), ([1, 2], [1, 2]), ([1, 2], [3]), ([], [])]
    first, second = (np.array([text + [-1] * (8 - len(text)) for text in side]) for side in zip(*rows, strict=True))
    found = jax.device_get(jax.jit(measure.rouge_l)(first, second))
    assert isinstance(found, measure.RougeL)
    expected = np.array([lcs(tuple(a), tuple(b)) for a, b in rows])
    np.testing.assert_array_equal(found.lcs, expected)
    f1 = [2 * n / (len(a) + len(b)) if n else 0.0 for n, (a, b) in zip(expected, rows, strict=True)]
    np.testing.assert_allclose(found.f1, f1, rtol=1e-6)
    np.testing.assert_allclose(found.precision[-4:], [0.75, 1.0, 0.0, 0.0])
    np.testing.assert_allclose(found.recall[-4:], [0.75, 1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="`first`"):
        measure.rouge_l(first[0], second)
