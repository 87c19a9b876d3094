"""Optimizers without a learning rate, under one roof: everything else is fixed or a share of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optax
from optax import contrib

from ..core import checks

METHODS = ("prodigy", "dadapt", "mechanic", "dog", "dowg", "momo_adam", "cocob", "schedule_free_adamw", "nadamw")
# What the schedule multiplies: 1 where the method finds the rate itself, an upper bound for momo_adam, else a true rate.
RATES = {"momo_adam": 1e-2, "schedule_free_adamw": 2.5e-3, "nadamw": 1e-3}
DECAYS = ("cosine", "linear", "constant")


def hyperparameter_free(
    method: str,
    steps: int,
    *,
    warmup_fraction: float = 0.05,
    decay: str = "cosine",
    weight_decay: float = 0.0,
    betas: Sequence[float] = (0.9, 0.99),
    learning_rate: float | None = None,
) -> optax.GradientTransformationExtraArgs:
    """An optimizer of Optax with a relative schedule, to be used with the same settings on every problem.

    The schedule rises linearly over warmup_fraction of the steps and falls to 0 by the last.

    Args:
      method: "prodigy", "dadapt", "mechanic" (around AdamW), "dog", "dowg", "momo_adam", "cocob", "schedule_free_adamw", or the
        baseline "nadamw".
      steps: of the whole training, an integer >= 1.
      warmup_fraction: share of the steps, in [0, 1).
      decay: "cosine", "linear" or "constant"; schedule_free_adamw has its own averaging and takes "constant" only.
      weight_decay: >= 0.
      betas: two decay rates in [0, 1); dog, dowg and cocob have none and ignore them.
      learning_rate: what the schedule multiplies, > 0; None for 1, the upper bound 1e-2 for momo_adam, 2.5e-3 for
        schedule_free_adamw and 1e-3 for nadamw.

    Returns:
      An `optax.GradientTransformationExtraArgs`: `update(gradients, state, params, value=loss)`; all methods accept `value`,
      momo_adam needs it.

    Raises:
      ValueError: an unknown method or decay, or a number out of range.

    Source: Kasimbeg et al., "How far away are truly hyperparameter-free learning algorithms?", 2025, arXiv 2505.24005, who find
    that one calibrated configuration for all problems matters more than the choice among these.

    Example:
      >>> optimizer = updates.hyperparameter_free("prodigy", steps=1000)
    """
    checks.option("method", method, METHODS)
    checks.integer("steps", steps, least=1)
    checks.between("warmup_fraction", warmup_fraction, 0.0, 1.0, closed="low")
    checks.option("decay", decay, DECAYS)
    checks.non_negative("weight_decay", weight_decay)
    if len(betas) != 2:
        raise ValueError(f"`betas` must be two numbers, got {tuple(betas)}")
    b1, b2 = (checks.between("betas", beta, 0.0, 1.0, closed="low") for beta in betas)
    rate = RATES.get(method, 1.0) if learning_rate is None else checks.positive("learning_rate", learning_rate)
    warmup = round(warmup_fraction * steps)
    if method == "schedule_free_adamw":
        if decay != "constant":
            raise ValueError(f"`decay` must be 'constant' for schedule_free_adamw, got {decay!r}")
        return contrib.schedule_free_adamw(rate, warmup or None, b1=b1, b2=b2, weight_decay=weight_decay)
    return optax.with_extra_args_support(_optimizer(method, _schedule(rate, steps, warmup, decay), b1, b2, weight_decay))


def _schedule(rate: float, steps: int, warmup: int, decay: str) -> Any:
    """A number where nothing changes, so that the optimizer is Optax's own call."""
    left = max(steps - warmup, 1)
    tail: Any = {
        "constant": optax.constant_schedule(rate),
        "linear": optax.linear_schedule(rate, 0.0, left),
        "cosine": optax.cosine_decay_schedule(rate, left),
    }[decay]
    if warmup:
        return optax.join_schedules([optax.linear_schedule(0.0, rate, warmup), tail], [warmup])
    return rate if decay == "constant" else tail


def _optimizer(method: str, rate: Any, b1: float, b2: float, weight_decay: float) -> optax.GradientTransformation:
    if method == "prodigy":
        return contrib.prodigy(rate, betas=(b1, b2), weight_decay=weight_decay, safeguard_warmup=callable(rate))
    if method == "dadapt":
        return contrib.dadapt_adamw(rate, betas=(b1, b2), weight_decay=weight_decay)
    if method == "mechanic":  # its own weight decay is one of the learnt scale
        return contrib.mechanize(optax.adamw(rate, b1=b1, b2=b2, weight_decay=weight_decay))
    if method == "momo_adam":
        return contrib.momo_adam(rate, b1=b1, b2=b2, weight_decay=weight_decay)
    if method == "nadamw":
        return optax.nadamw(rate, b1=b1, b2=b2, weight_decay=weight_decay)
    make = {"dog": contrib.dog, "dowg": contrib.dowg, "cocob": contrib.cocob}[method]
    return make(rate, weight_decay=weight_decay)
