"""Supervision of known quality: corrupted steps, and tasks with their parts."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks

Array = jax.Array


def corrupt_steps(key: Array, step_mask: Array, *, outcome_rate: float, step_rate: float) -> Array:
    """Chooses the steps to corrupt so that solutions have given error rates.

    round(outcome_rate N) solutions become wrong. In each the last step is corrupted, and the others independently with the
    probability that makes the expected share of corrupted steps `step_rate` (of a solution with J steps at least 1 / J).

    Args:
      key: a PRNG key.
      step_mask: `[N, J]`, true where there is a step.
      outcome_rate: in [0, 1].
      step_rate: in [0, 1], the share of corrupted steps in a wrong solution.

    Returns:
      `[N, J]`, true where a step is to be corrupted.

    Raises:
      ValueError: an argument is out of range.

    He et al., "Guiding Through Complexity: What Makes Good Supervision for Hard Reasoning Tasks?", 2024, arXiv 2410.20533. How
    steps are drawn is a choice made here.
    """
    checks.between("outcome_rate", outcome_rate, 0.0, 1.0)
    checks.between("step_rate", step_rate, 0.0, 1.0)
    if step_mask.ndim != 2:
        raise ValueError(f"`step_mask` must have shape [N, J], got {step_mask.shape}")
    where = step_mask.astype(bool)
    choice, draw = jax.random.split(key)
    wrong = jax.random.permutation(choice, where.shape[0]) < round(outcome_rate * where.shape[0])
    last = where & (jnp.cumsum(where[:, ::-1], axis=1)[:, ::-1] == 1)
    steps = jnp.sum(where, axis=1, dtype=jnp.float32)
    rates = jnp.clip((step_rate * steps - 1.0) / jnp.maximum(steps - 1.0, 1.0), 0.0, 1.0)
    others = jax.random.uniform(draw, where.shape) < rates[:, None]
    return where & wrong[:, None] & (last | others)


def group_mixture(key: Array, task_ids: Array, part_ids: Array) -> Array:
    """Orders the union of tasks and their parts: groups in random order, the members of a group next to each other.

    With rephrasings of the tasks in place of their parts, as many of them, it is the control of the same size.

    Args:
      key: a PRNG key.
      task_ids: `[N]` integers, distinct.
      part_ids: `[M]` integers, the task that each part belongs to; a part of none of the tasks is a group with its likes.

    Returns:
      `[N + M]` indices into the tasks followed by the parts; in a group the task comes first, then its parts in order.

    Raises:
      ValueError: the ids are not `[N]` and `[M]`.

    He et al., "Guiding Through Complexity: What Makes Good Supervision for Hard Reasoning Tasks?", 2024, arXiv 2410.20533.
    """
    if task_ids.ndim != 1 or part_ids.ndim != 1:
        raise ValueError(f"`task_ids` and `part_ids` must have one axis, got {task_ids.shape} and {part_ids.shape}")
    ids = jnp.concatenate([task_ids, part_ids.astype(task_ids.dtype)])
    _, groups = jnp.unique(ids, return_inverse=True, size=ids.shape[0])
    places = jax.random.permutation(key, ids.shape[0])
    return jnp.argsort(places[groups.reshape(-1)], stable=True)
