"""One routine that fits every law: bounded robust least squares from several starts, with standard errors; outside `jit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

from ..core import checks

RESIDUALS, LOSSES = ("log", "linear"), ("huber", "squared")
TOLERANCE = 1e-15  # of the optimiser: it stops where float64 does


class Fit(NamedTuple):
    """A fitted law.

    Attributes:
      law: the fitted record of parameters.
      standard_errors: one for each parameter, as a record of the same type; infinite where the data do not determine it.
      objective: the sum of losses of the residuals at `law`.
    """

    law: Any
    standard_errors: Any
    objective: float


def fit_law(
    predict: Callable[[Any], np.ndarray],
    observed: Any,
    starts: Sequence[Any],
    *,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    residual: str = "log",
    loss: str = "huber",
    delta: float = 1e-3,
) -> Fit:
    """Fits a law: the least sum of losses of its residuals, the best over several starts.

    Residuals r are log predicted - log observed, or predicted - observed. A loss is r^2 / 2; for "huber" only up to
    |r| = delta, and delta (|r| - delta / 2) beyond. Standard errors are the roots of the diagonal of
    [sum psi(r)^2 / (N - P)] / [mean psi'(r)]^2 (J^T J)^-1, psi the loss's derivative, J the Jacobian of the residuals: the
    textbook's for the squared loss, Huber's for his.

    Args:
      predict: law -> predictions of the shape of `observed`.
      observed: numbers, any shape; positive for log residuals.
      starts: laws to start from, NamedTuples of numbers within the bounds. The size of a start's entry is the parameter's unit.
      bounds: parameter name -> (low, high); those not named are >= 0.
      residual: "log" or "linear".
      loss: "huber" or "squared".
      delta: > 0, where the Huber loss turns linear, in units of the residuals.

    Returns:
      A `Fit`. With as many observations as parameters the standard errors are infinite.

    Raises:
      ValueError: fewer observations than parameters, observations that are not finite (or positive), no start, a start
        outside its bounds, an unknown parameter or option.
    """
    checks.option("residual", residual, RESIDUALS)
    checks.option("loss", loss, LOSSES)
    checks.positive("delta", delta)
    if not starts:
        raise ValueError("`starts` must hold at least one law, got none")
    kind = type(starts[0])
    observed = _observed(observed, len(starts[0]), residual)
    low, high = _box(kind._fields, bounds or {})
    target = np.log(observed) if residual == "log" else observed

    def residuals(values: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # a trial step may go far; what overflows is a step too far
            predicted = np.asarray(predict(kind._make(values)), np.float64).ravel()
            if residual == "log":
                predicted = np.log(np.maximum(predicted, 1e-12 * observed))
            return np.clip(np.nan_to_num(predicted - target, nan=1e100), -1e100, 1e100)

    found = []
    for start in starts:
        first = np.asarray(start, np.float64)
        if not (np.all(first >= low) and np.all(first <= high)):
            raise ValueError(f"`starts` must lie between {kind._make(low)} and {kind._make(high)}, got {start}")
        units = np.where(first == 0, 1.0, np.abs(first))
        result = optimize.least_squares(
            lambda x, units=units: residuals(x * units),
            first / units,
            jac="3-point",
            bounds=(low / units, high / units),
            x_scale="jac",
            loss="huber" if loss == "huber" else "linear",
            f_scale=delta,
            **dict.fromkeys(("ftol", "xtol", "gtol"), TOLERANCE),
            max_nfev=2000,
        )
        found.append((result.cost, result.x * units, units))
    objective, values, units = min(found, key=lambda one: one[0])
    limit = delta if loss == "huber" else np.inf
    errors = _standard_errors(residuals, values, units, (low, high), limit)
    return Fit(kind._make(map(float, values)), kind._make(map(float, errors)), float(objective))


def _observed(observed: Any, parameters: int, residual: str) -> np.ndarray:
    """The observations `[N]`, checked."""
    observed = np.asarray(observed, np.float64).ravel()
    if observed.size < parameters:
        raise ValueError(f"`observed` must hold at least {parameters} numbers for {parameters} parameters, got {observed.size}")
    if not np.all(np.isfinite(observed)) or (residual == "log" and np.any(observed <= 0)):
        raise ValueError(f"`observed` must be finite{' and positive' if residual == 'log' else ''}")
    return observed


def _box(names: tuple[str, ...], bounds: Mapping[str, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds `[P]`."""
    if unknown := sorted(set(bounds) - set(names)):
        raise ValueError(f"`bounds` must name parameters among {list(names)}, got {unknown[0]!r}")
    low, high = np.array([bounds.get(name, (0.0, np.inf)) for name in names], np.float64).T
    if not np.all(low < high):
        raise ValueError(f"`bounds` must have low < high, got {dict(bounds)}")
    return low, high


def _standard_errors(
    residuals: Callable[[np.ndarray], np.ndarray],
    values: np.ndarray,
    units: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    limit: float,
) -> np.ndarray:
    """`[P]`; see `fit_law`. A parameter that lies on a bound is differentiated inwards."""
    at = residuals(values)
    columns = []
    for index, width in enumerate(1e-6 * np.maximum(np.abs(values), 1e-3 * units)):
        step = np.zeros_like(values)
        step[index] = width
        above, below = np.minimum(values + step, box[1]), np.maximum(values - step, box[0])
        columns.append((residuals(above) - residuals(below)) / (above - below)[index])
    count, parameters = at.size, values.size
    inside = np.abs(at) <= limit
    norms = np.linalg.norm(columns, axis=1)
    if count == parameters or not inside.any() or not np.all(norms > 0):
        return np.full(parameters, np.inf)
    factor = np.sum(np.clip(at, -limit, limit) ** 2) / (count - parameters) / np.mean(inside) ** 2
    _, singular, right = np.linalg.svd(np.array(columns).T / norms, full_matrices=False)
    if singular[-1] <= 1e-12 * singular[0]:
        return np.full(parameters, np.inf)
    return np.sqrt(factor * np.sum((right / singular[:, None]) ** 2, axis=0)) / norms
