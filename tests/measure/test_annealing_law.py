"""The law with annealing: closed forms of its areas, and recovery of its parameters."""

import numpy as np
import pytest

from algax import measure


def test_areas_in_closed_form():
    constant = np.full(11, 0.1)
    forward, annealing = measure.annealing_areas(constant)
    np.testing.assert_allclose(forward, 0.1 * np.arange(11))
    np.testing.assert_array_equal(annealing, 0.0)
    drop = np.where(np.arange(21) < 8, 0.3, 0.1)
    _, annealing = measure.annealing_areas(drop, decay=0.9)
    s = np.arange(21)
    np.testing.assert_allclose(annealing, np.where(s >= 8, 0.2 * (1 - 0.9 ** (s - 7.0)) / 0.1, 0.0), atol=1e-12)


def test_areas_without_and_with_full_memory():
    rates = np.random.default_rng(0).uniform(size=12)
    np.testing.assert_allclose(measure.annealing_areas(rates, decay=0.0)[1], rates[0] - rates, atol=1e-12)
    np.testing.assert_allclose(measure.annealing_areas(rates, decay=1.0)[1], np.cumsum(rates[0] - rates), atol=1e-12)
    doubled = measure.annealing_areas(2 * rates, decay=0.7)[1]
    np.testing.assert_allclose(doubled, 2 * measure.annealing_areas(rates, decay=0.7)[1])


def test_a_warmup_does_not_count_against_annealing():
    rates = np.concatenate([np.linspace(0.0, 1.0, 6), np.ones(10)])
    assert measure.annealing_areas(rates)[1].min() < -1.0
    np.testing.assert_array_equal(measure.annealing_areas(rates, warmup=5)[1], 0.0)


def test_huber_log_loss_by_hand():
    observed = np.ones(3)
    predicted = np.exp([0.0005, -0.002, 0.0])
    expected = 0.5 * 0.0005**2 + 1e-3 * (0.002 - 0.0005)
    np.testing.assert_allclose(measure.huber_log_loss(predicted, observed), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="same shape"):
        measure.huber_log_loss(observed, observed[:2])


def curve(rates, law, steps):
    areas = measure.annealing_areas(rates, decay=0.99, warmup=20)
    return measure.Curve(areas[0][steps], areas[1][steps], law.losses(areas[0][steps], areas[1][steps]))


def test_the_fit_recovers_the_law_and_predicts_another_schedule():
    law = measure.AnnealingLaw(2.6, 0.42, 0.5, 3.0)
    s = np.arange(301)
    warmup = np.minimum(s / 20, 1.0)
    cosine = 2e-3 * warmup * (0.55 + 0.45 * np.cos(np.pi * np.clip((s - 20) / 280, 0, 1)))
    stable = 2e-3 * warmup * np.where(s > 250, 1 - 0.9 * (s - 250) / 50, 1.0)
    fitted = measure.fit_annealing_law([curve(cosine, law, np.arange(30, 301, 5))]).law
    np.testing.assert_allclose(fitted, law, rtol=1e-6)
    other = curve(stable, law, np.arange(30, 301))
    np.testing.assert_allclose(fitted.losses(*other[:2]), other.losses, rtol=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`learning_rates` must have shape"):
        measure.annealing_areas([0.1])
    with pytest.raises(ValueError, match="`decay`"):
        measure.annealing_areas([0.1, 0.1], decay=1.1)
    with pytest.raises(ValueError, match="at least 5 losses"):
        measure.fit_annealing_law([measure.Curve(np.ones(3), np.ones(3), np.ones(3))])


def test_a_fit_with_more_losses_than_parameters_has_standard_errors():
    rng = np.random.default_rng(0)
    law = measure.AnnealingLaw(2.6, 0.42, 0.5, 3.0)
    steps = np.arange(30, 301, 5)
    rates = 2e-3 * (0.55 + 0.45 * np.cos(np.pi * np.arange(301) / 300))
    exact = curve(rates, law, steps)
    noisy = exact._replace(losses=exact.losses * np.exp(1e-4 * rng.standard_normal(len(steps))))
    fit = measure.fit_annealing_law([noisy])
    errors, bound = np.abs(np.subtract(fit.law, law)), 4 * np.array(fit.standard_errors)
    assert np.all(errors < bound) and np.all(bound < np.array(law))
