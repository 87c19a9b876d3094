"""Play judged by its revisions, its improvement and its budget: `StrategicPlay`, `PearsonTest`."""

import jax
import numpy as np
import pytest
from scipy import stats

from algax import measure

jitted = jax.jit(measure.strategic_play, static_argnums=2)
pearson_test = jax.jit(measure.pearson_test)


def play(win, cost, budget=10, where=None):
    where = None if where is None else np.asarray(where)
    return jax.device_get(jitted(np.asarray(win), np.asarray(cost), budget, where))


def test_slope_of_late_wins():
    np.testing.assert_allclose(play([0, 0, 1, 1], [1, 1, 1, 1]).slope, 0.4, rtol=1e-6)
    np.testing.assert_allclose(play([1, 1, 1], [1, 2, 3]).slope, 0.0, atol=1e-7)


def test_constant_cost_is_no_correction():
    result = play([0, 1, 1], [4, 4, 4])
    assert float(result.correction_rate) == 0 and float(result.correction_success) == 0


def test_corrections_and_their_success():
    result = play([0, 1, 0, 0], [5, 6, 6, 7], budget=5)
    np.testing.assert_allclose([result.correction_rate, result.correction_success], [2 / 3, 1 / 2], rtol=1e-6)
    np.testing.assert_allclose([result.win_rate, result.over_budget], [1 / 4, 3 / 4])


def test_none_and_one_round():
    np.testing.assert_array_equal(np.stack(play([1, 1], [9, 9], 1, [False, False])), 0.0)
    np.testing.assert_array_equal(np.stack(play([True], [9], 1)), [1.0, 0.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(np.stack(play(np.zeros([0], bool), np.zeros([0], int), 1)), 0.0)


def test_rounds_left_out_are_as_if_not_played():
    rng = np.random.default_rng(2)
    win, cost, where = rng.random(12) < 0.5, rng.integers(3, 6, 12), rng.random(12) < 0.6
    np.testing.assert_allclose(
        np.stack(play(win, cost, 4, where)), np.stack(play(win[where], cost[where], 4)), rtol=1e-5, atol=1e-6
    )
    kept = win[where].astype(float)
    slope = np.polyfit(np.arange(kept.size), kept, 1)[0]
    np.testing.assert_allclose(play(win, cost, 4, where).slope, slope, rtol=1e-4, atol=1e-6)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="`win`"):
        play([1, 0], [1])


def test_pearson_test_against_scipy():
    rng = np.random.default_rng(1)
    x = rng.normal(size=12)
    y = -0.5 * x + rng.normal(size=12)
    result, expected = pearson_test(x, y), stats.pearsonr(x, y)
    np.testing.assert_allclose(result.correlation, expected.statistic, rtol=1e-5)
    np.testing.assert_allclose(result.p_value, expected.pvalue, rtol=1e-4)


def test_the_reported_correlation_has_its_t():
    # Two variables of twelve entries whose correlation is -0.51 by construction.
    axis, other = np.linalg.qr(np.stack([np.ones(12), np.arange(12.0), np.arange(12.0) ** 2], axis=1))[0][:, 1:].T
    result = pearson_test(axis, -0.51 * axis + np.sqrt(1 - 0.51**2) * other)
    np.testing.assert_allclose(result.statistic, -1.8749, atol=2e-4)
    np.testing.assert_allclose(result.p_value, 2 * stats.t.sf(1.8749, 10), rtol=1e-3)


def test_degenerate_correlations():
    line = np.arange(4, dtype=np.float32)
    constant = pearson_test(line, np.ones(4, np.float32))
    np.testing.assert_allclose(np.stack(constant), [0.0, 0.0, 1.0], atol=1e-6)
    with pytest.raises(ValueError, match="`x`"):
        measure.pearson_test(line[:2], line[:2])
