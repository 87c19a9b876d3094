"""The record of a batch of preferences, and the forward pass that fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct

from .. import core
from ..core.distribution import as_distribution
from ..core.terms import data, derived, differentiated, row_counts
from ..core.terms import mask as mask_field

Array = jax.Array


@struct.dataclass
class Terms(core.Terms):
    """B pairs of a chosen and a rejected response, or N responses labelled on their own.

    Log-probs are sums over the tokens of a response. K mismatched responses (each to another's prompt) estimate the
    divergence from the reference for `kto`.

    Data:
      inputs: whatever the model needs; for `forward` a dict of `Sequences`.
      mask: `[B]` true where a pair counts.
      ref_chosen_log_probs, ref_rejected_log_probs: `[B]` log-probs under the frozen reference.
      chosen_lengths, rejected_lengths: `[B]` numbers of tokens.
      labels: `[N]` true for a desirable response.
      unpaired_mask: `[N]` true where a labelled response counts.
      ref_log_probs: `[N]` log-probs of the labelled responses under the reference.
      prompt_values: `[N]` estimated values of the prompts of the labelled responses.
      success_rates: `[N]` share of samples that answer the prompts of the labelled responses rightly.
      kl_mask: `[K]`, ref_kl_log_probs: `[K]` the same of the mismatched responses.
    Differentiated, filled in by `forward`:
      chosen_log_probs, rejected_log_probs: `[B]`.
      log_probs: `[N]` of the labelled responses.
      kl_log_probs: `[K]` of the mismatched ones; no loss lets a gradient through them.
    Derived:
      chosen_scores, rejected_scores: `[B]` how well the policy rates a response.
      margins: `[B]` what a link sees, positive where the pair is ordered well.
      pair_losses: `[B]`.
      chosen_token_count: `[]` number of tokens in all chosen responses.
      scores: `[N]`, reference_point: `[]`, unpaired_losses: `[N]` the same for labelled responses.
    """

    batch_axes: ClassVar[tuple[str, ...]] = ("B", "N", "K")

    mask: Array = mask_field("B")
    ref_chosen_log_probs: Array = data("B")
    ref_rejected_log_probs: Array = data("B")
    chosen_lengths: Array = data("B")
    rejected_lengths: Array = data("B")
    labels: Array = data("N")
    unpaired_mask: Array = mask_field("N")
    ref_log_probs: Array = data("N")
    prompt_values: Array = data("N")
    success_rates: Array = data("N")
    kl_mask: Array = mask_field("K")
    ref_kl_log_probs: Array = data("K")

    chosen_log_probs: Array = differentiated("B")
    rejected_log_probs: Array = differentiated("B")
    log_probs: Array = differentiated("N")
    kl_log_probs: Array = differentiated("K")

    chosen_scores: Array = derived("B")
    rejected_scores: Array = derived("B")
    margins: Array = derived("B")
    pair_losses: Array = derived("B")
    chosen_token_count: Array = derived()
    scores: Array = derived("N")
    reference_point: Array = derived()
    unpaired_losses: Array = derived("N")


@struct.dataclass
class Sequences:
    """Responses as a model sees them.

    Attributes:
      inputs: whatever the model needs, with a leading batch axis.
      tokens: `[rows, T]` integers, the tokens of the responses.
      mask: `[rows, T]` true where a token belongs to the response (not to the prompt or the padding).
    """

    inputs: Any
    tokens: Array
    mask: Array

    @property
    def lengths(self) -> Array:
        """`[rows]` numbers of tokens, float32."""
        return row_counts(self.mask.astype(bool))


FIELDS = {
    "chosen": "chosen_log_probs",
    "rejected": "rejected_log_probs",
    "unpaired": "log_probs",
    "kl": "kl_log_probs",
}


def forward(apply_fn: Callable[[Any, Any], Any]) -> Callable[[Any, Terms, Array | None], Terms]:
    """Wraps an apply function for `algax.gradient`.

    Args:
      apply_fn: `(params, inputs) -> ` logits `[rows, T, V]`, `Logits` or `FactoredLogits`, where position t predicts
        `tokens[:, t]`; called once for every entry of `terms.inputs`, a dict of `Sequences` with some of the names
        `"chosen"`, `"rejected"`, `"unpaired"` and `"kl"`.

    Returns:
      `(params, terms, key) -> terms` with the summed log-probs of the entries filled in.

    Raises:
      ValueError: (when called) `terms.inputs` is no dict of `Sequences` with these names.

    Example:
      >>> texts, mask = {"chosen": jnp.array([[0, 1, 2]]), "rejected": jnp.array([[0, 3, 3]])}, jnp.ones((1, 2))
      >>> inputs = {k: preference.Sequences(text[:, :-1], text[:, 1:], mask) for k, text in texts.items()}
      >>> forward = preference.forward(lambda params, inputs: params[inputs])  # a table of bigrams
      >>> terms, params = preference.Terms(inputs=inputs), jnp.zeros((4, 4))
      >>> reference = forward(params, terms)
      >>> terms = terms.replace(ref_chosen_log_probs=reference.chosen_log_probs)
      >>> terms = terms.replace(ref_rejected_log_probs=reference.rejected_log_probs)
      >>> tx = algax.gradient(preference.dpo(), forward)
      >>> gradient, state = tx.update(None, tx.init(params), params, terms=terms)
    """

    def fill(params: Any, terms: Terms, key: Array | None = None) -> Terms:
        del key
        changes = {}
        for name, sequences in _entries(terms.inputs).items():
            output = apply_fn(params, sequences.inputs)
            predicted = as_distribution(output)
            where = sequences.mask.astype(bool)
            log_probs = predicted.log_probs(jnp.where(where, sequences.tokens, 0), where)
            changes[FIELDS[name]] = jnp.sum(log_probs, axis=1)
        return terms.replace(**changes)

    return fill


def _entries(inputs: Any) -> dict[str, Sequences]:
    known = isinstance(inputs, dict) and inputs and not set(inputs) - set(FIELDS)
    if not known or not all(isinstance(value, Sequences) for value in inputs.values()):
        came = {k: type(v).__name__ for k, v in inputs.items()} if isinstance(inputs, dict) else type(inputs).__name__
        raise ValueError(f"preference.forward needs `inputs` as a dict of Sequences by {sorted(FIELDS)}, got {came}")
    return inputs
