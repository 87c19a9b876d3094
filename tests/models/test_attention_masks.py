"""Attention masks against their definition, entry by entry."""

import itertools

import jax
import numpy as np
import pytest

from algax import models

RNG = np.random.default_rng(0)
decoder_mask, encoder_mask = jax.jit(models.decoder_mask), jax.jit(models.encoder_mask)


def test_entry_by_entry():
    real, prefix = RNG.random((2, 3, 6)) < 0.7
    segments = RNG.integers(1, 3, (3, 6))
    masks = np.asarray(decoder_mask(real, prefix, segments))
    for b, q, k in itertools.product(range(3), range(6), range(6)):
        sees = (q >= k or (prefix[b, q] and prefix[b, k])) and segments[b, q] == segments[b, k] and real[b, q] and real[b, k]
        assert bool(masks[b, q, k]) == sees


def test_full_causal_and_packed():
    ones = np.ones((1, 5), np.int32)
    np.testing.assert_array_equal(decoder_mask(ones, ones), encoder_mask(ones))
    np.testing.assert_array_equal(np.asarray(decoder_mask(ones)).sum(axis=2)[0], [1, 2, 3, 4, 5])
    packed = np.asarray(encoder_mask(ones, np.array([[1, 1, 2, 2, 2]])))[0]
    np.testing.assert_array_equal(packed, np.kron(np.eye(2), np.ones((3, 3)))[1:, 1:].astype(bool))


def test_a_prefix_of_one_changes_nothing():
    ones = np.ones((1, 4), bool)
    np.testing.assert_array_equal(decoder_mask(ones, np.array([[1, 0, 0, 0]])), decoder_mask(ones))


def test_cross_attention():
    mask = jax.jit(models.cross_mask)(np.array([[1, 1, 0]]), np.array([[1, 1]]), np.array([[1, 2, 2]]), np.array([[1, 2]]))
    np.testing.assert_array_equal(np.asarray(mask)[0], [[True, False], [False, True], [False, False]])
    with pytest.raises(ValueError, match="key_segments"):
        models.cross_mask(np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)))
