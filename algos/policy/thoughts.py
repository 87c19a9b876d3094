"""Agents that think before they act: a likelihood in which the thought does not drown the action, and a growing buffer."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms


def action_ratio(thought_weight: float = 0.5, *, log_limit: float = 20.0) -> LossTransform:
    """One ratio a response, in which the tokens of the thought count less: r_i = exp(d_i), on each of its tokens.

    d_i = lambda sum_thought (log_probs - old_log_probs) + sum_action (log_probs - old_log_probs).

    Args:
      thought_weight: lambda in [0, 1]; 1 is the sequence's ratio, 0 that of the action alone.
      log_limit: > 0, largest |d_i|.

    Returns:
      A `LossTransform` reading `log_probs`, `old_log_probs` and `thoughts`, writing `ratios` `[B, T]`, constant over a
      response. Reduce with a mean over each response.

    Raises:
      ValueError: an argument is out of range.

    Wei et al., "GTR: Guided Thought Reinforcement Prevents Thought Collapse in RL-based VLM Agent Training", 2025, arXiv
    2503.08525. Predecessor code uses the clipped branch alone where any ratio exceeds 10; here the log-ratio is limited.
    """
    checks.between("thought_weight", thought_weight, 0.0, 1.0)
    checks.positive("log_limit", log_limit)

    def update(terms: Terms) -> Terms:
        difference = weighted_action_log_probs(terms, terms.log_probs - terms.old_log_probs, thought_weight)
        ratios = jnp.exp(jnp.clip(difference, -log_limit, log_limit))
        return terms.replace(ratios=jnp.broadcast_to(ratios[:, None], terms.mask.shape))

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs", "thoughts"),
        writes=("ratios",),
        hyperparameters={"thought_weight": thought_weight, "log_limit": log_limit},
    )


def weighted_action_log_probs(terms: Terms, log_probs: jax.Array, thought_weight: float = 0.5) -> jax.Array:
    """Log-probability of an action with its thought: lambda sum_thought log pi + sum_action log pi.

    Args:
      terms: a record with `thoughts`.
      log_probs: `[B, T]`.
      thought_weight: lambda in [0, 1].

    Returns:
      `[B]`.

    Raises:
      ValueError: thought_weight is out of range.

    Zhai et al., "Fine-Tuning Large Vision-Language Models as Decision-Making Agents via Reinforcement Learning", 2024, arXiv
    2405.10292; Wei et al., "GTR", 2025, arXiv 2503.08525.
    """
    checks.between("thought_weight", thought_weight, 0.0, 1.0)
    return terms.row_sum(jnp.where(terms.thoughts.astype(bool), thought_weight * log_probs, log_probs))


class RingBuffer(NamedTuple):
    """The last items inserted, as a tree.

    Attributes:
      items: a tree of arrays `[capacity, ...]`.
      inserted: `[]` int32, how many items were ever inserted.
    """

    items: Any
    inserted: jax.Array

    @property
    def size(self) -> jax.Array:
        """How many items it holds, `[]`."""
        return jnp.minimum(self.inserted, jax.tree.leaves(self.items)[0].shape[0])


def ring_buffer(example: Any, capacity: int) -> RingBuffer:
    """An empty buffer for all corrected pairs since the start of training, or the last of them.

    Args:
      example: a tree of arrays, one item.
      capacity: >= 1, in items.

    Returns:
      `RingBuffer`.

    Raises:
      ValueError: capacity is less than 1.

    Wei et al., "GTR", 2025, arXiv 2503.08525; Ross et al., "A Reduction of Imitation Learning and Structured Prediction to
    No-Regret Online Learning", 2011, arXiv 1011.0686.
    """
    checks.integer("capacity", capacity, least=1)
    items = jax.tree.map(lambda x: jnp.zeros([capacity, *jnp.shape(x)], jnp.asarray(x).dtype), example)
    return RingBuffer(items, jnp.zeros([], jnp.int32))


def insert_items(buffer: RingBuffer, items: Any) -> RingBuffer:
    """Inserts n items, over the oldest once the buffer is full.

    Args:
      buffer: see `ring_buffer`.
      items: a tree like the buffer's, arrays `[n, ...]`, n at most the capacity.

    Returns:
      The new `RingBuffer`.

    Raises:
      ValueError: there are more items than the buffer holds.
    """
    capacity, count = jax.tree.leaves(buffer.items)[0].shape[0], jax.tree.leaves(items)[0].shape[0]
    if count > capacity:
        raise ValueError(f"`items` must be at most {capacity}, the capacity of the buffer, got {count}")
    slots = (buffer.inserted + jnp.arange(count, dtype=jnp.int32)) % capacity
    stored = jax.tree.map(lambda old, new: old.at[slots].set(new), buffer.items, items)
    return RingBuffer(stored, buffer.inserted + count)


def draw_items(key: jax.Array, buffer: RingBuffer, count: int) -> Any:
    """Draws items uniformly, with replacement.

    Args:
      key: a `jax.random.key`.
      buffer: see `ring_buffer`; not empty.
      count: >= 1, how many.

    Returns:
      A tree of arrays `[count, ...]`.

    Raises:
      ValueError: count is less than 1.
    """
    checks.integer("count", count, least=1)
    slots = jax.random.randint(key, (count,), 0, jnp.maximum(buffer.size, 1))
    return jax.tree.map(lambda x: x[slots], buffer.items)
