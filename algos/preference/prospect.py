"""Prospect-theoretic losses (KTO): every response is compared with a reference point instead of a partner."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms

Array = jax.Array


def unpaired_log_ratio_score() -> LossTransform:
    """Scores = h = log(pi(y) / ref(y)) of the labelled responses

    Returns:
      A transform reading `log_probs` and `ref_log_probs`, writing `scores`.
    """

    def update(terms: Terms) -> Terms:
        ratios = terms.log_probs - terms.ref_log_probs.astype(terms.log_probs.dtype)
        where = terms.where(ratios, "unpaired_mask")
        return terms.replace(scores=jnp.where(where, ratios, 0.0))

    return loss_transform(update, reads=("log_probs", "ref_log_probs"), optional_reads=("unpaired_mask",), writes=("scores",))


def reference_point() -> LossTransform:
    """reference_point = max(0, mean_k log(pi(y_k) / ref(y_k))) over mismatched responses, without gradient

    A response to another prompt is as good as a sample, so this estimates the policy's divergence from the reference.

    Returns:
      A transform reading `kl_log_probs` and `ref_kl_log_probs`, writing `reference_point`; it couples the batch. Records
      the metric `reference_point`.
    """

    def update(terms: Terms) -> Terms:
        ratios = terms.kl_log_probs - terms.ref_kl_log_probs.astype(terms.kl_log_probs.dtype)
        point = jnp.maximum(terms.batch_mean(ratios, "kl_mask"), 0.0)
        return terms.replace(reference_point=point).add_metric("reference_point", point)

    return loss_transform(
        update,
        reads=("kl_log_probs", "ref_kl_log_probs"),
        optional_reads=("kl_mask",),
        writes=("reference_point",),
        metrics=("reference_point",),
        couples_batch=True,
    )


def kto_link(*, beta: checks.ScalarOrSchedule = 0.1, desirable: float = 1.0, undesirable: float = 1.0) -> LossTransform:
    """Loss = desirable (1 - sigma(beta (h - z))) for desirable responses, undesirable (1 - sigma(beta (z - h))) for others

    Args:
      beta: > 0, or a schedule; the larger, the sooner gains and losses saturate.
      desirable: >= 0, weight of desirable responses.
      undesirable: >= 0, weight of undesirable ones.

    Returns:
      A transform reading `scores` (h), `reference_point` (z) and `labels`, writing `unpaired_losses`.

    Ethayarajh et al., "KTO: Model Alignment as Prospect Theoretic Optimization", 2024, arXiv 2402.01306.
    """
    checks.schedule("beta", beta, checks.positive)
    checks.non_negative("desirable", desirable)
    checks.non_negative("undesirable", undesirable)

    def update(terms: Terms) -> Terms:
        scaled = terms.value("beta", beta) * (terms.scores - jax.lax.stop_gradient(terms.reference_point))
        good = terms.labels.astype(bool)
        losses = jnp.where(good, desirable * jax.nn.sigmoid(-scaled), undesirable * jax.nn.sigmoid(scaled))
        return terms.replace(unpaired_losses=losses)

    return loss_transform(
        update,
        reads=("scores", "reference_point", "labels"),
        writes=("unpaired_losses",),
        hyperparameters={"beta": beta, "desirable": desirable, "undesirable": undesirable},
    )


def unpaired_mean(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Loss += coefficient mean_n unpaired_losses_n, over the labelled responses that count

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `unpaired_losses`.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        mean = terms.mean(terms.unpaired_losses, "unpaired_mask")
        return terms.add_loss(terms.value("coefficient", coefficient) * mean)

    return loss_transform(
        update,
        reads=("unpaired_losses",),
        optional_reads=("unpaired_mask",),
        writes=("loss",),
        hyperparameters={"coefficient": coefficient},
    )


def paired_kto_link(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """KTO on pairs: the mean score of the rejected responses is the chosen ones' reference point, and vice versa.

    loss = (1/2) [1 - sigma(beta (c_w - z_l)) + 1 - sigma(beta (z_w - c_l))], z = max(0, mean over the batch of c)

    Args:
      beta: > 0, or a schedule.

    Returns:
      A transform reading `chosen_scores` (c_w) and `rejected_scores` (c_l), writing `pair_losses`; it couples the pairs of
      a batch, because unlike in `kto` the gradient flows through the reference points.

    Ethayarajh et al., 2024, arXiv 2402.01306; the variant that released code has for batches with as many desirable as
    undesirable responses.
    """
    checks.schedule("beta", beta, checks.positive)

    def update(terms: Terms) -> Terms:
        scale = terms.value("beta", beta)
        chosen, rejected = terms.chosen_scores, terms.rejected_scores
        good = jax.nn.sigmoid(-scale * (chosen - _point(terms, rejected)))
        bad = jax.nn.sigmoid(-scale * (_point(terms, chosen) - rejected))
        through_rejected = _through_point(terms, 0.5 * scale * good * (1.0 - good), rejected)
        through_chosen = _through_point(terms, -0.5 * scale * bad * (1.0 - bad), chosen)
        losses = 0.5 * (good + bad) + through_rejected + through_chosen
        return terms.replace(pair_losses=losses)

    return loss_transform(
        update,
        reads=("chosen_scores", "rejected_scores"),
        writes=("pair_losses",),
        hyperparameters={"beta": beta},
        couples_batch=True,
    )


def _point(terms: Terms, scores: Array) -> Array:
    return jnp.maximum(terms.batch_mean(scores), 0.0)


def _through_point(terms: Terms, slopes: Array, scores: Array) -> Array:
    """Zeros whose mean has the gradient that flows through a reference point.

    The point is a statistic of the whole batch without gradient; `slopes` are the derivatives of the losses by it.
    """
    slope = jnp.where(terms.batch_mean(scores) > 0, terms.batch_mean(slopes), 0.0)
    return slope * (scores - jax.lax.stop_gradient(scores))
