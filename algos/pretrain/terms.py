"""The record of a batch of sequences, and the forward pass that fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from .. import core
from ..core.distribution import FactoredLogits, Logits, as_distribution
from ..core.terms import data, differentiated, distribution, mask

Array = jax.Array


@struct.dataclass
class Terms(core.Terms):
    """B sequences of T predicted tokens.

    Data:
      inputs: whatever the model needs, with a leading batch axis (for a decoder the tokens before the predicted ones).
      tokens: `[B, T]` integers, the tokens to be predicted.
      mask: `[B, T]` true where a token counts (not on prompts and padding).
      weights: `[B, T]` factors of the tokens' losses; left out, all are 1. They do not enter the denominators.
    Differentiated, filled in by `forward`:
      log_probs: `[B, T]` log-probs of `tokens`.
      distribution: the distribution over the vocabulary at every position.
    """

    tokens: Array = data("B T")
    mask: Array = mask("B T")
    weights: Array = data("B T")

    log_probs: Array = differentiated("B T")
    distribution: Logits | FactoredLogits = distribution("B T")


def forward(apply_fn: Callable[[Any, Any], Any]) -> Callable[[Any, Terms, Array | None], Terms]:
    """Wraps an apply function for `algax.gradient`.

    Args:
      apply_fn: `(params, inputs) -> ` logits `[B, T, V]`, `Logits` or `FactoredLogits`, where position t predicts
        `tokens[:, t]`.

    Returns:
      `(params, terms, key) -> terms` with `distribution` and `log_probs` filled in.

    Example:
      >>> text = jnp.array([[3, 1, 2, 0]])
      >>> terms = pretrain.Terms(inputs=text[:, :-1], tokens=text[:, 1:])
      >>> forward = pretrain.forward(lambda params, inputs: params[inputs])  # a table of bigrams
      >>> tx = optax.chain(algax.gradient(pretrain.next_token(), forward), optax.adamw(3e-4))
      >>> params = jnp.zeros((4, 4))
      >>> updates, state = tx.update(None, tx.init(params), params, terms=terms)
    """

    def fill(params: Any, terms: Terms, key: Array | None = None) -> Terms:
        del key
        if terms.tokens is None:
            raise ValueError("pretrain.forward needs `tokens`, which is None: set it in pretrain.Terms")
        output = apply_fn(params, terms.inputs)
        predicted = as_distribution(output)
        where = None if terms.mask is None else terms.mask.astype(bool)
        tokens = terms.tokens if where is None else jnp.where(where, terms.tokens, 0)
        return terms.replace(distribution=predicted, log_probs=predicted.log_probs(tokens, where))

    return fill
