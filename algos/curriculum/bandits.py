"""Curricula that treat sources of prompts as the arms of a bandit."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics
from ..core.kinds import Curriculum


class ArmFeedback(NamedTuple):
    """What a batch says of the arms it was drawn from.

    Attributes:
      arms: `[B]` integers in 0..arms - 1, the arm of each sample.
      values: `[B]`, what was observed, such as the sample's advantage.
      where: `[B]`, true where the sample counts; the others may hold anything.
    """

    arms: jax.Array
    values: jax.Array
    where: jax.Array


class UcbState(NamedTuple):
    """What `ucb` remembers.

    Attributes:
      recent: `[arms, window]` float32, ring buffers of the last sizes of advantages, 0 where still empty.
      counts: `[arms]` int32, all samples ever seen.
    """

    recent: jax.Array
    counts: jax.Array

    @property
    def learnability(self) -> jax.Array:
        """`[arms]` mean size of the advantages in the window, 0 for an arm never seen."""
        held = jnp.minimum(self.counts, self.recent.shape[1]).astype(jnp.float32)
        return numerics.safe_divide(jnp.sum(self.recent, axis=1), held)


def ucb(arms: int, *, window: int = 300, temperature: float = 0.1, bonus: float = 1.0) -> Curriculum:
    """Draws sources by how much they still teach: p = softmax(UCB / temperature).

    UCB_j = L_j + bonus sqrt(2 ln(1 + sum_i n_i) / (n_j + 1)), with L_j the mean |advantage| of the source's last `window`
    samples (0 without any) and n_j all its samples ever.

    Args:
      arms: number of sources, >= 1.
      window: >= 1, samples a source remembers.
      temperature: > 0; towards infinity sources are drawn alike.
      bonus: >= 0; 0 goes by L alone.

    Returns:
      A `Curriculum` with state `UcbState` and feedback `ArmFeedback` of advantages, in the order of the batch.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> sources = curriculum.ucb(3)
      >>> state = sources.update(sources.init(), curriculum.ArmFeedback(jnp.array([2]), jnp.array([-1.0]), jnp.array([True])))
      >>> state.learnability
      Array([0., 0., 1.], dtype=float32)

    Wang et al., "DUMP: Automated Distribution-Level Curriculum Learning for RL-based LLM Post-training", 2025, arXiv
    2504.09710. The released trainer updates in validation instead, with one number a source: its mean reward over the
    response tokens.
    """
    checks.integer("arms", arms, least=1)
    checks.integer("window", window, least=1)
    checks.positive("temperature", temperature)
    checks.non_negative("bonus", bonus)

    def init() -> UcbState:
        return UcbState(jnp.zeros([arms, window], jnp.float32), jnp.zeros([arms], jnp.int32))

    def weights(state: UcbState) -> jax.Array:
        counts = state.counts.astype(jnp.float32)
        exploration = jnp.sqrt(2.0 * jnp.log1p(jnp.sum(counts)) / (counts + 1.0))
        return jax.nn.softmax((state.learnability + bonus * exploration) / temperature)

    def update(state: UcbState, feedback: ArmFeedback) -> UcbState:
        seen = feedback.where.astype(bool)
        own = (feedback.arms[:, None] == jnp.arange(arms, dtype=feedback.arms.dtype)[None, :]) & seen[:, None]
        through = jnp.cumsum(own, axis=0, dtype=jnp.int32)
        order = jnp.sum(jnp.where(own, through, 0), axis=1) - 1  # the sample is its arm's order-th of this batch
        new = through[-1]
        arm = jnp.argmax(own, axis=1)
        # A sample that later ones of the same batch push out again is not written; nor is one of an unknown arm.
        kept = (order >= 0) & (order >= new[arm] - window)
        slots = jnp.where(kept, (state.counts[arm] + order) % window, window)
        sizes = jnp.where(seen, jnp.abs(feedback.values), 0.0).astype(jnp.float32)
        return UcbState(state.recent.at[arm, slots].set(sizes, mode="drop"), state.counts + new)

    return Curriculum(init, weights, update)


def within_sources(probabilities: jax.Array, sources: jax.Array) -> jax.Array:
    """Spreads the probability of each source evenly over its prompts: p_i = P_j / |source j| for i in source j.

    Args:
      probabilities: `[S]`, of the sources.
      sources: `[N]` integers in 0..S - 1, the source of each prompt.

    Returns:
      `[N]`; it sums to 1 if every source has a prompt, and is rescaled to do so if some have none.

    Wang et al., "DUMP", 2025, arXiv 2504.09710.
    """
    sizes = jnp.bincount(sources, length=probabilities.shape[0]).astype(probabilities.dtype)
    shares = numerics.safe_divide(probabilities, sizes)[sources]
    return numerics.safe_divide(shares, jnp.sum(shares))
