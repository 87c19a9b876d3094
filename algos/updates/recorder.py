"""Gradient norms kept while training, for schedules that are computed from them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..core import checks
from ..core.numerics import at_least_float32, safe_sqrt


class RecordNormsState(NamedTuple):
    """Steps taken `[]`, and the last norms `[size]`: that of step t at place t mod size."""

    step: jax.Array
    norms: jax.Array


def record_norms(size: int, order: int = 2) -> optax.GradientTransformation:
    """Leaves updates as they are and keeps the norms of the last `size` of them in its state.

    Args:
      size: an integer >= 1, as a rule the number of steps.
      order: 2 or 1; 1 for `schedules.refine` with Adam.

    Returns:
      An `optax.GradientTransformation`, at the head of a chain for the norms of gradients; `recorded_norms` reads its state.

    Raises:
      ValueError: `size` is less than 1 or `order` neither 1 nor 2.

    Source: Defazio et al., 2023, arXiv 2310.07831, see `schedules.refine`.

    Example:
      >>> optimizer = optax.chain(updates.record_norms(1000, order=1), optax.adam(1e-3))
    """
    checks.integer("size", size, least=1)
    checks.option("order", order, (1, 2))

    def init(params: Any) -> RecordNormsState:
        del params
        return RecordNormsState(jnp.zeros([], jnp.int32), jnp.zeros([size], jnp.float32))

    def update(updates: Any, state: RecordNormsState, params: Any = None):
        del params
        wide = [at_least_float32(u) for u in jax.tree.leaves(updates)]
        total = sum(jnp.sum(jnp.abs(u) if order == 1 else jnp.square(u)).astype(jnp.float32) for u in wide)
        norm = total if order == 1 else safe_sqrt(jnp.asarray(total))
        return updates, RecordNormsState(state.step + 1, state.norms.at[state.step % size].set(norm))

    return optax.GradientTransformation(init, update)


def recorded_norms(state: RecordNormsState) -> np.ndarray:
    """The norms that `record_norms` kept, oldest first.

    Args:
      state: the state of `record_norms`, of one run.

    Returns:
      `[min(step, size)]`.
    """
    step, norms = int(state.step), np.asarray(state.norms)
    if step <= norms.shape[0]:
        return norms[:step]
    return np.roll(norms, -(step % norms.shape[0]))
