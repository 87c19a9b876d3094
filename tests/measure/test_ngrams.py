"""Shared n-grams, against sets of tuples."""

import jax
import numpy as np
import pytest

from algax import measure


def covered(test, train, n):
    """The share in plain Python."""
    grams = {tuple(train[i : i + n]) for i in range(len(train) - n + 1)}
    marks = np.zeros(len(test), bool)
    for i in range(len(test) - n + 1):
        if tuple(test[i : i + n]) in grams:
            marks[i : i + n] = True
    return marks.mean()


@pytest.mark.parametrize("n", [1, 2, 4])
def test_overlap_is_the_share_of_tokens_in_shared_runs(n):
    rng = np.random.default_rng(n)
    tests, trainings = rng.integers(0, 3, (6, 9)), rng.integers(0, 3, (6, 12))
    found = jax.jit(jax.vmap(lambda a, b: measure.ngram_overlap(a, b, n=n)))(tests, trainings)
    expected = [covered(a.tolist(), b.tolist(), n) for a, b in zip(tests, trainings, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_text_covers_itself_and_no_other():
    text = np.arange(10)
    overlap = jax.jit(measure.ngram_overlap)
    assert overlap(text, text) == 1 and overlap(text, text + 10) == 0
    mask = np.arange(10) < 8
    assert overlap(text, text, mask, mask) == 1
    assert overlap(text, text, mask, np.arange(10) < 7) == 0  # the run of eight ends in padding
    with pytest.raises(ValueError, match="`n` must lie in"):
        measure.ngram_overlap(text, text, n=11)
    with pytest.raises(ValueError, match="`test_mask` must have the shape of its text"):
        measure.ngram_overlap(text, text, np.ones(9))
