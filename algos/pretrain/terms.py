"""The record of a batch of sequences, and the forward pass that fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from .. import core
from ..core.distribution import FactoredLogits, Logits, as_distribution
from ..core.terms import data, differentiated, distribution
from ..core.terms import mask as mask_field

Array = jax.Array


@struct.dataclass
class Terms(core.Terms):
    """B sequences of T predicted tokens.

    Data:
      inputs: whatever the model needs, with a leading batch axis (for a decoder the tokens before the predicted ones).
      tokens: `[B, T]` integers, the tokens to be predicted.
      mask: `[B, T]` true where a token counts (not on prompts and padding).
      weights: `[B, T]` factors of the tokens' losses; left out, all are 1. They do not enter the denominators.
      token_scores: `[B, T]` how bad the predicted tokens are, 0 for good ones.
      step_ids: `[B, T]` integers, which step of its reasoning a token belongs to, from 0 on.
      source_mask: `[B, S]` true on tokens of the source that an encoder reads.
      teacher_distribution: a teacher's distribution over the vocabulary at every position.
      teacher_hidden: `[B, T, E]` a teacher's states.
    Differentiated, filled in by `forward`:
      log_probs: `[B, T]` log-probs of `tokens`.
      distribution: the distribution over the vocabulary at every position.
      values: `[B, T]` predicted rewards of the tokens.
      hidden: `[B, T, D]` the decoder's last states, head_kernel: `[D, V]` what makes logits of them.
      source_hidden: `[B, S, D]` the encoder's states.
      projection_kernel: `[D, E]`, projection_bias: `[E]` a layer that maps states to where sequences are compared.
    """

    tokens: Array = data("B T")
    mask: Array = mask_field("B T")
    weights: Array = data("B T")
    token_scores: Array = data("B T")
    step_ids: Array = data("B T")
    source_mask: Array = mask_field("B S")
    teacher_distribution: Logits | FactoredLogits = distribution("B T", role="data")
    teacher_hidden: Array = data("B T E")

    log_probs: Array = differentiated("B T")
    distribution: Logits | FactoredLogits = distribution("B T")
    values: Array = differentiated("B T")
    hidden: Array = differentiated("B T D")
    head_kernel: Array = differentiated("D V")
    source_hidden: Array = differentiated("B S D")
    projection_kernel: Array = differentiated("D E")
    projection_bias: Array = differentiated("E")


def forward(
    apply_fn: Callable[[Any, Any], Any], value_fn: Callable[[Any, Any], Array] | None = None
) -> Callable[[Any, Terms, Array | None], Terms]:
    """Wraps an apply function for `algax.gradient`.

    Args:
      apply_fn: `(params, inputs) -> ` logits `[B, T, V]`, `Logits` or `FactoredLogits`, where position t predicts
        `tokens[:, t]`.
      value_fn: `(params, inputs) -> values [B, T]` for objectives that predict rewards.

    Returns:
      `(params, terms, key) -> terms` with `distribution`, `log_probs` and `values` filled in.

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
        values = terms.values if value_fn is None else value_fn(params, terms.inputs)
        return terms.replace(distribution=predicted, log_probs=predicted.log_probs(tokens, where), values=values)

    return fill
