"""The record of a batch to forget, to retain and to answer evasively, and the forward pass that fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct

from .. import core
from ..core.distribution import FactoredLogits, Logits, as_distribution
from ..core.terms import data, differentiated, distribution, mask

Array = jax.Array


@struct.dataclass
class Terms(core.Terms):
    """F sequences to forget, R to retain, and an evasive answer ("I don't know") to each of the F questions.

    Position t of a distribution is the one that predicts token t. Classification is the case of one position.

    Data:
      inputs: a dict with what the model needs for `"forget"`, `"retain"` and, where used, `"idk"`; leading axes F, R, F.
      forget_tokens, forget_mask: `[F, T]` the tokens to forget, and where they count (not on prompts and padding).
      retain_tokens, retain_mask: `[R, U]` the same of the sequences to retain.
      idk_tokens, idk_mask: `[F, W]` the same of the evasive answers.
      ref_forget_log_probs: `[F, T]`, ref_retain_log_probs: `[R, U]`, ref_idk_log_probs: `[F, W]` log-probs of the tokens
        under the frozen reference, as a rule the model before unlearning.
      ref_forget_distribution, ref_retain_distribution: the reference's distributions over the vocabulary.
    Differentiated, filled in by `forward`:
      forget_log_probs: `[F, T]`, retain_log_probs: `[R, U]`, idk_log_probs: `[F, W]` log-probs of the tokens.
      forget_distribution, retain_distribution: distributions over the vocabulary.
    """

    batch_axes: ClassVar[tuple[str, ...]] = ("F", "R")

    forget_tokens: Array = data("F T")
    forget_mask: Array = mask("F T")
    ref_forget_log_probs: Array = data("F T")
    ref_forget_distribution: Logits | FactoredLogits = distribution("F T", role="data")
    retain_tokens: Array = data("R U")
    retain_mask: Array = mask("R U")
    ref_retain_log_probs: Array = data("R U")
    ref_retain_distribution: Logits | FactoredLogits = distribution("R U", role="data")
    idk_tokens: Array = data("F W")
    idk_mask: Array = mask("F W")
    ref_idk_log_probs: Array = data("F W")

    forget_log_probs: Array = differentiated("F T")
    forget_distribution: Logits | FactoredLogits = distribution("F T")
    retain_log_probs: Array = differentiated("R U")
    retain_distribution: Logits | FactoredLogits = distribution("R U")
    idk_log_probs: Array = differentiated("F W")


KINDS = ("forget", "retain", "idk")


def forward(apply_fn: Callable[[Any, Any], Any]) -> Callable[[Any, Terms, Array | None], Terms]:
    """Wraps an apply function for `algax.gradient`.

    Args:
      apply_fn: `(params, inputs) -> ` logits `[rows, positions, V]`, `Logits` or `FactoredLogits`, where position t
        predicts token t; called once for every entry of `terms.inputs`.

    Returns:
      `(params, terms, key) -> terms` with log-probs and distributions filled in for the entries of `terms.inputs`.

    Raises:
      ValueError: (when called) `terms.inputs` is no dict of known entries, or an entry's tokens are missing.

    Example:
      >>> forget, retain = jnp.array([[3, 1, 2]]), jnp.array([[0, 1, 1, 2]])
      >>> inputs = {"forget": forget[:, :-1], "retain": retain[:, :-1]}
      >>> terms = unlearn.Terms(inputs=inputs, forget_tokens=forget[:, 1:], retain_tokens=retain[:, 1:])
      >>> forward = unlearn.forward(lambda params, inputs: params[inputs])  # a table of bigrams
      >>> tx = algax.gradient(unlearn.gradient_difference(), forward)
      >>> gradient, state = tx.update(None, tx.init(jnp.zeros((4, 4))), jnp.zeros((4, 4)), terms=terms)
    """

    def fill(params: Any, terms: Terms, key: Array | None = None) -> Terms:
        del key
        changes: dict[str, Any] = {}
        for kind in _kinds(terms):
            tokens, where = getattr(terms, f"{kind}_tokens"), getattr(terms, f"{kind}_mask")
            if tokens is None:
                raise ValueError(f"unlearn.forward needs `{kind}_tokens`, which is None: set it in unlearn.Terms")
            output = apply_fn(params, terms.inputs[kind])
            predicted = as_distribution(output)
            if where is not None:
                where = where.astype(bool)
                tokens = jnp.where(where, tokens, 0)
            changes[f"{kind}_log_probs"] = predicted.log_probs(tokens, where)
            if kind != "idk":
                changes[f"{kind}_distribution"] = predicted
        return terms.replace(**changes)

    return fill


def _kinds(terms: Terms) -> list[str]:
    if not isinstance(terms.inputs, dict) or not terms.inputs or set(terms.inputs) - set(KINDS):
        came = sorted(terms.inputs) if isinstance(terms.inputs, dict) else type(terms.inputs).__name__
        raise ValueError(f"unlearn.forward needs `inputs` as a dict with some of {list(KINDS)}, got {came}")
    return [kind for kind in KINDS if kind in terms.inputs]
