"""Scores: how the policy rates the two responses of a pair; each writes `chosen_scores` and `rejected_scores`."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from . import divergences
from .terms import Terms

Array = jax.Array

LOG_PROBS = ("chosen_log_probs", "rejected_log_probs")
REFERENCE = ("ref_chosen_log_probs", "ref_rejected_log_probs")
LENGTHS = ("chosen_lengths", "rejected_lengths")


def log_prob_score() -> LossTransform:
    """Score = log pi(y), the summed log-prob, without a reference.

    Returns:
      A transform reading `chosen_log_probs` and `rejected_log_probs`.
    """
    return _score(lambda terms, side: _log_probs(terms, side), LOG_PROBS, name="log_prob_score")


def mean_log_prob_score() -> LossTransform:
    """Score = log pi(y) / |y|, the mean log-prob of a token, without a reference; |y| is at least 1.

    Returns:
      A transform reading log-probs and lengths of both responses.
    """
    return _score(_mean_log_probs, (*LOG_PROBS, *LENGTHS), name="mean_log_prob_score")


def log_ratio_score() -> LossTransform:
    """Score = h = log(pi(y) / ref(y)), the implicit reward of DPO over beta.

    Returns:
      A transform reading log-probs and reference log-probs of both responses.
    """
    return _score(_log_ratios, (*LOG_PROBS, *REFERENCE), name="log_ratio_score")


def mean_log_ratio_score() -> LossTransform:
    """Score = h / |y|, the log-ratio of a token; |y| is at least 1.

    Returns:
      A transform reading log-probs, reference log-probs and lengths of both responses.
    """

    def score(terms: Terms, side: str) -> Array:
        return _log_ratios(terms, side) / _lengths(terms, side)

    return _score(score, (*LOG_PROBS, *REFERENCE, *LENGTHS), name="mean_log_ratio_score")


def log_odds_score() -> LossTransform:
    """Score = log(p / (1 - p)) with log p the mean log-prob of a token.

    The odds are infinite at p = 1, so log p is kept at or below -1e-7, with zero gradient beyond.

    Returns:
      A transform reading log-probs and lengths of both responses.

    Hong, Lee, Thorne, "ORPO: Monolithic Preference Optimization without Reference Model", 2024, arXiv 2403.07691.
    """

    def score(terms: Terms, side: str) -> Array:
        log_p = jnp.where(terms.mask, _mean_log_probs(terms, side), -1.0)
        log_p = jnp.minimum(log_p, -1e-7)
        return log_p - numerics.log1mexp(log_p)

    return _score(score, (*LOG_PROBS, *LENGTHS), name="log_odds_score")


def divergence_score(divergence: str = "reverse_kl", order: float | None = None) -> LossTransform:
    """Score = f'(pi(y) / ref(y)) up to a constant, which turns DPO's KL constraint into that of another divergence.

    Args:
      divergence: its name, see the function `divergence`; all but `"total_variation"`, whose derivative is a step.
      order: order of the `"alpha"` divergence.

    Returns:
      A transform reading log-probs and reference log-probs of both responses. Exponents are clipped at 80 from above.

    Wang, Jiang, Yang, Liu, Chen, "Beyond Reverse KL", 2023, arXiv 2309.16240.
    """
    checks.option("divergence", divergence, divergences.NAMES)
    apply = divergences.divergence(divergence, order).score
    if apply is None:
        raise ValueError(f"`divergence` must be one with a smooth derivative, got {divergence!r}")

    def score(terms: Terms, side: str) -> Array:
        return apply(_log_ratios(terms, side))

    hyperparameters = {"divergence": divergence, "order": order}
    return _score(score, (*LOG_PROBS, *REFERENCE), name="divergence_score", hyperparameters=hyperparameters)


def implicit_rewards(log_probs: Array, ref_log_probs: Array, beta: float | Array) -> Array:
    """The reward whose KL-regularised optimum the policy is: beta log(pi / ref), up to a function of the prompt.

    Args:
      log_probs: summed log-probs under the policy, any shape.
      ref_log_probs: the same under the reference.
      beta: > 0, weight of the KL.

    Returns:
      Rewards, of the same shape, for logging and ranking.
    """
    return beta * (log_probs - ref_log_probs)


def _score(
    score: Callable[[Terms, str], Array], reads: tuple[str, ...], *, name: str, hyperparameters: dict | None = None
) -> LossTransform:
    checks.strings("reads", reads)

    def update(terms: Terms) -> Terms:
        return terms.replace(chosen_scores=score(terms, "chosen"), rejected_scores=score(terms, "rejected"))

    writes = ("chosen_scores", "rejected_scores")
    return loss_transform(update, reads=reads, writes=writes, hyperparameters=hyperparameters, name=name)


def _log_probs(terms: Terms, side: str) -> Array:
    """Summed log-probs, 0 where the pair does not count."""
    return jnp.where(terms.mask, getattr(terms, f"{side}_log_probs"), 0.0)


def _log_ratios(terms: Terms, side: str) -> Array:
    log_probs = getattr(terms, f"{side}_log_probs")
    return jnp.where(terms.mask, log_probs - getattr(terms, f"ref_{side}_log_probs").astype(log_probs.dtype), 0.0)


def _lengths(terms: Terms, side: str) -> Array:
    dtype = getattr(terms, f"{side}_log_probs").dtype
    return jnp.maximum(jnp.where(terms.mask, getattr(terms, f"{side}_lengths").astype(dtype), 1.0), 1.0)


def _mean_log_probs(terms: Terms, side: str) -> Array:
    return _log_probs(terms, side) / _lengths(terms, side)
