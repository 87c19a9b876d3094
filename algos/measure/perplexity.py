"""How well a language model predicts a text, per token and per byte."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ..core import numerics

Array = jax.Array


def perplexity(nlls: Array, counts: Array) -> Array:
    """The perplexity of a corpus: exp(sum of negative log-likelihoods / sum of tokens), however it is cut into batches

    Args:
      nlls: `[...]` sums of negative log-likelihoods in nats, such as one a batch.
      counts: `[...]` how many tokens each is of.

    Returns:
      `[]`, the perplexity; that of a uniform model is the size of its vocabulary. 1 without tokens.

    Raises:
      ValueError: the shapes differ.

    Source: Jelinek et al., "Perplexity - a Measure of the Difficulty of Speech Recognition Tasks", 1977.
    """
    return jnp.exp(_rate(nlls, counts))


def bits_per_byte(nlls: Array, counts: Array) -> Array:
    """What a model needs to encode a byte of a corpus: sum of negative log-likelihoods / (log 2 sum of bytes)

    It compares models of different tokenizers, where a perplexity does not.

    Args:
      nlls: `[...]` sums of negative log-likelihoods in nats.
      counts: `[...]` how many bytes the texts behind each have.

    Returns:
      `[]`, bits; 8 of a uniform model of bytes, 0 without bytes.

    Raises:
      ValueError: the shapes differ.

    Source: Gao et al., "The Pile: An 800GB Dataset of Diverse Text for Language Modeling", 2020, arXiv 2101.00027.
    """
    return _rate(nlls, counts) / math.log(2.0)


def _rate(nlls: Array, counts: Array) -> Array:
    nlls, counts = jnp.asarray(nlls), jnp.asarray(counts)
    if nlls.shape != counts.shape:
        raise ValueError(f"`nlls` and `counts` must have one shape, got {nlls.shape} and {counts.shape}")
    total = jnp.sum(numerics.at_least_float32(nlls))
    return numerics.safe_divide(total, jnp.sum(counts).astype(total.dtype))
