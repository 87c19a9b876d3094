"""Logits transforms against brute force in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from algax import decode

V = 7
# Quarters are exact in float32, so equal logits are common and compare as equal everywhere.
ROWS = st_numpy.arrays(np.float32, (3, V), elements=st.integers(-24, 24).map(lambda n: np.float32(n / 4)))
SHARES = st.integers(1, 99).map(lambda n: n / 100)
temperature = jax.jit(lambda logits, value: decode.temperature(value)(logits))
top_k = jax.jit(lambda logits, value: decode.top_k(value)(logits))
top_p = jax.jit(lambda logits, value: decode.top_p(value)(logits))
min_p = jax.jit(lambda logits, value: decode.min_p(value)(logits))


def softmax(row):
    weights = np.exp(row.astype(np.float64) - np.max(row))
    return weights / weights.sum()


def keep(row, kept):
    return np.array([logit if token in kept else -np.inf for token, logit in enumerate(row)], np.float32)


def in_order(row):
    """Tokens by falling logit, the lowest index first among equals."""
    return sorted(range(len(row)), key=lambda token: (-row[token], token))


@settings(max_examples=25, deadline=None)
@given(ROWS, st.integers(1, 9))
def test_top_k_keeps_the_largest_and_their_ties(logits, k):
    expected = np.array([keep(row, {t for t in range(V) if sum(row > row[t]) < k}) for row in logits])
    np.testing.assert_array_equal(top_k(logits, jnp.int32(k)), expected)
    np.testing.assert_array_equal(decode.top_k(k)(jnp.asarray(logits)), expected)


@settings(max_examples=25, deadline=None)
@given(ROWS, SHARES)
def test_top_p_keeps_the_smallest_set_of_mass_p(logits, p):
    result = np.asarray(top_p(logits, jnp.float32(p)))
    for row, found in zip(logits, result, strict=True):
        probabilities, kept = softmax(row), set(np.flatnonzero(found > -np.inf))
        assert kept == set(in_order(row)[: len(kept)]) and len(kept) >= 1
        np.testing.assert_array_equal(found, keep(row, kept))
        mass = sum(probabilities[token] for token in kept)
        last = in_order(row)[len(kept) - 1]
        # Of two sets whose mass is p up to float32 rounding, either is right.
        assert mass >= p - 1e-6 and mass - probabilities[last] < p + 1e-6


@settings(max_examples=25, deadline=None)
@given(ROWS, SHARES)
def test_min_p_keeps_probabilities_near_the_largest(logits, p):
    result = np.asarray(min_p(logits, jnp.float32(p)))
    for row, found in zip(logits, result, strict=True):
        ratios = softmax(row) / softmax(row).max()
        clear = np.abs(ratios - p) > 1e-6
        np.testing.assert_array_equal(found[clear], np.where(ratios >= p, row, -np.inf)[clear])


@settings(max_examples=20, deadline=None)
@given(ROWS, st.integers(1, 40).map(lambda n: n / 8))
def test_temperature_divides(logits, value):
    np.testing.assert_allclose(temperature(logits, jnp.float32(value)), logits / np.float32(value), rtol=1e-6)
    np.testing.assert_allclose(decode.temperature(value)(jnp.asarray(logits)), logits / np.float32(value), rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_temperature_zero_leaves_the_first_arg_max(logits):
    best = np.array([in_order(row)[0] for row in logits])
    expected = np.where(np.arange(V)[None] == best[:, None], 0.0, -np.inf)
    for value in (jnp.float32(0), jnp.float32(-1)):
        np.testing.assert_array_equal(temperature(logits, value), expected)
    np.testing.assert_array_equal(decode.temperature(0)(jnp.asarray(logits)), expected)


@pytest.mark.parametrize(
    "transform", [decode.temperature(1.0), decode.top_k(V), decode.top_k(V + 5), decode.top_p(1.0), decode.min_p(0.0)]
)
def test_neutral_values_change_nothing(transform):
    logits = np.array([[3.0, -40.0, 0.0, -np.inf, 200.0, 1.0, 1.0]], np.float32)
    np.testing.assert_array_equal(jax.jit(transform)(logits), logits)


@pytest.mark.parametrize(
    ("transform", "kept"),
    [
        (decode.top_k(2), {0, 1}),
        (decode.top_p(0.79), {0, 1}),
        (decode.top_p(0.81), {0, 1, 2}),
        (decode.top_p(1e-6), {0}),
        (decode.min_p(0.25), {0, 1, 2}),
        (decode.min_p(1.0), {0}),
    ],
)
def test_known_sets_survive_any_shape_and_removed_tokens(transform, kept):
    """Probabilities 0.5, 0.3, 0.15, 0.05, and one token that is gone already."""
    logits = np.append(np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32)), np.float32(-np.inf))
    shaped = logits, np.broadcast_to(logits, (2, 3, 5))
    for result in jax.jit(lambda *arrays: [transform(array) for array in arrays])(*shaped):
        np.testing.assert_array_equal(result, np.broadcast_to(keep(logits, kept), result.shape))


def test_order_of_a_chain_matters():
    """Of 0.4, 0.3, 0.2, 0.1 three have mass 0.75, but two are enough once top-k has renormalised three of them."""
    logits = np.log(np.array([0.4, 0.3, 0.2, 0.1], np.float32))

    def count(*transforms):
        return np.sum(np.asarray(jax.jit(decode.chain_logits(*transforms))(logits)) > -np.inf)

    assert count(decode.top_p(0.75)) == 3
    assert count(decode.top_k(3), decode.top_p(0.75)) == 2
    assert count(decode.top_p(0.75), decode.top_k(3)) == 3
    assert count(decode.temperature(0.1), decode.top_p(0.75)) == 1
    assert count() == 4


def test_bfloat16_becomes_float32():
    logits = np.arange(V).astype(jnp.bfloat16)
    transforms = decode.temperature(0.7), decode.top_k(2), decode.top_p(0.5), decode.min_p(0.1), decode.chain_logits()
    for result in jax.jit(lambda logits: [transform(logits) for transform in transforms])(logits):
        assert result.dtype == jnp.float32


@pytest.mark.parametrize(
    ("factory", "value", "error", "message"),
    [
        (decode.temperature, -0.1, ValueError, "temperature.*-0.1"),
        (decode.temperature, float("inf"), ValueError, "temperature.*inf"),
        (decode.temperature, jnp.ones(2), ValueError, r"temperature.*scalar.*\(2,\)"),
        (decode.temperature, "1", TypeError, "temperature.*'1'"),
        (decode.top_k, 0, ValueError, "k.*1.*0"),
        (decode.top_k, 2.0, TypeError, "k.*integer.*2.0"),
        (decode.top_p, 0.0, ValueError, "p.*0.0"),
        (decode.top_p, 1.1, ValueError, "p.*1.1"),
        (decode.min_p, -0.1, ValueError, "p.*-0.1"),
        (decode.min_p, float("nan"), ValueError, "p.*nan"),
        (decode.chain_logits, 3, TypeError, "transforms.*3"),
    ],
)
def test_bad_values_are_named(factory, value, error, message):
    with pytest.raises(error, match=message):
        factory(value)
