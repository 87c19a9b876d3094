"""Forecasts of loss curves against curves that are known."""

import jax
import numpy as np
import pytest

from algax import schedules

STEPS = np.arange(60)
forecast = jax.jit(schedules.exponential_forecast)
prune_outliers = jax.jit(schedules.prune_outliers, static_argnames=("fraction", "rounds", "region"))


@pytest.mark.parametrize("truth", [(1.4, -0.03, 0.9), (0.5, -0.3, 2.0), (-0.4, -0.05, 1.0)], ids=str)
def test_exact_curves_are_recovered(truth):
    a, b, c = truth
    value, fit = forecast(a * np.exp(b * STEPS) + c, 5000)
    assert isinstance(fit, schedules.ExponentialFit)
    np.testing.assert_allclose(fit, truth, rtol=2e-5)
    np.testing.assert_allclose(value, c, rtol=1e-5)
    np.testing.assert_allclose(forecast(a * np.exp(b * STEPS) + c, 20)[0], a * np.exp(b * 20) + c, rtol=1e-5)


def test_the_fit_has_the_least_squared_error():
    noisy = np.exp(-0.1 * STEPS) + 1 + 0.05 * np.random.default_rng(0).normal(size=60)
    _, fit = jax.device_get(forecast(noisy, 100))

    def error(beta):
        basis = np.stack([np.exp(-np.exp(beta) * STEPS), np.ones(60)], 1)
        return np.sum((noisy - basis @ np.linalg.lstsq(basis, noisy, rcond=None)[0]) ** 2)

    betas = np.linspace(-8, 2, 4001)
    best = betas[np.argmin([error(beta) for beta in betas])]
    np.testing.assert_allclose(np.log(-fit.rate), best, atol=3e-3)
    a, b, c = (float(x) for x in fit)
    own = np.sum((noisy - a * np.exp(b * STEPS) - c) ** 2)
    np.testing.assert_allclose(own, error(best), rtol=1e-4)


def test_constant_series_and_scale():
    value, fit = forecast(np.full(20, 0.7), 1000)
    np.testing.assert_allclose([value, fit.amplitude, fit.limit], [0.7, 0.0, 0.7], atol=1e-6)
    losses = np.exp(-0.1 * STEPS) + 0.1 * np.cos(STEPS)
    np.testing.assert_allclose(forecast(3.0 * losses, 80)[0], 3.0 * np.asarray(forecast(losses, 80)[0]), rtol=1e-4)


def test_masked_losses_do_not_count():
    losses = np.asarray(np.exp(-0.1 * STEPS) + 1, np.float32)
    broken = losses.copy()
    broken[[3, 30]] = np.nan, 50.0
    mask = broken == losses
    np.testing.assert_allclose(forecast(broken, 500, mask=mask)[0], 1.0, rtol=1e-4)
    assert np.isnan(forecast(broken, 500)[0])


def test_outliers_are_dropped_as_numpy_would():
    losses = np.asarray(np.exp(-0.1 * STEPS) + 0.1 * np.random.default_rng(1).normal(size=60), np.float32)
    losses[[5, 50]] += 3.0
    left = np.arange(60)
    for _ in range(4):
        residuals = np.abs(losses[left] - np.polyval(np.polyfit(left, losses[left].astype(np.float64), 2), left))
        largest = np.argsort(residuals)[len(left) - round(0.05 * len(left)) :]
        left = np.delete(left, [i for i in largest if left[i] < 30])
    mask = np.asarray(prune_outliers(losses, fraction=0.05, rounds=4))
    assert np.array_equal(np.flatnonzero(mask), left) and not mask[5] and mask[50]
    everywhere = np.asarray(prune_outliers(losses, fraction=1 / 60, rounds=2, region=1.0))
    assert list(np.flatnonzero(~everywhere)) == [5, 50]
    assert np.all(np.asarray(prune_outliers(losses, rounds=0)))


def test_wrong_arguments():
    for call, message in (
        (lambda: schedules.exponential_forecast(np.ones(2), 3), "`losses` must"),
        (lambda: schedules.exponential_forecast(np.ones(4), 3, mask=np.ones(3, bool)), "`mask` must"),
        (lambda: schedules.prune_outliers(np.ones(4), fraction=1.0), "`fraction` must"),
        (lambda: schedules.prune_outliers(np.ones(4), region=1.5), "`region` must"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
