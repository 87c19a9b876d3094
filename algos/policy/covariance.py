"""Covariance of log-probs and advantages, through which entropy falls, and methods that act on the tokens where it is large."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .penalties import kl_estimates
from .selection import select_largest, share_of
from .shared import penalise
from .terms import Terms


def token_covariance(terms: Terms) -> jax.Array:
    """Each token's part of the covariance between log-probs and advantages over the valid tokens of the batch.

    c_t = (A_t - mean A) (log pi_t - mean log pi). Tokens with a large c_t are those through which the entropy falls.

    Args:
      terms: a record with `log_probs` and `advantages` `[B, T]`.

    Returns:
      `[B, T]`, 0 behind the mask; the means carry no gradient, nor do the advantages.

    Cui et al., "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", 2025, arXiv 2505.22617.
    """
    advantages = jax.lax.stop_gradient(terms.advantages)
    covariances = (advantages - terms.batch_mean(advantages)) * (terms.log_probs - terms.batch_mean(terms.log_probs))
    return jnp.where(terms.mask, covariances, 0.0)


def importance_weighted() -> LossTransform:
    """The surrogate r A without any clip.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`.

    Cui et al., "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", 2025, arXiv 2505.22617.
    """

    def update(terms: Terms) -> Terms:
        return terms.replace(surrogates=terms.ratios * jax.lax.stop_gradient(terms.advantages))

    return loss_transform(update, reads=("ratios", "advantages"), writes=("surrogates",))


def drop_covariant(*, fraction: float = 2e-4, low: float = 1.0, high: float = 5.0) -> LossTransform:
    """Takes the gradient of a random few of the tokens with high covariance: their weight becomes 0.

    Candidates have low < c_t < high (see `token_covariance`) and are not clipped by the surrogate, which comes before. Of
    them max(floor(fraction N), 1) are drawn without replacement, N the valid tokens of the batch. Dropped tokens still
    count in the denominators.

    Args:
      fraction: in [0, 1], share of all valid tokens to drop.
      low: lower bound of the covariance.
      high: upper bound of the covariance, > low.

    Returns:
      A `LossTransform` reading `key` and writing `weights` `[B, T]`; metric `dropped`, the share of tokens dropped.

    Raises:
      ValueError: an argument is out of range.

    Cui et al., "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", 2025, arXiv 2505.22617
    (Clip-Cov).
    """
    checks.between("fraction", fraction, 0.0, 1.0)
    checks.real("low", low)
    checks.between("high", high, low, float("inf"), closed="neither")

    def update(terms: Terms) -> Terms:
        covariances = jax.lax.stop_gradient(token_covariance(terms))
        clipped = terms.surrogates < terms.ratios * terms.advantages
        candidates = terms.mask & (covariances > low) & (covariances < high) & ~clipped
        everyone = terms.gather(terms.mask)  # one draw for the batch, whichever device holds which rows
        key: Any = terms.key
        draws = terms.local_rows(jax.random.uniform(key, everyone.shape), terms.mask.shape[0])
        count = share_of(fraction, terms.total(covariances))
        kept = 1.0 - select_largest(terms, draws, candidates, count).astype(covariances.dtype)
        terms = terms.add_metric("dropped", 1.0 - kept)
        return terms.replace(weights=kept if terms.weights is None else terms.weights * kept)

    return loss_transform(
        update,
        reads=("log_probs", "advantages", "ratios", "surrogates", "key"),
        writes=("weights",),
        optional_reads=("weights",),
        metrics=("dropped",),
        hyperparameters={"fraction": fraction, "low": low, "high": high},
        couples_batch=True,
    )


def penalise_covariant(coefficient: checks.ScalarOrSchedule = 1.0, *, fraction: float = 2e-3) -> LossTransform:
    """Ties the tokens with the largest covariance to the old policy: penalties += coefficient |log pi - log pi_old| there.

    Of the N valid tokens max(floor(fraction N), 1) are chosen, by `token_covariance`. On policy the gradient is 0.

    Args:
      coefficient: >= 0, or a schedule.
      fraction: in [0, 1], share of all valid tokens to choose.

    Returns:
      A `LossTransform` writing `penalties` `[B, T]`; metric `kl_covariant`, the mean of |log pi - log pi_old| on all tokens.

    Raises:
      ValueError: an argument is out of range.

    Cui et al., "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", 2025, arXiv 2505.22617
    (KL-Cov).
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.between("fraction", fraction, 0.0, 1.0)

    def update(terms: Terms) -> Terms:
        covariances = token_covariance(terms)
        count = share_of(fraction, terms.total(covariances))
        chosen = select_largest(terms, covariances, terms.mask, count, terms.log_probs, terms.old_log_probs)
        distances = kl_estimates(terms.log_probs, terms.old_log_probs, "absolute")
        strength = jnp.asarray(terms.value("coefficient", coefficient), distances.dtype)
        return penalise(terms.add_metric("kl_covariant", distances), strength, jnp.where(chosen, distances, 0.0))

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs", "advantages"),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("kl_covariant",),
        hyperparameters={"coefficient": coefficient, "fraction": fraction},
        couples_batch=True,
    )


def fit_entropy_law(entropies: jax.Array, rewards: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Fits the law R = -a exp(H) + b between a run's entropies and rewards by least squares.

    Args:
      entropies: `[N]` mean entropies over the run, in nats.
      rewards: `[N]` mean rewards at the same steps.

    Returns:
      `(a, b)`, each `[]`; b - a is the reward at which the entropy is used up. Equal entropies give a = 0.

    Raises:
      ValueError: the arrays are not of one shape `[N]`.

    Cui et al., "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", 2025, arXiv 2505.22617.
    """
    if entropies.ndim != 1 or entropies.shape != rewards.shape:
        raise ValueError(f"`entropies` and `rewards` must have one shape [N], got {entropies.shape} and {rewards.shape}")
    x, y = jnp.exp(entropies), rewards
    x_mean, y_mean = jnp.mean(x, axis=-1), jnp.mean(y, axis=-1)
    a = -numerics.safe_divide(jnp.sum((x - x_mean) * (y - y_mean)), jnp.sum(jnp.square(x - x_mean)))
    return a, y_mean + a * x_mean


def adaptive_entropy_bonus(
    coefficient: checks.ScalarOrSchedule = 1.0, *, scale: float = 10.0, limit: float = 5.0, detach: bool = True
) -> LossTransform:
    """Rewards entropy where the covariance is high: penalties -= coefficient e_t H_t.

    e_t = clip(scale * softmax_t(c), 0, limit) with c as in `token_covariance` and the softmax over the response's valid
    tokens.

    Args:
      coefficient: >= 0, or a schedule.
      scale: > 0; the e_t of a response sum to at most this.
      limit: > 0, the largest e_t.
      detach: False lets the gradient flow through e_t too.

    Returns:
      A `LossTransform` reading `entropies` and writing `penalties` `[B, T]`; metric `entropy_coefficient`, the mean of e_t.

    Raises:
      ValueError: an argument is out of range.

    Wang et al., "Light-IF: Endowing LLMs with Generalizable Reasoning via Preview and Self-Checking for Complex Instruction
    Following", 2025, arXiv 2508.03178 (TEA). Released code does not detach e_t.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.positive("scale", scale)
    checks.positive("limit", limit)
    checks.boolean("detach", detach)

    def update(terms: Terms) -> Terms:
        covariances = token_covariance(terms)
        lowest = jnp.finfo(covariances.dtype).min
        largest = jnp.max(jnp.where(terms.mask, jax.lax.stop_gradient(covariances), lowest), axis=1, keepdims=True)
        powers = jnp.where(terms.mask, jnp.exp(jnp.where(terms.mask, covariances - largest, 0.0)), 0.0)
        shares = numerics.safe_divide(powers, jnp.sum(powers, axis=1, keepdims=True))
        factors = jnp.clip(scale * shares, 0.0, limit)
        factors = jax.lax.stop_gradient(factors) if detach else factors
        strength = jnp.asarray(terms.value("coefficient", coefficient), factors.dtype)
        return penalise(terms.add_metric("entropy_coefficient", factors), -strength, factors * terms.entropies)

    return loss_transform(
        update,
        reads=("log_probs", "advantages", "entropies"),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("entropy_coefficient",),
        hyperparameters={"coefficient": coefficient, "scale": scale, "limit": limit, "detach": detach},
        couples_batch=True,
    )
