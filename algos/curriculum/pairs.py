"""Pairs for preference learning out of a batch of verified responses."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Pairs(NamedTuple):
    """A pair a row, with the row's own response as the rejected one.

    Attributes:
      chosen: `[B]` integers, the row of the chosen response; 0 where there is none.
      from_reference: `[B]`, true where the chosen response is the reference of the row's question instead.
      where: `[B]`, true where the row is in a pair.
    """

    chosen: jax.Array
    from_reference: jax.Array
    where: jax.Array


def pairs_from_rollouts(correct: jax.Array, group_ids: jax.Array, has_reference: jax.Array | None = None) -> Pairs:
    """Matches failed with correct responses to the same question, in their order: min(c, w) pairs of c correct and w failed.

    Where all of a question's responses fail, its reference is the one correct response: it is chosen over the first.

    Args:
      correct: `[B]`, true or 1 where a response is correct.
      group_ids: `[B]` integers; responses to one question share an id, any integers will do.
      has_reference: `[B]`, true where there is a reference for the row's question; None for nowhere.

    Returns:
      `Pairs`.

    Wang et al., "Socratic-Zero: Bootstrapping Reasoning via Data-Free Agent Co-evolution", 2025, arXiv 2509.24726, which does
    not say how many pairs a question gives.
    """
    right = correct.astype(bool)
    together = group_ids[:, None] == group_ids[None, :]
    earlier = together & jnp.tril(jnp.ones(together.shape, bool), -1)
    # How many correct responses to the question come before a correct one, and failed ones before a failed one.
    rank = jnp.sum(earlier & (right[:, None] == right[None, :]), axis=1)
    matches = together & (~right)[:, None] & right[None, :] & (rank[:, None] == rank[None, :])
    taught = jnp.zeros(right.shape, bool) if has_reference is None else has_reference.astype(bool)
    from_reference = ~(together & right[None, :]).any(axis=1) & (rank == 0) & taught
    return Pairs(jnp.argmax(matches, axis=1), from_reference, matches.any(axis=1) | from_reference)
