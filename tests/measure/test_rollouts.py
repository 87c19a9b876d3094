"""Measures of responses: by hand, by enumeration, and against NumPy."""

import itertools

import jax
import numpy as np
import pytest

from algax import measure

truncation_stats = jax.jit(measure.truncation_stats, static_argnums=1)
pass_at_k = jax.jit(measure.pass_at_k, static_argnums=(0, 2))
trigger_rate = jax.jit(measure.trigger_rate)
trigger_f1 = jax.jit(measure.trigger_f1)
pareto_front = jax.jit(measure.pareto_front)
pattern_rate = jax.jit(measure.pattern_rate)


def test_truncation_stats():
    stats = truncation_stats(np.array([3, 5, 8, 8]), 8)
    assert isinstance(stats, measure.TruncationStats)
    np.testing.assert_allclose(stats, [0.5, 4.0])
    np.testing.assert_allclose(truncation_stats(np.array([8, 9]), 8), [1.0, 0.0])
    with pytest.raises(ValueError, match="`limit`"):
        measure.truncation_stats(np.array([8]), 0)


def test_pass_at_k_by_enumeration():
    for n, k in ((5, 2), (6, 1), (6, 4), (4, 4)):
        correct = np.arange(n + 1)
        expected = [np.mean([any(i < c for i in chosen) for chosen in itertools.combinations(range(n), k)]) for c in correct]
        np.testing.assert_allclose(pass_at_k(n, correct, k), expected, atol=1e-6)


def test_pass_at_k_of_the_known_values():
    np.testing.assert_allclose(pass_at_k(5, np.array(3), 2), 0.9, rtol=1e-6)
    correct = np.array([0, 3, 10])
    np.testing.assert_allclose(pass_at_k(10, correct, 1), [0, 0.3, 1], rtol=1e-6)
    many = np.asarray([pass_at_k(512, np.array(4), k) for k in (1, 16, 256)])
    assert np.all(np.diff(many) > 0)
    for k in (0, 11):
        with pytest.raises(ValueError, match="`k`"):
            measure.pass_at_k(10, correct, k)


def test_trigger_rate():
    thinking = np.array([True, False, True, False])
    np.testing.assert_allclose(trigger_rate(thinking), 0.5)
    np.testing.assert_allclose(trigger_rate(thinking, np.array([3.0, 1.0, 0.0, 1.0])), 0.6, rtol=1e-6)
    assert float(trigger_rate(thinking, np.zeros(4))) == 0.0


def test_trigger_f1():
    thinking, needs = np.array([1, 1, 1, 0, 0]), np.array([1, 1, 0, 1, 0])
    np.testing.assert_allclose(trigger_f1(thinking, needs), 2 / 3, rtol=1e-6)
    assert float(trigger_f1(needs, needs)) == 1.0
    assert float(trigger_f1(np.zeros(3), np.zeros(3))) == 0.0


def test_pareto_front_of_the_sheet_and_against_a_loop():
    front = pareto_front(np.array([0.1, 0.2, 0.3]), np.array([0.6, 0.5, 0.8]))
    assert np.flatnonzero(front).tolist() == [0, 2]
    rng = np.random.default_rng(0)
    costs, scores = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    expected = [
        not any(c <= cost and s >= score and (c < cost or s > score) for c, s in zip(costs, scores, strict=True))
        for cost, score in zip(costs, scores, strict=True)
    ]
    np.testing.assert_array_equal(pareto_front(costs, scores), expected)


def test_pattern_rate():
    flags, correct = np.array([1, 1, 0, 0, 1, 0]), np.array([1, 0, 1, 0, 1, 1])
    rate = pattern_rate(flags, correct)
    assert isinstance(rate, measure.PatternRate)
    np.testing.assert_allclose(rate, [0.5, 0.5, np.corrcoef(flags, correct)[0, 1]], atol=1e-6)
    other = np.array([1, 0, 0, 0, 1, 1])
    expected = np.corrcoef(other, correct)[0, 1]
    np.testing.assert_allclose(pattern_rate(other, correct).phi, expected, rtol=1e-6)


def test_pattern_rate_of_equal_and_of_constant_flags():
    correct = np.array([1, 0, 1, 0])
    np.testing.assert_allclose(pattern_rate(correct, correct), [1, 0, 1])
    np.testing.assert_allclose(pattern_rate(1 - correct, correct), [0, 1, -1])
    np.testing.assert_allclose(pattern_rate(np.ones(4), correct), [1, 1, 0])


def test_shapes_are_checked():
    for call in (measure.trigger_f1, measure.pareto_front, measure.pattern_rate, measure.trigger_rate):
        with pytest.raises(ValueError, match="must have one shape"):
            call(np.ones(3), np.ones(2))
