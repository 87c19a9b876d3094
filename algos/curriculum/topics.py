"""A mixture of topics that follows what a model gets worse at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core import checks, numerics
from ..core.kinds import Curriculum

Array = jax.Array


class TopicState(NamedTuple):
    """What `topic_mixture` remembers.

    Attributes:
      rates: `[T]` of sum 1.
      perplexities: `[T]` as last measured, 0 where not yet.
    """

    rates: Array
    perplexities: Array


class TopicPerplexities(NamedTuple):
    """Perplexities on held-out texts.

    Attributes:
      values: `[T]` > 0.
      where: `[T]` true for topics that were measured; the others may hold anything.
    """

    values: Array
    where: Array


def topic_mixture(initial_rates: Sequence[float], *, step_size: float = 0.5) -> Curriculum:
    """Draws topics by rates that grow where the perplexity has risen, or fallen least, since it was last measured.

    D_i = (ppl_i - previous ppl_i) / previous ppl_i, f_i = 1 + step_size D_i / max_j |D_j|, and r_i <- r_i f_i / sum_j r_j f_j.
    Topics measured for the first time, or not now, have D_i = 0.

    Args:
      initial_rates: `[T]` > 0, divided by their sum.
      step_size: in (0, 1), so that rates stay positive.

    Returns:
      A `Curriculum` with state `TopicState` and feedback `TopicPerplexities`.

    Raises:
      ValueError: an argument is out of range.

    Source: Chen et al., "Towards Effective and Efficient Continual Pre-training of Large Language Models", 2024,
    arXiv 2407.18743. The form of f is a choice made here.
    """
    rates = np.asarray([checks.positive("initial_rates", rate) for rate in initial_rates], np.float64)
    if not rates.size:
        raise ValueError("`initial_rates` must name a topic at least, got none")
    checks.between("step_size", step_size, 0.0, 1.0, closed="neither")
    start = jnp.asarray(rates / rates.sum(), jnp.float32)

    def update(state: TopicState, feedback: TopicPerplexities) -> TopicState:
        measured = feedback.where.astype(bool)
        values = jnp.where(measured, feedback.values.astype(jnp.float32), state.perplexities)
        known = measured & (state.perplexities > 0)
        changes = jnp.where(known, numerics.safe_divide(values - state.perplexities, state.perplexities), 0.0)
        factors = 1.0 + step_size * numerics.safe_divide(changes, jnp.max(jnp.abs(changes)))
        grown = state.rates * factors
        return TopicState(grown / jnp.sum(grown), values)

    return Curriculum(lambda: TopicState(start, jnp.zeros_like(start)), lambda state: state.rates, update)
