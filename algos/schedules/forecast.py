"""Where a loss curve is heading: an exponential fitted to its first steps."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks
from ..core.numerics import at_least_float32, safe_divide

Array = jax.Array

SLOWEST, FASTEST, GRID = -12.0, 2.0, 113  # log rates between which the exponential is sought
HALVINGS = 40


class ExponentialFit(NamedTuple):
    """amplitude exp(rate s) + limit, rate < 0; `[]` each."""

    amplitude: Array
    rate: Array
    limit: Array


def exponential_forecast(losses: Array, at: Any, *, mask: Array | None = None) -> tuple[Array, ExponentialFit]:
    """Fits L(s) = a exp(b s) + c with b < 0 to losses at s = 0, 1, ... and predicts the loss at a later step.

    For every rate -b = e^beta the least-squares a and c are known; beta in [-12, 2] is sought on a grid and then by bisection
    of the slope of the squared error.

    Args:
      losses: `[n]`, n >= 3, finite where the mask is true; otherwise everything comes back as NaN.
      at: the step to predict, a number or array `[]`.
      mask: `[n]` booleans, true for the losses to fit, see `prune_outliers`; None for all.

    Returns:
      The predicted loss `[]`, and the fit. A constant series has amplitude 0.

    Raises:
      ValueError: `losses` is not `[n]` with n >= 3, or the mask has another shape.

    Source: Jin et al., "AutoLRS: Automatic Learning-Rate Schedule by Bayesian Optimization on the Fly", 2021,
    arXiv 2105.10762.

    Example:
      >>> value, fit = schedules.exponential_forecast(1.4 * jnp.exp(-0.03 * jnp.arange(100.0)) + 0.9, 1000)
      >>> round(float(value), 3)
      0.9
    """
    y, weights = _series(losses, mask)
    s = jnp.arange(y.shape[0], dtype=jnp.int32).astype(y.dtype)
    total = jnp.sum(weights)

    def average(x: Array) -> Array:
        return jnp.sum(weights * x) / total

    centred = y - average(y)

    def solve(beta: Array) -> tuple[Array, Array, Array]:
        """Amplitude, squared error and its slope in beta, up to a positive factor."""
        decayed = jnp.expm1(-jnp.exp(beta) * s)  # less 1, which the limit takes up, so that slow rates keep their digits
        curve = decayed - average(decayed)
        amplitude = safe_divide(average(curve * centred), average(jnp.square(curve)))
        residual = centred - amplitude * curve
        slope = amplitude * average(residual * s * (decayed + 1.0))
        return amplitude, average(jnp.square(residual)), slope

    grid = jnp.linspace(SLOWEST, FASTEST, GRID, dtype=y.dtype)
    best = jnp.argmin(jax.lax.map(lambda beta: solve(beta)[1], grid))
    low, high = grid[jnp.maximum(best - 1, 0)], grid[jnp.minimum(best + 1, GRID - 1)]

    def halve(_: Any, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        rises = solve(middle)[2] > 0
        return jnp.where(rises, low, middle), jnp.where(rises, middle, high)

    low, high = jax.lax.fori_loop(0, HALVINGS, halve, (low, high))
    beta = 0.5 * (low + high)
    amplitude, rate = solve(beta)[0], -jnp.exp(beta)
    limit = average(y) - amplitude * average(jnp.exp(rate * s))
    fit = ExponentialFit(*(jnp.where(jnp.isfinite(limit), x, jnp.nan) for x in (amplitude, rate, limit)))
    return fit.amplitude * jnp.exp(fit.rate * jnp.asarray(at).astype(y.dtype)) + fit.limit, fit


def prune_outliers(losses: Array, *, fraction: float = 0.03, rounds: int = 10, degree: int = 2, region: float = 0.5) -> Array:
    """Marks the losses to keep: in each round a polynomial is fitted, and the largest residuals are dropped.

    Args:
      losses: `[n]`, n >= 3.
      fraction: of the losses left, which a round drops (rounded), in [0, 1).
      rounds: an integer >= 0.
      degree: of the polynomial, an integer >= 0.
      region: of the largest residuals only those among the first `region` n losses are dropped, in [0, 1].

    Returns:
      `[n]` booleans.

    Raises:
      ValueError: a number is out of range, or `losses` is not `[n]` with n >= 3.

    Source: as for `exponential_forecast`, whose released code fits a smoothing spline of so much smoothing that it is one
    parabola for losses of order 1, and then forecasts from the parabola instead of the losses.
    """
    checks.between("fraction", fraction, 0.0, 1.0, closed="low")
    checks.integer("rounds", rounds, least=0)
    checks.integer("degree", degree, least=0)
    checks.between("region", region, 0.0, 1.0)
    y, kept = _series(losses, None)
    size = y.shape[0]
    index = jnp.arange(size, dtype=jnp.int32)
    points = jnp.linspace(-1.0, 1.0, size, dtype=y.dtype)
    powers = jnp.stack([points**power for power in range(degree + 1)], axis=1)
    first = math.ceil(region * size)
    counts = jnp.asarray([round(fraction * count) for count in range(size + 1)], jnp.int32)

    def drop(_: Any, kept: Array) -> Array:
        left = kept.astype(y.dtype)
        coefficients = jnp.linalg.lstsq(powers * left[:, None], y * left)[0]
        residuals = jnp.where(kept, jnp.abs(y - powers @ coefficients), -1.0)
        order = jnp.argsort(-residuals, stable=True)
        ranks = jnp.zeros(size, jnp.int32).at[order].set(index)
        return kept & ~((ranks < counts[jnp.sum(kept, dtype=jnp.int32)]) & (index < first))

    return jax.lax.fori_loop(0, rounds, drop, kept > 0)


def _series(losses: Array, mask: Array | None) -> tuple[Array, Array]:
    """Losses, 0 where masked, and weights 0 and 1."""
    y = at_least_float32(jnp.asarray(losses))
    if y.ndim != 1 or y.shape[0] < 3:
        raise ValueError(f"`losses` must have shape [n] with n >= 3, got {list(y.shape)}")
    if mask is None:
        return y, jnp.ones_like(y)
    if mask.shape != y.shape:
        raise ValueError(f"`mask` must have the shape of losses, {list(y.shape)}, got {list(mask.shape)}")
    return jnp.where(mask, y, 0.0), jnp.where(mask, 1.0, 0.0).astype(y.dtype)
