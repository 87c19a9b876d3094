"""The loss of a training run at every step, predicted from its learning rates alone; in float64 NumPy, outside `jit`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import checks
from .fitting import Fit, fit_law


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
    momentum = list(itertools.accumulate(falls, lambda momentum, fall: decay * momentum + fall))
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


def fit_annealing_law(curves: Sequence[Curve], *, delta: float = 1e-3) -> Fit:
    """Fits the law to the losses of one or more runs: `huber_log_loss` at its least, from several starts.

    Args:
      curves: runs, together at least 5 losses, all of them after the warmup.
      delta: > 0, of the Huber loss.

    Returns:
      A `Fit` of an `AnnealingLaw`; every parameter is >= 0.

    Raises:
      ValueError: too few losses for the four parameters, or a loss that is not positive.

    Source: as for `AnnealingLaw`.
    """
    forward, annealing, losses = (np.concatenate([np.asarray(curve[i], np.float64) for curve in curves]) for i in range(3))
    if losses.size < 5:
        raise ValueError(f"`curves` must hold at least 5 losses for 4 parameters, got {losses.size}")
    span, largest_area = max(np.ptp(losses), 1e-6), max(np.abs(annealing).max(), 1e-12)
    starts = [
        AnnealingLaw(limit * losses.min(), span * forward.min() ** exponent, exponent, gain * span / largest_area)
        for limit, exponent, gain in itertools.product((0.5, 0.9), (0.2, 0.5, 1.0), (0.1, 1.0))
    ]
    return fit_law(lambda law: law.losses(forward, annealing), losses, starts, bounds={"exponent": (0.0, 5.0)}, delta=delta)
