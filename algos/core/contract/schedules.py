"""The contract of schedules."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .errors import ContractError, TracedJit, require, require_compiled_once, require_equal


def check_schedule(
    schedule: optax.Schedule, *, first: float, last: float, last_step: int, monotone: str | None = None
) -> None:
    """Checks a schedule: float32 scalars, the same eager, compiled and mapped, finite everywhere, with stated ends.

    Args:
      schedule: step -> value.
      first: the value at step 0.
      last: the value at `last_step` and ever after.
      last_step: where it ends.
      monotone: "decreasing", "increasing" or None.

    Raises:
      ContractError: the schedule does otherwise.
    """
    steps = jnp.arange(last_step + 3, dtype=jnp.int32)
    compiled = TracedJit(schedule)
    values = jax.vmap(schedule)(steps)
    require(values.shape == steps.shape and values.dtype == jnp.float32, "a schedule maps a step to a float32 scalar")
    require(np.isfinite(values), f"a schedule must be finite, got {values}")
    for step in (0, last_step // 2, last_step):
        require_equal(f"compiled at step {step}", compiled(steps[step]), values[step], 1e-6)
        require_equal(f"eager at step {step}", schedule(step), values[step], 1e-6)
    require_compiled_once("schedule", compiled)
    require_equal("the value at step 0", values[0], first, 1e-6)
    require_equal("the value at the end", values[last_step], last, 1e-6)
    require_equal("the value after the end", compiled(jnp.asarray(10 * last_step + 10, jnp.int32)), last, 1e-6)
    if monotone not in (None, "decreasing", "increasing"):
        raise ContractError(f"`monotone` must be 'decreasing', 'increasing' or None, got {monotone!r}")
    if monotone:
        sign = 1.0 if monotone == "increasing" else -1.0
        require(sign * np.diff(np.asarray(values)) >= -1e-7, f"the schedule is not {monotone}: {values}")
