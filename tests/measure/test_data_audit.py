"""Age, toxicity and domains of data, in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure

TRAIN, EVAL = np.array([2010, 2013, 2016]), np.array([2010, 2013, 2016])
GAPS = np.abs(EVAL[None] - TRAIN[:, None])
degradation = jax.jit(measure.temporal_degradation, static_argnames="signed")


def test_one_percent_a_year():
    result = degradation(jnp.asarray(TRAIN), jnp.asarray(EVAL), jnp.asarray(0.7 * (1 - 0.01 * GAPS)))
    assert isinstance(result, measure.TemporalDegradation)
    np.testing.assert_allclose(result.relative_change, -GAPS, atol=2e-4)
    np.testing.assert_allclose([result.slope, result.correlation], [-1.0, -1.0], rtol=1e-4)


def test_no_gap_no_slope():
    result = degradation(jnp.asarray(TRAIN), jnp.asarray(EVAL), jnp.full((3, 3), 0.5))
    assert float(result.slope) == 0.0 and float(result.correlation) == 0.0


def test_the_future_is_not_the_past():
    signed_gaps = EVAL[None] - TRAIN[:, None]
    scores = jnp.asarray(0.5 * (1 - 0.02 * np.maximum(signed_gaps, 0)))  # falls after training only
    result = degradation(jnp.asarray(TRAIN), jnp.asarray(EVAL), scores, signed=True)
    expected = np.polyfit(signed_gaps.ravel(), np.asarray(result.relative_change, np.float64).ravel(), 1)[0]
    np.testing.assert_allclose(result.slope, expected, rtol=1e-4)
    with pytest.raises(ValueError, match="`scores`"):
        measure.temporal_degradation(jnp.asarray(TRAIN), jnp.asarray(EVAL), scores[:2])


def test_worst_samples():
    result = measure.worst_of_samples(jnp.array([[0.1, 0.7], [0.2, 0.3], [0.5, 0.0]]))
    assert isinstance(result, measure.WorstOfSamples)
    np.testing.assert_allclose([result.expected, result.rate], [0.5, 2 / 3], rtol=1e-6)


def test_domains_and_filters():
    effects = jax.jit(measure.ablation_effects)(np.array([0.5, 0.7]), np.array([[0.4, 0.7], [0.6, 0.8]]))
    np.testing.assert_allclose(effects, [-0.05, 0.1], rtol=1e-5)
    # Models of filtered data as (toxicity, score): of two as toxic the better one, and none that is worse in both.
    pareto_front = jax.jit(measure.pareto_front)
    assert pareto_front(np.array([0.1, 0.3, 0.3, 0.5]), np.array([0.6, 0.7, 0.65, 0.7])).tolist() == [True, True, False, False]
    assert pareto_front(np.array([0.3]), np.array([0.6])).tolist() == [True]
    with pytest.raises(ValueError, match="`ablated_scores`"):
        measure.ablation_effects(jnp.ones(2), jnp.ones((2, 3)))
