"""The loss of a training run at every step, predicted from its learning rates alone; in float64 NumPy, outside `jit`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, signal

from ..core import checks

FACTOR = 1e4  # the optimiser's tolerances are absolute, and a Huber loss of small residuals is tiny


class AnnealingLaw(NamedTuple):
    """L(s) = limit + scale S_1(s)^-exponent - gain S_2(s), with the areas of `annealing_areas`.

    Attributes:
      limit: L_0, the loss that no training undercuts.
      scale: A.
      exponent: alpha.
      gain: C, what annealing is worth.

    Source: Tissue, Wang, Wang, "Scaling Law with Learning Rate Annealing", 2024, arXiv 2408.11029.
    """

    limit: float
    scale: float
    exponent: float
    gain: float

    def losses(self, forward_area: np.ndarray, annealing_area: np.ndarray) -> np.ndarray:
        """The loss at the given areas, any shape; the forward areas must be > 0."""
        return self.limit + self.scale * np.asarray(forward_area) ** -self.exponent - self.gain * np.asarray(annealing_area)


class Curve(NamedTuple):
    """What one run contributes to a fit: its areas, and the losses seen, at the same steps `[N]`."""

    forward_area: np.ndarray
    annealing_area: np.ndarray
    losses: np.ndarray


def annealing_areas(learning_rates: Any, *, decay: float = 0.999, warmup: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The two areas of a schedule: the sum of its rates, and a momentum of their falls.

    S_1(s) = sum_{i = 1..s} eta_i;  m_i = decay m_{i-1} + (eta_{i-1} - eta_i), S_2(s) = sum_{i = 1..s} m_i.

    Args:
      learning_rates: `[T + 1]`, eta_0 to eta_T.
      decay: in [0, 1], of the momentum; 0.99 to 0.9995 work alike, and it is not fitted.
      warmup: steps at the start whose rises do not count in S_2, an integer >= 0.

    Returns:
      `(S_1, S_2)`, `[T + 1]` in float64, both 0 at step 0. A constant rate has S_2 = 0, a rise a negative part.

    Raises:
      ValueError: the rates are not `[T + 1]` with T >= 1, or a number is out of range.

    Source: as for `AnnealingLaw`.
    """
    checks.between("decay", decay, 0.0, 1.0)
    checks.integer("warmup", warmup, least=0)
    rates = np.asarray(learning_rates, np.float64)
    if rates.ndim != 1 or rates.size < 2:
        raise ValueError(f"`learning_rates` must have shape [T + 1] with T >= 1, got {rates.shape}")
    falls = np.concatenate([[0.0], rates[:-1] - rates[1:]])
    falls[1 : warmup + 1] = 0.0
    momentum = signal.lfilter([1.0], [1.0, -decay], falls)
    return np.cumsum(np.concatenate([[0.0], rates[1:]])), np.cumsum(momentum)


def huber_log_loss(predicted: np.ndarray, observed: np.ndarray, *, delta: float = 1e-3) -> float:
    """The sum of Huber(log predicted - log observed): r^2 / 2 up to delta, delta (|r| - delta / 2) beyond.

    Args:
      predicted: positive numbers.
      observed: positive numbers of the same shape.
      delta: > 0.

    Returns:
      The sum in float64.

    Raises:
      ValueError: delta or a number is not positive, or the shapes differ.
    """
    checks.positive("delta", delta)
    predicted, observed = np.asarray(predicted, np.float64), np.asarray(observed, np.float64)
    if predicted.shape != observed.shape:
        raise ValueError(f"`predicted` and `observed` must have the same shape, got {predicted.shape}, {observed.shape}")
    if not (np.all(predicted > 0) and np.all(observed > 0)):
        raise ValueError("`predicted` and `observed` must be positive")
    residuals = np.abs(np.log(predicted) - np.log(observed))
    return float(np.sum(np.where(residuals <= delta, 0.5 * residuals**2, delta * (residuals - 0.5 * delta))))


def fit_annealing_law(curves: Sequence[Curve], *, delta: float = 1e-3) -> AnnealingLaw:
    """Fits the law to the losses of one or more runs: `huber_log_loss` by L-BFGS from several starts, then Nelder-Mead.

    Args:
      curves: runs, together at least 5 losses, all of them after the warmup.
      delta: > 0, of the Huber loss.

    Returns:
      The law with the least objective; every parameter is >= 0.

    Raises:
      ValueError: too few losses for the four parameters.

    Source: as for `AnnealingLaw`.
    """
    forward, annealing, losses = (np.concatenate([np.asarray(curve[i], np.float64) for curve in curves]) for i in range(3))
    if losses.size < 5:
        raise ValueError(f"`curves` must hold at least 5 losses for 4 parameters, got {losses.size}")
    span, largest_area = max(np.ptp(losses), 1e-6), max(np.abs(annealing).max(), 1e-12)

    def unpack(x: np.ndarray) -> AnnealingLaw:
        """From parameters of order 1, so that one tolerance suits all."""
        return AnnealingLaw(x[0] * losses.min(), x[1] * span * forward.min() ** x[2], x[2], x[3] * span / largest_area)

    def objective(x: np.ndarray) -> float:
        predicted = unpack(x).losses(forward, annealing)
        if not np.all(predicted > 0):
            return 1e6 * (1.0 + float(np.sum(np.maximum(-predicted, 0.0))))
        return FACTOR * huber_log_loss(predicted, losses, delta=delta)

    bounds = [(0.0, None), (0.0, None), (0.0, 5.0), (0.0, None)]
    descent = {"maxiter": 3000, "maxfun": 60000, "ftol": 1e-15, "gtol": 1e-10}
    polish = {"xatol": 1e-10, "fatol": 1e-16, "maxiter": 6000}
    found = []
    for start in itertools.product((0.5, 0.9), (1.0,), (0.2, 0.5, 1.0), (0.1, 1.0)):
        found.append(optimize.minimize(objective, start, method="L-BFGS-B", bounds=bounds, options=descent))
    best = min(found, key=lambda result: result.fun)
    best = optimize.minimize(objective, best.x, method="Nelder-Mead", bounds=bounds, options=polish)
    return AnnealingLaw(*(float(value) for value in unpack(best.x)))
