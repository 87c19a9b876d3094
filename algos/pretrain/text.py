"""Batches of text, what a model reads and what it learns at the same places, and what objectives take."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .terms import Terms

Array = jax.Array


class TokenBatch(NamedTuple):
    """Texts as a model reads them, and what is learned of them.

    Attributes:
      tokens: `[B, L]` integers, what the model reads.
      mask: `[B, L]` true on tokens, false on padding, which is on the right.
      targets: `[B, L]` integers, the tokens to be learned at the same places; those of the text unless it was corrupted.
      learned: `[B, L]` true where the target counts in a loss.
      step: `[]` integer at which schedules are read, where a transform has one.
    """

    tokens: Array
    mask: Array
    targets: Array
    learned: Array
    step: Array | None = None

    @property
    def lengths(self) -> Array:
        """`[B]` int32: how many tokens each text has."""
        return jnp.sum(self.mask, axis=1, dtype=jnp.int32)


class Seq2SeqBatch(NamedTuple):
    """Inputs that a model reads as a whole, and targets that it writes.

    Attributes:
      inputs: `[B, I]` integers.
      inputs_mask: `[B, I]` true on tokens, false on padding, which is on the right.
      targets: `[B, J]` integers.
      targets_mask: `[B, J]` true on tokens.
      inputs_segments: `[B, I]` integers, which of the texts packed into a row a token is of; None for one text a row.
      targets_segments: `[B, J]` integers, the same of the targets.
    """

    inputs: Array
    inputs_mask: Array
    targets: Array
    targets_mask: Array
    inputs_segments: Array | None = None
    targets_segments: Array | None = None


def token_batch(tokens: Array, mask: Array | None = None, learned: Array | None = None) -> TokenBatch:
    """Makes a batch of texts that are learned as they are.

    Args:
      tokens: `[B, L]` integers.
      mask: `[B, L]` true on tokens; left out, there is no padding.
      learned: `[B, L]` true on tokens that count in a loss (not on prompts); left out, all do.

    Returns:
      A `TokenBatch` whose targets are the tokens.
    """
    mask = jnp.ones(tokens.shape, bool) if mask is None else mask.astype(bool)
    return TokenBatch(tokens, mask, tokens, mask if learned is None else mask & learned.astype(bool))


def causal_terms(batch: TokenBatch) -> Terms:
    """What a decoder learns of a batch: each target from the tokens before it.

    Args:
      batch: texts `[B, L]`.

    Returns:
      `Terms` with inputs, tokens and mask `[B, L - 1]`.
    """
    return Terms(inputs=batch.tokens[:, :-1], tokens=batch.targets[:, 1:], mask=(batch.learned & batch.mask)[:, 1:])
