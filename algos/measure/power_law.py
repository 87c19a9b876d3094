"""Power laws, with and without an offset; in float64 NumPy, outside `jit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .fitting import Fit, fit_law

EXPONENTS = np.geomspace(1e-2, 5.0, 40)  # magnitudes to start from


class PowerLaw(NamedTuple):
    """y = scale x^exponent + offset.

    Attributes:
      scale: in units of y.
      exponent: negative for a curve that levels out at the offset.
      offset: in units of y.
    """

    scale: float
    exponent: float
    offset: float = 0.0

    def at(self, x: Any) -> np.ndarray:
        """The y of x > 0, any shape."""
        return self.scale * np.asarray(x, np.float64) ** self.exponent + self.offset


def fit_power_law(x: Any, y: Any) -> Fit:
    """Fits y = scale x^exponent by linear regression of log y on log x.

    Args:
      x: `[N]` positive numbers, N >= 2, not all equal.
      y: `[N]` positive numbers.

    Returns:
      A `Fit` of a `PowerLaw` without offset; its objective is half the sum of squared log residuals. The standard errors are
      those of the regression, infinite for N = 2.

    Raises:
      ValueError: fewer than two points, other shapes, or numbers that are not positive.
    """
    x, y = _points(x, y, least=2)
    if not np.all(y > 0):
        raise ValueError("`x` and `y` must be positive")
    centre = np.mean(np.log(x))
    shifted, logs = np.log(x) - centre, np.log(y)
    exponent = float(np.sum(shifted * logs) / np.sum(shifted**2))
    residuals = logs - np.mean(logs) - exponent * shifted
    scale = float(np.exp(np.mean(logs) - exponent * centre))
    variance = np.sum(residuals**2) / (x.size - 2) if x.size > 2 else np.inf
    spread = np.sum(shifted**2)
    scale_error = scale * np.sqrt(variance * (1 / x.size + centre**2 / spread))
    errors = PowerLaw(float(scale_error), float(np.sqrt(variance / spread)), 0.0)
    return Fit(PowerLaw(scale, exponent), errors, float(0.5 * np.sum(residuals**2)))


def fit_power_law_offset(x: Any, y: Any, *, bounds: Mapping[str, tuple[float, float]] | None = None) -> Fit:
    """Fits y = scale x^exponent + offset by least squares.

    For a given exponent the rest is linear: a grid of exponents gives the starts of `fit_law`.

    Args:
      x: `[N]` positive numbers, N >= 3, not all equal.
      y: `[N]` numbers.
      bounds: as for `fit_law`, but parameters that are not named are free; the exponent within
        [-20, 20]. `{"scale": (-inf, 0), "exponent": (-20, -1e-3)}` is a saturation from below.

    Returns:
      A `Fit` of a `PowerLaw`.

    Raises:
      ValueError: fewer than three points, other shapes, numbers that are not finite, x not positive, or wrong bounds.

    Source: Li et al., "FLM-101B: An Open LLM and How to Train It with $100K Budget", 2023, arXiv 2309.03852, which predicts the
    loss from the model's size by it.
    """
    x, y = _points(x, y, least=3)
    limits = {"scale": (-np.inf, np.inf), "exponent": (-20.0, 20.0), "offset": (-np.inf, np.inf), **(bounds or {})}
    starts = []
    for exponent in np.concatenate([-EXPONENTS, EXPONENTS]):
        if limits["exponent"][0] <= exponent <= limits["exponent"][1]:
            columns = np.stack([(x / x[0]) ** exponent, np.ones_like(x)], axis=1)
            scale, offset = np.linalg.lstsq(columns, y, rcond=None)[0]
            scale = np.clip(scale * x[0] ** -exponent, *limits["scale"])
            start = PowerLaw(scale, exponent, np.clip(offset, *limits["offset"]))
            starts.append((np.sum((start.at(x) - y) ** 2), start))
    best = [start for _, start in sorted(starts, key=lambda one: one[0])[:3]]
    return fit_law(lambda law: law.at(x), y, best, bounds=limits, residual="linear", loss="squared")


def _points(x: Any, y: Any, least: int) -> tuple[np.ndarray, np.ndarray]:
    """`x` and `y` in float64, checked."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size < least:
        raise ValueError(f"`x` and `y` must have the same shape [N] with N >= {least}, got {x.shape}, {y.shape}")
    if not np.all(x > 0) or np.ptp(x) == 0 or not np.all(np.isfinite(y)):
        raise ValueError("`x` must be positive and not all equal, and `y` finite")
    return x, y
