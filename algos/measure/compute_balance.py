"""How to spend compute on one pass over fresh data: model size against steps, and what a curve is ahead of another."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core import checks


def rebalance(params: float, steps: float, tokens_per_step: float, *, tokens_per_param: float = 5.0) -> tuple[float, float]:
    """Trades model size for steps at the same compute, params times steps, until each parameter sees so many tokens.

    With r_0 = tokens_per_step steps / params: params sqrt(r_0 / r) and steps sqrt(r / r_0).

    Args:
      params: > 0, parameters of the setting at hand.
      steps: > 0, its steps.
      tokens_per_step: > 0.
      tokens_per_param: r > 0; near 5 was best for the models studied, 1 to 10 nearly so.

    Returns:
      `(params, steps)`, not rounded.

    Raises:
      ValueError: an argument is not positive.

    Source: Komatsuzaki, "One Epoch Is All You Need", 2019, arXiv 1906.06669.
    """
    arguments = {"params": params, "steps": steps, "tokens_per_step": tokens_per_step, "tokens_per_param": tokens_per_param}
    for name, value in arguments.items():
        checks.positive(name, value)
    factor = (tokens_per_param * params / (tokens_per_step * steps)) ** 0.5
    return params / factor, steps * factor


def equal_loss_speedup(baseline_steps: Any, baseline_losses: Any, steps: Any, losses: Any) -> jax.Array:
    """How many times fewer steps a run takes to the final loss of a baseline.

    The baseline counts as a whole, the run until it first reaches that loss, linearly between measurements.

    Args:
      baseline_steps: `[M]`, rising.
      baseline_losses: `[M]`.
      steps: `[N]`, rising.
      losses: `[N]`.

    Returns:
      `[]` float32; 1 for the same falling curve, 0 where the run never gets there.

    Raises:
      ValueError: steps and losses differ in shape.

    Source: as for `rebalance`.
    """
    curves = ((baseline_steps, baseline_losses), (steps, losses))
    pairs = [(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)) for x, y in curves]
    for x, y in pairs:
        if x.ndim != 1 or x.shape != y.shape or not x.size:
            raise ValueError(f"`steps` and `losses` must have the same shape [N], got {x.shape}, {y.shape}")
    (whole, baseline), run = pairs
    reached = _reached(*run, baseline[-1])
    return whole[-1] / jnp.where(reached > 0, reached, 1.0)


def _reached(steps: jax.Array, losses: jax.Array, target: jax.Array) -> jax.Array:
    """The first step with a loss of at most the target, infinite if there is none."""
    there = losses <= target
    at = jnp.argmax(there)
    before = jnp.maximum(at - 1, 0)
    drop = losses[before] - losses[at]
    part = jnp.where(drop > 0, (losses[before] - target) / jnp.where(drop > 0, drop, 1.0), 1.0)
    between = steps[before] + part * (steps[at] - steps[before])
    return jnp.where(jnp.any(there), jnp.where(at == 0, steps[0], between), jnp.inf)
