"""Rates that follow a power law of the tokens seen, and a final decay for schedules that have none."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from .pieces import decay


def power(
    *,
    batch_size: int,
    sequence_length: int,
    peak: float = 0.02,
    scale: float = 4.6,
    exponent: float = -0.51,
    warmup: int = 0,
) -> optax.Schedule:
    """The rate that suits a number of tokens whatever the budget: min(peak, batch_size scale n^exponent).

    n = step batch_size sequence_length are the tokens so far. The warmup is linear from 0 to the value at its end.

    Args:
      batch_size: sequences a step, an integer >= 1.
      sequence_length: tokens a sequence, an integer >= 1.
      peak: upper bound, > 0.
      scale: factor a of the law, > 0.
      exponent: exponent b of the law, < 0.
      warmup: steps of warmup, an integer >= 0.

    Returns:
      An `optax.Schedule`, finite at step 0, where it is `peak` without a warmup. Tokens are counted in floating point, so that
      more than 2^31 of them do not overflow. It never ends; `with_final_decay` adds an end.

    Raises:
      ValueError: a number is out of range.

    Source: Shen et al., "Power Scheduler: A Batch Size and Token Number Agnostic Learning Rate Scheduler", 2024,
    arXiv 2408.13359. The constants are for models in maximal-update parametrisation; later models of the group use scale 4.

    Example:
      >>> schedule = schedules.power(batch_size=64, sequence_length=4096, warmup=100)
    """
    checks.integer("batch_size", batch_size, least=1)
    checks.integer("sequence_length", sequence_length, least=1)
    checks.positive("peak", peak)
    checks.positive("scale", scale)
    checks.integer("warmup", warmup, least=0)
    if not checks.real("exponent", exponent) < 0:
        raise ValueError(f"`exponent` must be < 0, got {exponent}")

    def law(step: jax.Array) -> jax.Array:
        tokens = jnp.maximum(step * (1.0 * batch_size * sequence_length), 1.0)
        return jnp.minimum(peak, batch_size * scale * jnp.exp(exponent * jnp.log(tokens)))

    def schedule(count: Any) -> jax.Array:
        step = jnp.maximum(jnp.asarray(count), 0).astype(jnp.float32)
        if warmup == 0:
            return law(step)
        return jnp.where(step < warmup, law(jnp.float32(warmup)) * (step / warmup), law(step))

    return schedule


def with_final_decay(
    schedule: optax.Schedule, start: int, steps: int, *, end_ratio: float = 0.0, shape: str = "linear"
) -> optax.Schedule:
    """Multiplies a schedule by a factor that goes from 1 at `start` to `end_ratio` in `steps` steps.

    Args:
      schedule: any schedule.
      start: first step of the decay, an integer >= 0.
      steps: its length, an integer >= 1.
      end_ratio: last factor, in [0, 1]; > 0 for the exponential and the inverse shape.
      shape: see `decay`.

    Returns:
      An `optax.Schedule`.

    Raises:
      TypeError: `schedule` is not callable.
      ValueError: a number is out of range, or an unknown shape.

    Example:
      >>> power = schedules.power(batch_size=64, sequence_length=4096)
      >>> schedule = schedules.with_final_decay(power, 900, 100)
    """
    if not callable(schedule):
        raise TypeError(f"`schedule` must be a function step -> value, got {schedule!r}")
    checks.integer("start", start, least=0)
    checks.integer("steps", steps, least=1)
    checks.between("end_ratio", end_ratio, 0.0, 1.0)
    factor = decay(1.0, end_ratio, steps, shape)
    return lambda count: jnp.asarray(schedule(count), jnp.float32) * factor(jnp.asarray(count) - start)
