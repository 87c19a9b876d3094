"""Schedules with a constant plateau, from which a decay starts when a model is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import optax

from ..core import checks
from .pieces import decay, phases


def warmup_stable_decay(
    peak: float, steps: int, *, warmup: int, decay_steps: int, end_ratio: float = 0.1, shape: str = "inverse"
) -> optax.Schedule:
    """WSD: linear warmup from 0, a plateau at `peak`, and one decay at the end.

    Args:
      peak: value of the plateau, > 0.
      steps: all steps, an integer >= 1; from there on the value is end_ratio * peak.
      warmup: steps of warmup, an integer >= 0.
      decay_steps: steps of the decay, an integer >= 0 with warmup + decay_steps <= steps; 0 is a plateau without end.
      end_ratio: last value over peak, in [0, 1]; > 0 for the inverse and the exponential shape.
      shape: shape of the decay, see `decay`. The inverse shape is the greedy optimum on a noisy quadratic.

    Returns:
      An `optax.Schedule`.

    Raises:
      ValueError: a number is out of range, or the phases are longer than `steps`.

    Source: Wen, Li, Wang, Hall, Liang, Ma, "Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss
    Landscape Perspective", 2024, arXiv 2410.05192. The released code counts the first step of the inverse decay as its
    second one, so that it has no step at progress 0; here the decay starts from `peak`.

    Example:
      >>> optimizer = optax.adamw(schedules.warmup_stable_decay(3e-4, 1000, warmup=50, decay_steps=100))
    """
    checks.integer("steps", steps, least=1)
    return warmup_stable_decay_simplified(
        peak, (steps,), warmup=warmup, decay_steps=decay_steps, end_ratio=end_ratio, shape=shape
    )


def warmup_stable_decay_simplified(
    peak: float,
    checkpoints: Sequence[int],
    *,
    warmup: int,
    decay_fraction: float = 0.1,
    decay_steps: int | None = None,
    end_ratio: float = 0.1,
    shape: str = "inverse",
) -> optax.Schedule:
    """WSD-S: a decay before every checkpoint, after which the decayed model goes on at `peak` at once.

    Between two checkpoints T' < T the value is `peak`, then decays over the last D steps before T. The decay reaches
    end_ratio * peak at T, which is the first step of the next plateau (value `peak`), or the end.

    Args:
      peak: value of the plateaus, > 0.
      checkpoints: the steps at which a decayed model is wanted, increasing integers >= 1; the last ends the schedule.
      warmup: steps of linear warmup from 0, before the first plateau only, an integer >= 0.
      decay_fraction: D over T - T', in [0, 1], rounded to whole steps; used when `decay_steps` is None.
      decay_steps: D, an integer >= 0.
      end_ratio: lowest value over peak, in [0, 1]; > 0 for the inverse and the exponential shape.
      shape: shape of the decays, see `decay`.

    Returns:
      An `optax.Schedule`; with one checkpoint it is `warmup_stable_decay`.

    Raises:
      ValueError: a number is out of range, the checkpoints do not increase, or a decay does not fit between two.

    Source: as for `warmup_stable_decay`.

    Example:
      >>> schedule = schedules.warmup_stable_decay_simplified(3e-4, (1000, 2000, 4000), warmup=50)
    """
    checks.positive("peak", peak)
    checks.between("end_ratio", end_ratio, 0.0, 1.0)
    checks.integer("warmup", warmup, least=0)
    checkpoints = _checked(checkpoints)
    starts, origins = [warmup, *checkpoints[:-1]], [0, *checkpoints[:-1]]
    pieces: list[tuple[int | None, optax.Schedule | float]] = []
    pieces.append((warmup, optax.linear_schedule(0.0, peak, max(warmup, 1))))
    for start, origin, checkpoint in zip(starts, origins, checkpoints, strict=True):
        length = _decay_length(checkpoint - origin, decay_fraction, decay_steps)
        if checkpoint - start < length:
            raise ValueError(
                f"`decay_steps` (or `decay_fraction`) must leave room before checkpoint {checkpoint}: {length} steps "
                f"of decay do not fit after step {start}"
            )
        pieces.append((checkpoint - start - length, peak))
        pieces.append((length, decay(peak, end_ratio * peak, max(length, 1), shape)))
    last = (None, peak) if pieces[-1][0] == 0 else (None, pieces.pop()[1])
    return phases([*pieces, last])


def warmup_stable_decay_constant(
    peak: float, end: float, *, warmup: int, stable: int, decay_steps: int, shape: str = "cosine"
) -> optax.Schedule:
    """WSDC: linear warmup from 0, a plateau at `peak`, a decay to `end`, and `end` from there on.

    Args:
      peak: value of the plateau, > 0.
      end: last value, >= 0; > 0 for the inverse and the exponential shape.
      warmup: steps of warmup, an integer >= 0.
      stable: steps of the plateau, an integer >= 0.
      decay_steps: steps of the decay, an integer >= 1.
      shape: shape of the decay, see `decay`; the paper does not state it.

    Returns:
      An `optax.Schedule`.

    Raises:
      ValueError: a number is out of range, or an unknown shape.

    Source: Deng et al., "PLM: Efficient Peripheral Language Models Hardware-Co-Designed for Ubiquitous Computing", 2025,
    arXiv 2503.12167, where the last phase sees the best data.

    Example:
      >>> schedule = schedules.warmup_stable_decay_constant(3e-4, 3e-5, warmup=10, stable=60, decay_steps=20)
    """
    checks.positive("peak", peak)
    checks.non_negative("end", end)
    for name, length in {"warmup": warmup, "stable": stable}.items():
        checks.integer(name, length, least=0)
    checks.integer("decay_steps", decay_steps, least=1)
    rise = optax.linear_schedule(0.0, peak, max(warmup, 1))
    return phases([(warmup, rise), (stable, peak), (None, decay(peak, end, decay_steps, shape))])


def _checked(checkpoints: Sequence[int]) -> list[int]:
    steps = [checks.integer("checkpoints", checkpoint, least=1) for checkpoint in checkpoints]
    if not steps or any(later <= earlier for earlier, later in zip(steps, steps[1:], strict=False)):
        raise ValueError(f"`checkpoints` must be increasing and not empty, got {tuple(checkpoints)}")
    return steps


def _decay_length(segment: int, decay_fraction: float, decay_steps: int | None) -> int:
    if decay_steps is not None:
        return checks.integer("decay_steps", decay_steps, least=0)
    return round(checks.between("decay_fraction", decay_fraction, 0.0, 1.0) * segment)
