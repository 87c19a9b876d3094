"""Next-token prediction, and what keeps its normaliser in bounds."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import FactoredLogits, Logits, checks, numerics
from ..core.transform import LossTransform, loss_transform
from .terms import Terms

Array = jax.Array

REDUCTIONS = ("token_mean", "sequence_mean", "sequence_sum", "constant_length")


def next_token(
    reduction: str = "token_mean",
    *,
    max_length: int | None = None,
    label_smoothing: float = 0.0,
    coefficient: checks.ScalarOrSchedule = 1.0,
) -> LossTransform:
    """Masked cross-entropy of the tokens, in one of four normalisations that differ when lengths do.

    With l_bt = -weights_bt log p(tokens_bt), n_b the number of tokens of row b that count, and B non-empty rows:

    * `"token_mean"`: sum_bt l_bt / sum_b n_b, every token counts alike;
    * `"sequence_mean"`: mean_b (sum_t l_bt / n_b), every sequence counts alike;
    * `"sequence_sum"`: mean_b sum_t l_bt, the mean negative log-likelihood of a sequence;
    * `"constant_length"`: sum_bt l_bt / (B max_length), proportional to the last, at the scale of the first.

    Args:
      reduction: one of the four.
      max_length: the constant length, an integer >= 1; for `"constant_length"` only.
      label_smoothing: e in [0, 1); log p(token) becomes (1 - e) log p(token) + e mean_v log p(v), which needs
        `distribution`.
      coefficient: factor of the loss, >= 0, or a schedule.

    Returns:
      A loss on `log_probs` (and `weights` where given); records the metric `nll`, the unweighted mean per token.

    Raises:
      ValueError: an unknown reduction, a smoothing outside [0, 1), a negative coefficient, or `max_length` missing or out of
        place.

    Example:
      >>> terms = pretrain.Terms(log_probs=jnp.log(jnp.array([[0.5, 0.25]])))
      >>> float(pretrain.next_token()(terms))  # 1.5 log 2
      1.03972...
    """
    checks.option("reduction", reduction, REDUCTIONS)
    checks.between("label_smoothing", label_smoothing, 0.0, 1.0, closed="low")
    checks.schedule("coefficient", coefficient, checks.non_negative)
    if (reduction == "constant_length") != (max_length is not None):
        raise ValueError(
            f'`max_length` must be given with reduction="constant_length" and only then, got {max_length!r} with {reduction!r}'
        )
    if max_length is not None:
        checks.integer("max_length", max_length, least=1)

    def update(terms: Terms) -> Terms:
        log_probs = jnp.where(terms.mask, terms.log_probs, 0.0)
        losses = -_smoothed(terms, log_probs, label_smoothing)
        if terms.weights is not None:
            losses = jnp.where(terms.mask, terms.weights.astype(losses.dtype), 0.0) * losses
        loss = terms.value("coefficient", coefficient) * _reduced(terms, losses, reduction, max_length)
        return terms.add_loss(loss).add_metric("nll", -log_probs)

    return loss_transform(
        update,
        reads=("log_probs", "distribution") if label_smoothing > 0 else ("log_probs",),
        optional_reads=("weights",),
        writes=("loss",),
        metrics=("nll",),
        hyperparameters={
            "reduction": reduction,
            "max_length": max_length,
            "label_smoothing": label_smoothing,
            "coefficient": coefficient,
        },
    )


def _smoothed(terms: Terms, log_probs: Array, label_smoothing: float) -> Array:
    if label_smoothing == 0.0:
        return log_probs
    uniform = terms.distribution.map(lambda all_log_probs: jnp.mean(all_log_probs, axis=-1), where=terms.mask)
    return (1.0 - label_smoothing) * log_probs + label_smoothing * uniform.astype(log_probs.dtype)


def _reduced(terms: Terms, losses: Array, reduction: str, max_length: int | None) -> Array:
    if reduction == "token_mean":
        return terms.mean(losses)
    if reduction == "sequence_mean":
        return terms.mean(terms.row_mean(losses))
    sequence_sum = terms.mean(terms.row_sum(losses))
    return sequence_sum if max_length is None else sequence_sum / max_length


def z_loss(*, coefficient: checks.ScalarOrSchedule = 1e-4) -> LossTransform:
    """Keeps logits normalised: loss = coefficient mean_bt Z_bt^2, Z = log sum_v exp(logits_v).

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A loss on `distribution`, to be added to another.

    Raises:
      ValueError: the coefficient is negative.

    Source: Chowdhery et al., "PaLM: Scaling Language Modeling with Pathways", 2022, arXiv 2204.02311.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        normalisers = _normalisers(terms.distribution, terms.mask)
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(jnp.square(normalisers)))

    return loss_transform(update, reads=("distribution",), writes=("loss",), hyperparameters={"coefficient": coefficient})


def _normalisers(distribution: Logits | FactoredLogits, mask: Array) -> Array:
    """Log sum_v exp(logits_v), `[B, T]`: the logit of a token less its log-prob."""
    if isinstance(distribution, Logits):
        logits = numerics.at_least_float32(distribution.logits)
        return jax.nn.logsumexp(jnp.where(mask[..., None], logits, 0.0), axis=-1)
    hidden, kernel = distribution.hidden, distribution.kernel[:, 0]
    wide = jnp.promote_types(hidden.dtype, jnp.float32)
    first = jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=wide)
    if distribution.bias is not None:
        first = first + distribution.bias[0].astype(first.dtype)
    log_probs = distribution.log_probs(jnp.zeros(mask.shape, jnp.int32), mask)
    return jnp.where(mask, first.astype(log_probs.dtype), 0.0) - log_probs
