"""Supervised training for many attempts: likelihood with limited confidence."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform
from ..measure import coverage_factors
from .prospect import unpaired_mean
from .terms import Terms

Array = jax.Array

# The logarithm that stands for that of 0.
LEAST_LOG = -1e4


def unpaired_log_prob_score() -> LossTransform:
    """Scores = log pi(y) of the labelled responses

    Returns:
      A transform reading `log_probs`, writing `scores`.
    """

    def update(terms: Terms) -> Terms:
        return terms.replace(scores=jnp.where(terms.where(terms.log_probs, "unpaired_mask"), terms.log_probs, 0.0))

    return loss_transform(update, reads=("log_probs",), optional_reads=("unpaired_mask",), writes=("scores",))


def coverage_link(n: int) -> LossTransform:
    """Loss = -F(p) log pi(y), F the factor of coverage by n attempts without gradient, see `measure.coverage_factors`

    Args:
      n: >= 1, attempts at test time.

    Returns:
      A transform reading `scores` (log pi(y)) and, where given, `success_rates`, which then is p; else p = pi(y). It writes
      `unpaired_losses` and records `coverage_factor`, the mean of F.

    Chen, Raventos et al., "Rethinking Fine-Tuning when Scaling Test-Time Compute: Limiting Confidence Improves Mathematical
    Reasoning", 2025, arXiv 2502.07154.
    """
    checks.integer("n", n, least=1)

    def update(terms: Terms) -> Terms:
        log_p = jax.lax.stop_gradient(terms.scores)
        if terms.success_rates is not None:
            rates = terms.success_rates.astype(log_p.dtype)
            log_p = jnp.where(rates > 0, jnp.log(jnp.where(rates > 0, rates, 1.0)), LEAST_LOG)
        factors = coverage_factors(log_p, n)
        terms = terms.replace(unpaired_losses=-factors * terms.scores)
        return terms.add_metric("coverage_factor", factors, "unpaired_mask")

    return loss_transform(
        update,
        reads=("scores",),
        optional_reads=("success_rates", "unpaired_mask"),
        writes=("unpaired_losses",),
        metrics=("coverage_factor",),
        hyperparameters={"n": n},
    )


def dco(n: int) -> LossTransform:
    """Direct coverage optimisation: the gradient of L = -mean_b log(1 - (1 - p_b)^n), p_b = pi(y_b), see `coverage_link`.

    The value is the weighted negative log-likelihood. With one attempt it is plain supervised training on whole sequences. For
    chains of thought give `success_rates`, the share of samples with the right answer, and train on questions where it is
    low; for proofs make every step a response of its own.

    Args:
      n: >= 1, attempts at test time.

    Returns:
      A chain reading `log_probs`, the log-probs of whole responses, and, where given, `success_rates`.

    Example:
      >>> loss = preference.dco(2)
      >>> float(loss(preference.Terms(log_probs=jnp.log(jnp.array([0.5])))))  # 2 / 3 log 2
      0.46209...

    Chen, Raventos et al., "Rethinking Fine-Tuning when Scaling Test-Time Compute: Limiting Confidence Improves Mathematical
    Reasoning", 2025, arXiv 2502.07154. Released code trains on samples with a factor above 0.1 only.
    """
    return chain(unpaired_log_prob_score(), coverage_link(n), unpaired_mean(), name="dco")
