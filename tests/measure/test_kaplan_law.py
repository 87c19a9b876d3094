"""The loss surface of language models: identities, limits, and recovery of constants."""

import numpy as np
import pytest

from algax import measure

LAW = measure.KaplanLaw()


def fit_power_law(x, y):
    return measure.fit_power_law(x, y).law


def test_the_trade_off_between_steps_and_tokens():
    loss, size = 3.0, 1e8
    batches = np.array([1e5, 1e6, 1e7])
    steps = LAW.steps_for(loss, size, batches)
    min_steps, critical = LAW.min_steps_for(loss, size), LAW.critical_batch(loss)
    min_tokens = min_steps * critical
    np.testing.assert_allclose(min_steps / steps + min_tokens / (batches * steps), 1.0, rtol=1e-12)
    np.testing.assert_allclose((steps / min_steps - 1) * (batches * steps / min_tokens - 1), 1.0, rtol=1e-10)
    np.testing.assert_allclose(LAW.steps_for(loss, size, critical), 2 * min_steps, rtol=1e-12)


def test_values_limits_and_monotony():
    np.testing.assert_allclose(LAW.converged(1e9), 2.3756, atol=5e-5)
    np.testing.assert_allclose(LAW.after_steps(1e8, 1e5, 1e15), LAW.after_min_steps(1e8, 1e5), rtol=1e-6)
    loss = LAW.after_steps(1e8, 3e4, 5e5)
    np.testing.assert_allclose(LAW.steps_for(loss, 1e8, 5e5), 3e4, rtol=1e-9)
    for better in (LAW.after_steps(2e8, 3e4, 5e5), LAW.after_steps(1e8, 6e4, 5e5), LAW.after_steps(1e8, 3e4, 1e6)):
        assert better < loss
    assert LAW.min_steps_for(2.0, 1e6) == 0.0


def test_fits_recover_constants_from_runs_without_noise():
    sizes = np.array([1e6, 1e7, 6e7])
    scale, exponent, _ = fit_power_law(sizes, LAW.converged(sizes))
    np.testing.assert_allclose([-exponent, scale ** (-1 / exponent)], [0.076, 8.8e13], rtol=1e-6)
    losses, pairs = np.array([3.4, 3.6, 3.9]), []
    batches = np.array([2e5, 5e5, 2e6])
    for loss in losses:
        steps = LAW.steps_for(loss, 6e7, batches)
        min_steps, min_tokens = measure.fit_critical_batch(steps, batches * steps)
        np.testing.assert_allclose(min_steps, LAW.min_steps_for(loss, 6e7), rtol=1e-6)
        pairs.append(min_tokens / min_steps)
    scale, exponent, _ = fit_power_law(losses, pairs)
    np.testing.assert_allclose([scale, -1 / exponent], [2.1e8, 0.21], rtol=1e-5)
    min_steps = np.array([1e3, 1e4, 1e5])
    scale, exponent, _ = fit_power_law(min_steps, LAW.after_min_steps(6e7, min_steps) - LAW.converged(6e7))
    np.testing.assert_allclose([-exponent, scale ** (-1 / exponent)], [0.76, 2.1e3], rtol=1e-6)


def test_too_few_or_bad_points_are_refused():
    with pytest.raises(ValueError, match="N >= 2"):
        measure.fit_power_law([1.0], [1.0])
    with pytest.raises(ValueError, match="must be positive"):
        measure.fit_power_law([1.0, -1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="N >= 2"):
        measure.fit_critical_batch([1.0], [1.0])
    with pytest.raises(ValueError, match="must be positive"):
        measure.fit_critical_batch([1.0, 0.0], [1.0, 1.0])
