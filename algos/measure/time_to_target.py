"""How training algorithms compare over workloads by the time they take to a target."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import checks

NEVER = 1e29  # times from here on mean that the target was not reached


def performance_profile(times: Any, taus: Any) -> np.ndarray:
    """The share of workloads on which an algorithm is within a factor of the fastest: mean_w 1[t / min t <= tau].

    Args:
      times: `[A, W]` times to the target, > 0; infinity or 1e30 where it was not reached.
      taus: `[K]` factors >= 1.

    Returns:
      `[A, K]` in float64. A workload that nobody solves counts for nobody.

    Raises:
      ValueError: a wrong shape, or times that are not positive.

    Source: Dahl et al., "Benchmarking Neural Network Training Algorithms", 2023, arXiv 2306.07179.
    """
    ratios = _ratios(times)
    return np.mean(ratios[:, :, None] <= np.asarray(taus, np.float64)[None, None, :], axis=1)


def time_to_target_score(times: Any, *, largest_factor: float = 4.0) -> np.ndarray:
    """The area under the performance profile from 1 to a largest factor, divided by its width.

    score_a = mean_w max(largest_factor - t_aw / min t_w, 0) / (largest_factor - 1).

    Args:
      times: as for `performance_profile`.
      largest_factor: > 1.

    Returns:
      `[A]` in [0, 1], float64.

    Raises:
      ValueError: as for `performance_profile`, or a factor of at most 1.

    Source: Kasimbeg et al., "How far away are truly hyperparameter-free learning algorithms?", 2025, arXiv 2505.24005.
    """
    checks.between("largest_factor", largest_factor, 1.0, float("inf"), closed="neither")
    ratios = np.minimum(_ratios(times), largest_factor)
    return np.mean(largest_factor - ratios, axis=1) / (largest_factor - 1.0)


def _ratios(times: Any) -> np.ndarray:
    """Times over the fastest, infinite where the target was not reached: `[A, W]`."""
    times = np.asarray(times, np.float64)
    if times.ndim != 2 or not np.all(times > 0):
        raise ValueError(f"`times` must be [A, W] positive numbers, got {times}")
    times = np.where(times < NEVER, times, np.inf)
    best = np.min(times, axis=0)
    solved = np.isfinite(best)
    return np.where(np.isfinite(times), times / np.where(solved, best, 1.0)[None, :], np.inf)
