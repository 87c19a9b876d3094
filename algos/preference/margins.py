"""Margins: by how much a pair is ordered well; each writes `margins`."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .scores import LOG_PROBS, REFERENCE
from .terms import Terms

Array = jax.Array


def margin(*, beta: checks.ScalarOrSchedule = 0.1, gamma: checks.ScalarOrSchedule = 0.0) -> LossTransform:
    """Margins = beta (chosen_scores - rejected_scores) - gamma

    Args:
      beta: > 0, or a schedule; the larger, the sooner a link saturates.
      gamma: any real number, or a schedule; the margin a pair should have before it counts as ordered.

    Returns:
      A transform reading `chosen_scores` and `rejected_scores`; records `margin`, the mean of beta times the difference of
      the scores, and `accuracy`, the share of pairs whose chosen response scores higher.
    """
    checks.schedule("beta", beta, checks.positive)
    checks.schedule("gamma", gamma)

    def update(terms: Terms) -> Terms:
        difference = terms.chosen_scores - terms.rejected_scores
        scaled = terms.value("beta", beta) * difference
        terms = terms.replace(margins=scaled - terms.value("gamma", gamma))
        return terms.add_metric("margin", scaled).add_metric("accuracy", (difference > 0).astype(scaled.dtype))

    return loss_transform(
        update,
        reads=("chosen_scores", "rejected_scores"),
        writes=("margins",),
        metrics=("margin", "accuracy"),
        hyperparameters={"beta": beta, "gamma": gamma},
    )


def quantile_margin(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Compares every pair's policy log-ratio with the reference log-ratio of the same rank in the batch.

    margins_b = beta (p_b - q_(rank of p_b)), p = log pi(chosen) / pi(rejected), q the same under the reference, sorted.
    So the policy's whole distribution of log-ratios is to dominate the reference's, not each pair its own.

    Args:
      beta: > 0, or a schedule.

    Returns:
      A transform reading log-probs and reference log-probs of both responses, which couples the pairs of a batch. The
      ranks have no gradient.

    Melnyk et al., "Distributional Preference Alignment of LLMs via Optimal Transport", 2024, arXiv 2406.05882.
    """
    checks.schedule("beta", beta, checks.positive)

    def update(terms: Terms) -> Terms:
        policy = terms.chosen_log_probs - terms.rejected_log_probs
        reference = (terms.ref_chosen_log_probs - terms.ref_rejected_log_probs).astype(policy.dtype)
        # Pairs that do not count sort behind all others, on both sides.
        ranks = jnp.argsort(jnp.argsort(terms.gather(jnp.where(terms.mask, policy, jnp.inf))))
        by_rank = jnp.sort(terms.gather(jnp.where(terms.mask, reference, jnp.inf)))
        matched = terms.local_rows(by_rank[ranks], policy.shape[0])
        difference = jnp.where(terms.mask, policy - matched, 0.0)
        return terms.replace(margins=terms.value("beta", beta) * difference)

    return loss_transform(
        update,
        reads=(*LOG_PROBS, *REFERENCE),
        writes=("margins",),
        hyperparameters={"beta": beta},
        couples_batch=True,
    )


def pair_weights(margins: Array) -> Array:
    """sigma(-margins), the size of the sigmoid link's slope: how much a pair still teaches.

    Args:
      margins: any shape.

    Returns:
      Weights in (0, 1), of the same shape; times beta the gradient of DPO with respect to a score.
    """
    return jax.nn.sigmoid(-margins)
