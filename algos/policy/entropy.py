"""Entropies of the policy, and the weights and scales that methods make of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .terms import Terms


def token_entropies() -> LossTransform:
    """Writes the policy's entropy at every position: H = -sum_v pi log pi, in nats.

    Returns:
      A `LossTransform` writing `entropies` `[B, T]`, with gradient; metric `entropy`.
    """

    def update(terms: Terms) -> Terms:
        entropies = terms.distribution.entropies()
        return terms.replace(entropies=entropies).add_metric("entropy", entropies)

    return loss_transform(update, reads=("distribution",), writes=("entropies",), metrics=("entropy",))


def entropy_change(log_probs: jax.Array, old_log_probs: jax.Array, entropies: jax.Array, advantages: jax.Array) -> jax.Array:
    """Estimates how a step on each token changes the entropy there: (A / pi_old) pi (1 - pi) (log pi + H), elementwise.

    A positive value lowers the entropy, a negative one raises it: with A > 0 the entropy falls on a token that is likelier
    than average (log pi > -H) and rises on an unlikelier one.

    Args:
      log_probs: any shape; probabilities are clipped to [1e-8, 1 - 1e-8].
      old_log_probs: the same shape.
      entropies: the same shape, in nats.
      advantages: the same shape.

    Returns:
      The estimates, without gradient; 0 where they would not be finite.

    Hao et al., "Rethinking Entropy Interventions in RLVR: An Entropy Change Perspective", 2025, arXiv 2510.10150.
    """
    probabilities = jnp.clip(jnp.exp(log_probs), 1e-8, 1 - 1e-8)
    change = advantages / jnp.exp(old_log_probs) * probabilities * (1 - probabilities) * (jnp.log(probabilities) + entropies)
    return jax.lax.stop_gradient(jnp.where(jnp.isfinite(change), change, 0.0))


def entropy_change_weights(
    *, mode: str = "exponential", lowest: float = 0.8, highest: float = 1.2, floor: float = 0.02
) -> LossTransform:
    """Shrinks the weight of tokens that change the entropy much, by m = |`entropy_change`|.

    "exponential": weights *= exp(-k m), k = -log(lowest) / max(max m, floor). "linear": weights *= highest - (m - min m)
    (highest - lowest) / (max m - min m), and the middle if all m are equal. Smallest and largest are over the valid tokens
    of the batch.

    Args:
      mode: "exponential" or "linear".
      lowest: in (0, 1], the weight of the token with the largest m.
      highest: >= lowest, for "linear" the weight of the token with the smallest m.
      floor: > 0, for "exponential".

    Returns:
      A `LossTransform` writing `weights` `[B, T]`; metric `entropy_change`, the mean of m.

    Raises:
      ValueError: an argument is out of range or unknown.

    Hao et al., "Rethinking Entropy Interventions in RLVR: An Entropy Change Perspective", 2025, arXiv 2510.10150 (STEER).
    """
    checks.option("mode", mode, ("exponential", "linear"))
    checks.between("lowest", lowest, 0.0, 1.0, closed="high")
    checks.between("highest", highest, lowest, float("inf"))
    checks.positive("floor", floor)

    def update(terms: Terms) -> Terms:
        change = jnp.abs(entropy_change(terms.log_probs, terms.old_log_probs, terms.entropies, terms.advantages))
        limit = jnp.finfo(change.dtype).max
        largest = jnp.max(terms.gather(jnp.where(terms.mask, change, 0.0)))
        smallest = jnp.minimum(jnp.min(terms.gather(jnp.where(terms.mask, change, limit))), largest)
        if mode == "exponential":
            rate = -jnp.log(jnp.asarray(lowest, change.dtype)) / jnp.maximum(largest, floor)
            weights = jnp.clip(jnp.exp(-rate * change), lowest, 1.0)
        else:
            position = jnp.where(largest > smallest, numerics.safe_divide(change - smallest, largest - smallest), 0.5)
            weights = highest - position * (highest - lowest)
        weights = jnp.where(terms.mask, weights, 0.0)
        terms = terms.add_metric("entropy_change", change)
        return terms.replace(weights=weights if terms.weights is None else terms.weights * weights)

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs", "entropies", "advantages"),
        writes=("weights",),
        optional_reads=("weights",),
        metrics=("entropy_change",),
        hyperparameters={"mode": mode, "lowest": lowest, "highest": highest, "floor": floor},
        couples_batch=True,
    )


def scale_by_entropy(alpha: checks.ScalarOrSchedule = 0.2) -> LossTransform:
    """Scales advantages by the token's standardised entropy: A <- A (1 + alpha z), z = (H - mean H) / std H.

    Mean and unbiased standard deviation are over the valid tokens of the batch; equal entropies give z = 0.

    Args:
      alpha: >= 0, or a schedule.

    Returns:
      A `LossTransform` reading `entropies` and writing `advantages` `[B, T]`, without gradient.

    Raises:
      ValueError: alpha is negative.

    Dong et al., "Agentic Entropy-Balanced Policy Optimization", 2025, arXiv 2510.14545. The paper's algorithm has
    A (1 + z)^alpha, its text the form here.
    """
    checks.schedule("alpha", alpha, checks.non_negative)

    def update(terms: Terms) -> Terms:
        entropies = jax.lax.stop_gradient(terms.entropies)
        # Relative to the largest, equal entropies are exactly 0, whatever their rounding.
        lowest = jnp.finfo(entropies.dtype).min
        shifted = jnp.where(terms.mask, entropies - jnp.max(terms.gather(jnp.where(terms.mask, entropies, lowest))), 0.0)
        deviation = numerics.safe_sqrt(terms.batch_variance(shifted, ddof=1))
        standardised = numerics.safe_divide(shifted - terms.batch_mean(shifted), deviation)
        scale = 1.0 + jnp.asarray(terms.value("alpha", alpha), entropies.dtype) * standardised
        return terms.replace(advantages=jnp.where(terms.mask, terms.advantages * scale, 0.0))

    return loss_transform(
        update,
        reads=("entropies", "advantages"),
        writes=("advantages",),
        hyperparameters={"alpha": alpha},
        couples_batch=True,
    )


def split_budget(samples: int, root_entropy: jax.Array, tool_entropy: jax.Array, *, beta: float = 1.0) -> jax.Array:
    """Splits a sampling budget by entropy: samples * sigmoid(beta (H_root - H_tool)) are whole rollouts, the rest branches.

    Args:
      samples: >= 1, the budget.
      root_entropy: any shape, entropy at the question, in nats.
      tool_entropy: the same shape, mean entropy at the results of tools.
      beta: > 0.

    Returns:
      How many samples should be whole rollouts, not rounded, of that shape.

    Raises:
      ValueError: an argument is out of range.

    Dong et al., "Agentic Entropy-Balanced Policy Optimization", 2025, arXiv 2510.14545.
    """
    checks.integer("samples", samples, least=1)
    checks.positive("beta", beta)
    return samples * jax.nn.sigmoid(beta * (root_entropy - tool_entropy))
