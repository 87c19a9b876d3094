"""The pieces of schedules: decays, phases in sequence, tables, and coarser sampling."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ..core import checks

Array = jax.Array

SHAPES = ("linear", "cosine", "exponential", "inverse", "inverse_sqrt", "sqrt")


def decay(start: float, end: float, steps: int, shape: str = "linear", *, alpha: float = 10.0) -> optax.Schedule:
    """Goes from `start` to `end` in `steps` steps and stays there.

    With u = clip(step / steps, 0, 1):

    * `"linear"`: start + (end - start) u; `"sqrt"`: the same in sqrt(u);
    * `"cosine"`: end + (start - end) (1 + cos(pi u)) / 2;
    * `"exponential"`: start (end / start)^u;
    * `"inverse"` (harmonic): 1 / (u / end + (1 - u) / start);
    * `"inverse_sqrt"`: start + (end - start) h(u) / h(1) with h(x) = 1 / sqrt(1 + alpha x) - 1; alpha -> 0 is linear.

    Args:
      start: value at step 0, >= 0; > 0 for the exponential and the inverse shape.
      end: value from step `steps` on; like `start`.
      steps: length of the decay, an integer >= 1.
      shape: one of the six.
      alpha: > 0, how fast `"inverse_sqrt"` falls at first.

    Returns:
      An `optax.Schedule`; the linear, cosine and exponential shapes are Optax's own.

    Raises:
      ValueError: an unknown shape, or a number out of range.
    """
    checks.option("shape", shape, SHAPES)
    strict = shape in ("exponential", "inverse")
    for name, value in (("start", start), ("end", end)):
        (checks.positive if strict else checks.non_negative)(name, value)
    checks.integer("steps", steps, least=1)
    checks.positive("alpha", alpha)
    curve = _curve(start, end, steps, shape, alpha)

    def schedule(count: Any) -> Array:
        value = _as_float32(curve(_as_float32(jnp.clip(jnp.asarray(count), 0, steps))))
        return jnp.clip(value, min(start, end), max(start, end))  # rounding must not make a rate negative

    return schedule


def _curve(start: float, end: float, steps: int, shape: str, alpha: float) -> Callable[[Array], Any]:
    """The decay for float32 counts in 0..steps."""
    if shape == "linear":
        return optax.linear_schedule(start, end, steps)
    if shape == "cosine" and start > 0:
        return optax.cosine_decay_schedule(start, steps, alpha=end / start)
    if shape == "exponential":
        return optax.exponential_decay(start, steps, end / start, end_value=end)
    if shape == "inverse":
        return lambda count: start / (1.0 + (start / end - 1.0) * (count / steps))

    def progress(count: Array) -> Array:
        u = count / steps
        if shape == "cosine":  # from 0 upwards, which Optax's formula cannot express
            return 0.5 - 0.5 * jnp.cos(jnp.pi * u)
        if shape == "sqrt":
            return jnp.sqrt(u)
        fall = jnp.expm1(-0.5 * jnp.log1p(alpha * jnp.stack([u, jnp.ones_like(u)])))
        return fall[0] / fall[1]

    return lambda count: start + (end - start) * progress(count)


def phases(pieces: Sequence[tuple[int | None, optax.Schedule | float]]) -> optax.Schedule:
    """Runs schedules one after the other, each from its own step 0.

    Args:
      pieces: pairs (length, schedule). A schedule may be a constant number; a length is an integer >= 0, or None for
        an open end, which only the last piece may have. Pieces of length 0 are dropped. A last piece with a length
        holds the value it has at that length.

    Returns:
      An `optax.Schedule`: `optax.join_schedules` of the pieces, none of which ever sees a negative step.

    Raises:
      ValueError: no piece is left, or a length is negative, or None before the last piece.

    Example:
      >>> warmup = optax.linear_schedule(0.0, 1.0, 10)
      >>> schedule = schedules.phases([(10, warmup), (80, 1.0), (10, schedules.decay(1.0, 0.1, 10))])
    """
    pieces = list(pieces)
    lengths = [_length(i, length, i == len(pieces) - 1) for i, (length, _) in enumerate(pieces)]
    kept = [(length, _bounded(schedule, length)) for length, (_, schedule) in zip(lengths, pieces, strict=True) if length != 0]
    if not kept:
        raise ValueError(f"`pieces` must hold at least one piece of length > 0, got {pieces!r}")
    boundaries = list(itertools.accumulate(length for length, _ in kept[:-1] if length is not None))
    joined = optax.join_schedules([schedule for _, schedule in kept], boundaries)
    return lambda count: _as_float32(joined(jnp.asarray(count)))


def _length(index: int, length: int | None, last: bool) -> int | None:
    if length is not None:
        if checks.integer("pieces", length) < 0:
            raise ValueError(f"`pieces` must have lengths >= 0, got {length} in piece {index}")
        return length
    if not last:
        raise ValueError(f"`pieces` may have length None for the last piece only, got it in piece {index}")
    return None


def _bounded(schedule: optax.Schedule | float, length: int | None) -> optax.Schedule:
    """The schedule on counts clipped to 0..length: joined schedules are evaluated outside their phase too."""
    if not callable(schedule):
        checks.real("pieces", schedule)
        return optax.constant_schedule(schedule)
    return lambda count: _as_float32(schedule(jnp.clip(count, 0, length)))


def table(values: Any) -> optax.Schedule:
    """Looks a value up by step; after the last it stays there.

    Args:
      values: `[N]` finite numbers, N >= 1.

    Returns:
      An `optax.Schedule`: values[clip(step, 0, N - 1)].

    Raises:
      ValueError: `values` is empty or not one-dimensional.
    """
    array = jnp.asarray(values, jnp.float32)
    if array.ndim != 1 or array.shape[0] == 0:
        raise ValueError(f"`values` must have shape [N] with N >= 1, got {tuple(array.shape)}")
    return lambda count: array[jnp.clip(jnp.asarray(count), 0, array.shape[0] - 1)]


def sampled(schedule: optax.Schedule, every: int) -> optax.Schedule:
    """Reads a schedule only every so many steps and holds the value in between.

    Args:
      schedule: any schedule.
      every: steps between readings, an integer >= 1; 1 changes nothing.

    Returns:
      An `optax.Schedule`: schedule(floor(step / every) every).

    Raises:
      TypeError: `schedule` is not callable.
      ValueError: `every` is less than 1.
    """
    if not callable(schedule):
        raise TypeError(f"`schedule` must be a function step -> value, got {schedule!r}")
    checks.integer("every", every, least=1)
    return lambda count: schedule(jnp.asarray(count) // every * every)


def _as_float32(x: Any) -> Array:
    return jnp.asarray(x, jnp.float32)
