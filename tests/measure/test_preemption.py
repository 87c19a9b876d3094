"""Repeated attempts with aborts: closed forms, a simulation, the best cut by brute force."""

import jax
import numpy as np
import pytest

from algax import measure

TIMES = measure.AttemptTimes(success=20.0, failure=40.0, abort=12.0)
PREDICTOR = measure.AbortPredictor(true_positive_rate=0.9, true_negative_rate=0.7)
best_threshold = jax.jit(lambda scores, succeeded: measure.best_threshold(scores, succeeded, TIMES))


def test_known_cases():
    probs = np.array([0.1, 0.4, 0.9], np.float32)

    @jax.jit
    def results(probs):
        predictors = None, measure.AbortPredictor(1.0, 0.0), measure.AbortPredictor(1.0, 1.0)
        coin = measure.makespan(probs, TIMES._replace(abort=40.0), measure.AbortPredictor(0.5, 0.5))
        return *(measure.makespan(probs, TIMES, predictor) for predictor in predictors), coin

    assert measure.makespan(0.5, TIMES) == 60.0
    np.testing.assert_allclose(measure.makespan(0.5, TIMES, PREDICTOR), 44.0, rtol=1e-6)
    plain, always, perfect, coin = jax.device_get(results(probs))
    np.testing.assert_allclose(always, plain)
    np.testing.assert_allclose(perfect, 20.0 + (1 - probs) / probs * 12.0, rtol=1e-6)
    np.testing.assert_allclose(measure.makespan(1.0, TIMES, measure.AbortPredictor(1.0, 0.3)), 20.0)
    assert np.all(coin > plain)
    assert np.isinf(measure.makespan(0.0, TIMES)) and np.isinf(measure.makespan(0.5, TIMES, measure.AbortPredictor(0.0, 1.0)))


def test_at_the_break_even_time_aborting_takes_as_long_as_not():
    probs = np.array([0.2, 0.5, 0.8], np.float32)
    times = np.asarray(jax.jit(lambda probs: measure.break_even_abort_time(probs, TIMES, PREDICTOR))(probs))
    for prob, time in zip(probs, times, strict=True):
        with_abort = measure.makespan(prob, TIMES._replace(abort=float(time)), PREDICTOR)
        np.testing.assert_allclose(with_abort, measure.makespan(prob, TIMES), rtol=1e-5)
    assert np.isinf(measure.break_even_abort_time(0.5, TIMES, measure.AbortPredictor(1.0, 0.0)))


def test_a_simulation_takes_as_long_as_expected():
    simulate = jax.jit(lambda key: measure.simulate_makespan(key, 0.5, TIMES, PREDICTOR, tasks=20_000))
    drawn = np.asarray(simulate(jax.random.key(0)))
    error = drawn.std() / np.sqrt(drawn.size)
    assert abs(drawn.mean() - 44.0) < 4 * error and error < 0.4


def test_the_best_threshold_by_brute_force():
    rng = np.random.default_rng(0)
    succeeded = rng.uniform(size=60) < 0.4
    scores = np.round(rng.normal(size=60) + 1.2 * succeeded, 1).astype(np.float32)  # with ties
    expected = []
    for cut in np.unique(scores):
        runs = scores >= cut
        rates = measure.AbortPredictor(float(runs[succeeded].mean()), float((~runs)[~succeeded].mean()))
        expected.append((float(measure.makespan(succeeded.mean(), TIMES, rates)), cut))
    best = jax.device_get(best_threshold(scores, succeeded))
    assert isinstance(best, measure.AbortThreshold)
    np.testing.assert_allclose([best.makespan, best.threshold], min(expected), rtol=1e-5)
    assert best.makespan < measure.makespan(succeeded.mean(), TIMES)
    all_failed = best_threshold(scores, np.zeros(60, bool))
    assert np.isinf(all_failed.makespan)


def test_a_learned_predictor_does_as_the_formula_says_and_better_than_none():
    rng = np.random.default_rng(1)
    prob, count = 0.4, 20_000
    succeeded = rng.uniform(size=2 * count) < prob
    signal = rng.normal(size=2 * count) + 2.0 * succeeded  # its logistic model is monotone in it
    best = best_threshold(signal[:count], succeeded[:count])
    runs, good = signal[count:] >= float(best.threshold), succeeded[count:]
    spent = np.where(runs, np.where(good, TIMES.success, TIMES.failure), TIMES.abort) * rng.exponential(size=count)
    realised = spent.sum() / (runs & good).sum()
    assert abs(realised / float(best.makespan) - 1) < 0.03 and realised < float(measure.makespan(prob, TIMES))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`times.abort` must be > 0"):
        measure.makespan(0.5, TIMES._replace(abort=0.0))
    with pytest.raises(ValueError, match="`true_negative_rate`"):
        measure.makespan(0.5, TIMES, measure.AbortPredictor(0.5, 1.5))
    with pytest.raises(ValueError, match="`success_prob`"):
        measure.simulate_makespan(jax.random.key(0), 0.0, TIMES, PREDICTOR, tasks=1)
    with pytest.raises(ValueError, match="`true_positive_rate`"):
        measure.simulate_makespan(jax.random.key(0), 0.5, TIMES, measure.AbortPredictor(0.0, 0.5), tasks=1)
    with pytest.raises(ValueError, match=r"same shape \[N\]"):
        measure.best_threshold(np.zeros(3), np.zeros(2, bool), TIMES)
