"""The record of a batch of sampled responses, and the forward pass that fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from .. import core
from ..core.distribution import FactoredLogits, Logits, as_distribution
from ..core.terms import data, derived, differentiated, distribution, mask

Array = jax.Array


@struct.dataclass
class Terms(core.Terms):
    """B responses of T positions; position t is the t-th token the policy may have produced.

    Data:
      tokens: `[B, T]` integers, the sampled tokens.
      mask: `[B, T]` true on tokens the policy produced (not on prompt, padding or tool output).
      rewards: `[B]` reward of each response.
      token_rewards: `[B, T]` reward of each token.
      group_ids: `[B]` integers; responses to one prompt share an id, any integers will do.
      correct: `[B]` true where a verifier accepted the response.
      answer_ids: `[B]` integers; responses with the same final answer share an id, any integers will do.
      truncated: `[B]` true where generation hit the length limit before its stop token.
      old_log_probs: `[B, T]` log-probs under the policy that starts the update, in the context that sampled.
      behaviour_log_probs: `[B, T]` log-probs as the sampler reported them, if it differs from the trainer.
      ref_log_probs: `[B, T]` log-probs under the frozen reference.
      old_values: `[B, T]` recorded predictions of the critic.
      ref_distribution: the reference's distribution over the vocabulary at every position.
    Differentiated, filled in by `forward`:
      log_probs: `[B, T]` log-probs of `tokens` under the current policy.
      distribution: the policy's distribution over the vocabulary at every position.
      values: `[B, T]` the critic's predictions.
    Derived:
      advantages, returns: `[B, T]`.
      ratios: `[B, T]` importance ratios; value and gradient may differ.
      lower_bounds, upper_bounds: `[B, T]` bounds of the ratio, written by methods that search for them.
      weights: `[B, T]` factors of the surrogates, without gradient.
      surrogates: `[B, T]` to be maximised.
      penalties: `[B, T]` to be minimised.
    """

    tokens: Array = data("B T")
    mask: Array = mask("B T")
    rewards: Array = data("B")
    token_rewards: Array = data("B T")
    group_ids: Array = data("B")
    correct: Array = data("B")
    answer_ids: Array = data("B")
    truncated: Array = data("B")
    old_log_probs: Array = data("B T")
    behaviour_log_probs: Array = data("B T")
    ref_log_probs: Array = data("B T")
    old_values: Array = data("B T")
    ref_distribution: Logits | FactoredLogits = distribution("B T", role="data")

    log_probs: Array = differentiated("B T")
    distribution: Logits | FactoredLogits = distribution("B T")
    values: Array = differentiated("B T")

    advantages: Array = derived("B T")
    returns: Array = derived("B T")
    ratios: Array = derived("B T")
    lower_bounds: Array = derived("B T")
    upper_bounds: Array = derived("B T")
    weights: Array = derived("B T")
    surrogates: Array = derived("B T")
    penalties: Array = derived("B T")


def forward(
    apply_fn: Callable[[Any, Any], Any], value_fn: Callable[[Any, Any], Array] | None = None
) -> Callable[[Any, Terms, Array | None], Terms]:
    """Wraps an apply function for `algax.gradient`.

    Args:
      apply_fn: `(params, inputs) -> ` logits `[B, T, V]`, `Logits` or `FactoredLogits`, where position t predicts
        `tokens[:, t]`.
      value_fn: `(params, inputs) -> values [B, T]` for objectives with a critic.

    Returns:
      `(params, terms, key) -> terms` with `distribution`, `log_probs` and `values` filled in.
    """

    def fill(params: Any, terms: Terms, key: Array | None = None) -> Terms:
        del key
        if terms.tokens is None:
            raise ValueError("policy.forward needs `tokens`, which is None: set it in policy.Terms")
        output = apply_fn(params, terms.inputs)
        predicted = as_distribution(output)
        where = None if terms.mask is None else jnp.asarray(terms.mask, bool)
        values = terms.values if value_fn is None else value_fn(params, terms.inputs)
        return terms.replace(
            distribution=predicted, log_probs=predicted.log_probs(terms.tokens, where), values=values
        )

    return fill
