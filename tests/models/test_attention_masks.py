"""Attention masks against their definition, entry by entry."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from algax import models

RNG = np.random.default_rng(0)


def test_entry_by_entry():
    real, prefix = RNG.random((2, 3, 6)) < 0.7
    segments = RNG.integers(1, 3, (3, 6))
    masks = models.decoder_mask(jnp.asarray(real), jnp.asarray(prefix), jnp.asarray(segments))
    for b, q, k in itertools.product(range(3), range(6), range(6)):
        sees = (q >= k or (prefix[b, q] and prefix[b, k])) and segments[b, q] == segments[b, k] and real[b, q] and real[b, k]
        assert bool(masks[b, q, k]) == sees


def test_full_causal_and_packed():
    ones = jnp.ones((1, 5), jnp.int32)
    np.testing.assert_array_equal(models.decoder_mask(ones, ones), models.encoder_mask(ones))
    np.testing.assert_array_equal(models.decoder_mask(ones).sum(axis=2)[0], [1, 2, 3, 4, 5])
    packed = np.asarray(models.encoder_mask(ones, jnp.array([[1, 1, 2, 2, 2]]))[0])
    np.testing.assert_array_equal(packed, np.kron(np.eye(2), np.ones((3, 3)))[1:, 1:].astype(bool))


def test_a_prefix_of_one_changes_nothing():
    ones = jnp.ones((1, 4), bool)
    np.testing.assert_array_equal(models.decoder_mask(ones, jnp.array([[1, 0, 0, 0]])), models.decoder_mask(ones))


def test_cross_attention():
    mask = models.cross_mask(jnp.array([[1, 1, 0]]), jnp.array([[1, 1]]), jnp.array([[1, 2, 2]]), jnp.array([[1, 2]]))
    np.testing.assert_array_equal(mask[0], [[True, False], [False, True], [False, False]])
    with pytest.raises(ValueError, match="key_segments"):
        models.cross_mask(jnp.ones((1, 2)), jnp.ones((1, 2)), jnp.ones((1, 2)))
