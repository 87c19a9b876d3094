"""How wrong supervision is: by the outcomes of solutions and by their steps."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import numerics

Array = jax.Array


def outcome_error_rate(outcome_errors: Array) -> Array:
    """The share of solutions whose outcome is wrong.

    Args:
      outcome_errors: `[N]`, true or 1 where the outcome is wrong.

    Returns:
      `[]` float32 in [0, 1], 0 for no solutions.

    He et al., "Guiding Through Complexity: What Makes Good Supervision for Hard Reasoning Tasks?", 2024, arXiv 2410.20533.
    """
    return _mean(outcome_errors.astype(jnp.float32), jnp.ones(outcome_errors.shape, bool))


def step_error_rate(step_errors: Array, step_mask: Array, outcome_errors: Array | None = None) -> Array:
    """The mean over solutions of the share of their steps that are wrong, which predicts damage better than outcomes do.

    Args:
      step_errors: `[N, J]`, true or 1 where a step is wrong.
      step_mask: `[N, J]`, true where there is a step; a solution without steps does not count as one with errors.
      outcome_errors: `[N]`, true where the outcome is wrong: the mean is over these solutions only. None for all.

    Returns:
      `[]` float32 in [0, 1], 0 for no solutions.

    Raises:
      ValueError: the shapes do not fit.

    He et al., "Guiding Through Complexity: What Makes Good Supervision for Hard Reasoning Tasks?", 2024, arXiv 2410.20533.
    """
    if step_errors.ndim != 2 or step_mask.shape != step_errors.shape:
        raise ValueError(f"`step_mask` must have the shape [N, J] of `step_errors` {step_errors.shape}, got {step_mask.shape}")
    if outcome_errors is not None and outcome_errors.shape != step_errors.shape[:1]:
        raise ValueError(f"`outcome_errors` must have shape [{step_errors.shape[0]}], got {outcome_errors.shape}")
    where = step_mask.astype(bool)
    wrong = jnp.sum(where & step_errors.astype(bool), axis=1, dtype=jnp.float32)
    shares = numerics.safe_divide(wrong, jnp.sum(where, axis=1, dtype=jnp.float32))
    return _mean(shares, jnp.ones(shares.shape, bool) if outcome_errors is None else outcome_errors.astype(bool))


def _mean(x: Array, where: Array) -> Array:
    return numerics.safe_divide(jnp.sum(jnp.where(where, x, 0.0)), jnp.sum(where, dtype=jnp.float32))
