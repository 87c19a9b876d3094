"""Schedules for training that goes on: plateaus without an end, and warming up again for every new dataset."""

from __future__ import annotations

from collections.abc import Sequence

import optax

from ..core import checks
from .pieces import decay, phases

COOLDOWNS = ("cosine", "inverse_sqrt", "linear")


def infinite(
    peak: float,
    constant: float,
    end: float,
    *,
    warmup: int,
    cooldown: int,
    plateau: int | None = None,
    anneal: int = 0,
    cooldown_shape: str = "cosine",
    alpha: float = 10.0,
) -> optax.Schedule:
    """Warmup, cooldown to a plateau that may last for ever, and an exponential annealing when a model is wanted.

    peak t / W, then from `peak` to `constant`, then `constant`, then constant (end / constant)^u with u from 0 to 1.

    Args:
      peak: value after the warmup, > 0.
      constant: value of the plateau, > 0.
      end: last value, > 0.
      warmup: steps of linear warmup from 0, an integer >= 0.
      cooldown: steps from `peak` to `constant`, an integer >= 0.
      plateau: steps on the plateau, an integer >= 0; None stays there, the branch from which training continues.
      anneal: steps of annealing, an integer >= 0, 0 where plateau is None.
      cooldown_shape: "cosine", "inverse_sqrt" or "linear", see `decay`.
      alpha: see `decay`.

    Returns:
      An `optax.Schedule`; `anneal_from` is the branch that ends a plateau without end.

    Raises:
      ValueError: a number is out of range, an unknown shape, or an annealing without the end of the plateau.

    Source: Ibrahim et al., "Simple and Scalable Strategies to Continually Pre-train Large Language Models", 2024,
    arXiv 2403.08763, which uses constant = (peak + end) / 2 and about 1, 60, 25 and 14 % of the steps; with the cosine:
    Singh et al., "Beyond Cosine Decay", 2025, arXiv 2503.02844, whose printed exponent does not reach `end`; this one does.

    Example:
      >>> schedule = schedules.infinite(3e-4, 1.65e-4, 3e-5, warmup=10, cooldown=600)
    """
    for name, value in {"peak": peak, "constant": constant, "end": end}.items():
        checks.positive(name, value)
    for name, length in {"warmup": warmup, "cooldown": cooldown, "anneal": anneal}.items():
        checks.integer(name, length, least=0)
    checks.option("cooldown_shape", cooldown_shape, COOLDOWNS)
    pieces: list[tuple[int | None, optax.Schedule | float]] = [
        (warmup, optax.linear_schedule(0.0, peak, max(warmup, 1))),
        (cooldown, decay(peak, constant, max(cooldown, 1), cooldown_shape, alpha=alpha)),
    ]
    if plateau is None:
        if anneal:
            raise ValueError(f"`anneal` must be 0 while `plateau` is None, got {anneal}")
        return phases([*pieces, (None, constant)])
    checks.integer("plateau", plateau, least=0)
    last = decay(constant, end, anneal, "exponential") if anneal else constant
    return phases([*pieces, (plateau, constant), (None, last)])


def anneal_from(start: int, constant: float, end: float, steps: int) -> optax.Schedule:
    """The branch that ends a plateau: `constant` until `start`, then constant (end / constant)^u.

    Args:
      start: the step at which the plateau is left, an integer >= 0.
      constant: value of the plateau, > 0.
      end: last value, > 0.
      steps: length of the annealing, an integer >= 1.

    Returns:
      An `optax.Schedule`, for a copy of the state at step `start`; the main branch goes on with `infinite`.

    Raises:
      ValueError: a number is out of range.

    Source: Ibrahim et al., 2024, arXiv 2403.08763.

    Example:
      >>> schedule = schedules.anneal_from(900, constant=1.65e-4, end=3e-5, steps=100)
    """
    checks.integer("start", start, least=0)
    checks.positive("constant", constant)
    checks.positive("end", end)
    checks.integer("steps", steps, least=1)
    return phases([(start, constant), (None, decay(constant, end, steps, "exponential"))])


def rewarmed(peak: float, end: float, lengths: Sequence[int], *, warmup_fraction: float = 0.01) -> optax.Schedule:
    """Warmup and cosine decay once for every dataset.

    Args:
      peak: highest value, > 0.
      end: value at the end of every dataset, >= 0.
      lengths: steps on every dataset, integers >= 1.
      warmup_fraction: share of a dataset's steps that warm up from 0, in [0, 1), rounded to whole steps; 0 starts at `peak`.

    Returns:
      An `optax.Schedule`; each part equals `optax.warmup_cosine_decay_schedule`.

    Raises:
      ValueError: a number is out of range, or there is no dataset.

    Source: Gupta et al., "Continual Pre-Training of Large Language Models: How to (re)warm your model?", 2023,
    arXiv 2308.04014; Ibrahim et al., 2024, arXiv 2403.08763.

    Example:
      >>> schedule = schedules.rewarmed(3e-4, 3e-5, [1000, 500])
    """
    checks.positive("peak", peak)
    checks.non_negative("end", end)
    checks.between("warmup_fraction", warmup_fraction, 0.0, 1.0, closed="low")
    lengths = [checks.integer("lengths", length, least=1) for length in lengths]
    if not lengths:
        raise ValueError("`lengths` must hold at least one number of steps, got none")
    pieces: list[tuple[int | None, optax.Schedule | float]] = []
    for length in lengths:
        warmup = min(round(warmup_fraction * length), length - 1)
        pieces.append((warmup, optax.linear_schedule(0.0, peak, max(warmup, 1))))
        pieces.append((length - warmup, decay(peak, end, length - warmup, "cosine")))
    return phases(pieces)
