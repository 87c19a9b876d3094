"""Errors of the intents and slots that are read off an utterance."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Parse(NamedTuple):
    """What utterances mean.

    Attributes:
      intents: `[N]` integers.
      slots: `[N, S]` integers, the value of each kind of slot; negative for a slot that is not there.
    """

    intents: Array
    slots: Array


def semantic_error_rate(reference: Parse, hypothesis: Parse) -> Array:
    """SemER = (deletions + insertions + substitutions) / (slots of the reference + intents), over slots and intents

    Args:
      reference: N >= 1 true parses.
      hypothesis: what was found.

    Returns:
      `[]` float32 >= 0, of all utterances together; 0 for perfect parses. It may exceed 1 by insertions.

    Raises:
      ValueError: the shapes differ or are others.

    Source: FitzGerald et al., "Alexa Teacher Model: Pretraining and Distilling Multi-Billion-Parameter Encoders for Natural
    Language Understanding Systems", 2022, arXiv 2206.07808.
    """
    shapes = [tuple(array.shape for array in parse) for parse in (reference, hypothesis)]
    if shapes[0] != shapes[1] or len(shapes[0][1]) != 2 or shapes[0][0] != shapes[0][1][:1] or not shapes[0][0][0]:
        raise ValueError(
            f"`reference` and `hypothesis` must have intents [N] and slots [N, S], got {shapes[0]} and {shapes[1]}"
        )
    there, found = reference.slots >= 0, hypothesis.slots >= 0
    wrong_slots = (there != found) | (there & found & (reference.slots != hypothesis.slots))
    errors = jnp.sum(wrong_slots, dtype=jnp.float32) + jnp.sum(reference.intents != hypothesis.intents, dtype=jnp.float32)
    return errors / (jnp.sum(there, dtype=jnp.float32) + shapes[0][0][0])
