"""The accuracy a learner will reach with more data, and when to stop paying for it; in float64 NumPy, outside `jit`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

from ..core import checks
from .fitting import Fit
from .power_law import PowerLaw, fit_power_law_offset

SATURATION = {"scale": (-np.inf, 0.0), "exponent": (-20.0, -1e-3)}
ROUNDING = 1e-6  # in percent: asymptotes of exact data differ by as much


class LearningTrace(NamedTuple):
    """The curves fitted to the first observations, one level for each number of them.

    Attributes:
      laws: a `PowerLaw` -a x^-b + c a level; its offset c is the asymptote.
      standard_errors: as `laws`; infinite at a level of three observations.
      sizes: `[K]`, the training size of the last observation of each level.
    """

    laws: tuple[PowerLaw, ...]
    standard_errors: tuple[PowerLaw, ...]
    sizes: np.ndarray

    @property
    def asymptotes(self) -> np.ndarray:
        """`[K]`, the accuracy each level expects of unlimited data."""
        return np.array([law.offset for law in self.laws])


def learning_trace(sizes: Any, accuracies: Any, *, start: int = 3, anchor: float | None = None) -> LearningTrace:
    """Fits -a x^-b + c, a >= 0, b > 0, to the first l observations for l = start, start + 1, ..., N.

    Args:
      sizes: `[N]` training sizes, positive and rising.
      accuracies: `[N]` in percent.
      start: >= 3, observations of the first level.
      anchor: a training size beyond the last, may be infinite, at which the asymptote of the level before counts as one more
        observation, so that a single outlier does not tilt the curve; None for none. The first level has no anchor.

    Returns:
      The trace of N - start + 1 levels.

    Raises:
      ValueError: fewer observations than `start`, sizes that do not rise, or an argument out of range.

    Source: Vilares, Darriba, Ribadas, "Modeling of learning curves with applications to POS tagging", 2017, arXiv 2402.02515.
    """
    checks.integer("start", start, least=3)
    sizes, accuracies = np.asarray(sizes, np.float64), np.asarray(accuracies, np.float64)
    if sizes.ndim != 1 or sizes.shape != accuracies.shape or sizes.size < start:
        raise ValueError(
            f"`sizes` and `accuracies` must have the same shape [N] with N >= {start}, got {sizes.shape}, {accuracies.shape}"
        )
    if not sizes[0] > 0 or not np.all(np.diff(sizes) > 0):
        raise ValueError(f"`sizes` must be positive and rise, got {sizes}")
    if anchor is not None and not anchor > sizes[-1]:
        raise ValueError(f"`anchor` must be beyond the last size {sizes[-1]}, got {anchor}")
    fits: list[Fit] = []
    for count in range(start, sizes.size + 1):
        x, y = sizes[:count], accuracies[:count]
        if anchor is not None and fits:
            x, y = np.append(x, anchor), np.append(y, fits[-1].law.offset)
        fits.append(fit_power_law_offset(x, y, bounds=SATURATION))
    return LearningTrace(tuple(fit.law for fit in fits), tuple(fit.standard_errors for fit in fits), sizes[start - 1 :])


def prediction_level(asymptotes: Any, *, ceiling: float = 100.0) -> int | None:
    """The first level from which the asymptotes never rise again, and are possible.

    Args:
      asymptotes: `[K]`, of the levels seen so far.
      ceiling: the greatest accuracy there can be; a level with an asymptote beyond it is not accepted.

    Returns:
      The index of the level, None if there is none. The last level alone always qualifies below the ceiling.

    Raises:
      ValueError: not `[K]` with K >= 1.

    Source: as for `learning_trace`.
    """
    asymptotes = np.asarray(asymptotes, np.float64)
    if asymptotes.ndim != 1 or not asymptotes.size:
        raise ValueError(f"`asymptotes` must have shape [K] with K >= 1, got {asymptotes.shape}")
    rises = np.flatnonzero(np.diff(asymptotes) > ROUNDING)
    settled = int(rises[-1]) + 1 if rises.size else 0
    possible = np.flatnonzero(asymptotes[settled:] <= checks.real("ceiling", ceiling) + ROUNDING)
    return settled + int(possible[0]) if possible.size else None


def convergence_layer(trace: LearningTrace) -> np.ndarray:
    """How far each level's curve can still be from the limit of the trace: chi = c_l - A_l(q_l).

    q_l is the largest training size, up to that of the last observation, at which the curves of level l and of the one before
    meet. From there on the limit lies within chi of the level's curve.

    Args:
      trace: of `learning_trace`.

    Returns:
      `[K]` in percent; 0 where the two curves are one, infinite where they do not meet and at the first level.

    Source: as for `learning_trace`, read with the authors' later papers.
    """
    chis = [np.inf]
    for before, law, size in zip(trace.laws, trace.laws[1:], trace.sizes[1:], strict=False):
        grid = size * np.array([0.1, 0.3, 1.0])
        if np.max(np.abs(law.at(grid) - before.at(grid))) <= ROUNDING:
            chis.append(0.0)
            continue
        meeting = _last_meeting(before, law, size)
        chis.append(np.inf if meeting is None else float(law.offset - law.at(meeting)))
    return np.array(chis)


def stopping_level(trace: LearningTrace, *, tolerance: float, ceiling: float = 100.0) -> int | None:
    """The first level, from the prediction level on, whose `convergence_layer` is within the tolerance.

    Args:
      trace: the levels seen so far.
      tolerance: >= 0, the accuracy in percent that is not worth more data.
      ceiling: as for `prediction_level`.

    Returns:
      The index of the level, None to go on. The final accuracy lies between the last observation and the level's asymptote;
      `trace.laws[level].at(size)` predicts it for any size.

    Raises:
      ValueError: a negative tolerance.

    Source: as for `learning_trace`.
    """
    if not tolerance >= 0:
        raise ValueError(f"`tolerance` must be >= 0, got {tolerance!r}")
    level = prediction_level(trace.asymptotes, ceiling=ceiling)
    if level is None:
        return None
    close = np.flatnonzero(convergence_layer(trace)[level:] <= tolerance)
    return level + int(close[0]) if close.size else None


def _last_meeting(first: PowerLaw, second: PowerLaw, size: float) -> float | None:
    """The largest x <= size with first(x) = second(x); between two powers there are at most two, one each side of a turn."""

    def gap(log_x: float) -> float:
        x = np.exp(log_x)
        return float(first.at(x) - second.at(x))

    low, high = np.log(size) - 14.0, np.log(size)  # down to a millionth: powers of it do not overflow
    slopes = first.scale * first.exponent, second.scale * second.exponent
    turn = low
    if first.exponent != second.exponent and slopes[0] > 0 and slopes[1] > 0:
        turn = np.clip(np.log(slopes[1] / slopes[0]) / (first.exponent - second.exponent), low, high)
    for left, right in ((turn, high), (low, turn)):
        if left < right and gap(left) * gap(right) <= 0:
            return float(np.exp(optimize.brentq(gap, left, right)))
    return None
