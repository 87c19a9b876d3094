"""Schedules for a fixed budget of steps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from .pieces import phases


def rex(peak: float, steps: int, end: float = 0.0, sharpness: float = 0.5, warmup: int = 0) -> optax.Schedule:
    """The reflected-exponential schedule: above the linear one all the way, and falling late.

    value = end + (peak - end) p(z), p(z) = (1 - z) / (1 - sharpness z), with z = clip(t / T, 0, 1) after the warmup, so
    p(0) = 1, p(1/2) = 2/3 and p(1) = 0 for the paper's sharpness of 1/2.

    Args:
      peak: highest value, >= 0.
      steps: all steps including the warmup, an integer >= 1; the value is `end` from there on.
      end: last value, >= 0.
      sharpness: in [0, 1); 0 is linear, and the closer to 1 the later the fall.
      warmup: steps of linear warmup from 0, an integer in [0, steps).

    Returns:
      An `optax.Schedule`. Wrap it in `sampled` to change it less often than every step.

    Raises:
      ValueError: a number is out of range.

    Source: Chen, Wolfe, Kyrillidis, "REX: Revisiting Budgeted Training with an Improved Schedule", 2021,
    arXiv 2107.04197. Copies in circulation use z / (0.1 + 0.9 z) of the remaining share, a sharpness of 0.9, which is
    not the paper's curve.

    Example:
      >>> optimizer = optax.sgd(schedules.rex(peak=0.1, steps=1000), momentum=0.9)
    """
    checks.non_negative("peak", peak)
    checks.integer("steps", steps, least=1)
    checks.non_negative("end", end)
    checks.between("sharpness", sharpness, 0.0, 1.0, closed="low")
    _check_warmup(warmup, steps - 1)
    length = steps - warmup

    def profile(count: Any) -> jax.Array:
        z = jnp.clip(jnp.asarray(count), 0, length).astype(jnp.float32) / length
        return end + (peak - end) * ((1.0 - z) / (1.0 - sharpness * z))

    return phases([(warmup, optax.linear_schedule(0.0, peak, max(warmup, 1))), (None, profile)])


def _check_warmup(warmup: int, most: int) -> None:
    checks.integer("warmup", warmup, least=0)
    if warmup > most:
        raise ValueError(f"`warmup` must be <= {most} with these steps, got {warmup}")
