"""Importance ratios between the current policy and the one that sampled."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms


def token_ratio(*, log_limit: float = 20.0) -> LossTransform:
    """Ratio of every token: r_t = exp(clip(log_probs - old_log_probs, -log_limit, log_limit)).

    Args:
      log_limit: > 0; beyond it the ratio is constant.

    Returns:
      A `LossTransform` writing `ratios` `[B, T]`.

    Raises:
      ValueError: log_limit is not positive.

    Schulman et al., "Proximal Policy Optimization Algorithms", 2017, arXiv 1707.06347; the limit is the released code's.
    """
    checks.positive("log_limit", log_limit)

    def update(terms: Terms) -> Terms:
        log_ratios = jnp.clip(terms.log_probs - terms.old_log_probs, -log_limit, log_limit)
        return terms.replace(ratios=jnp.exp(log_ratios))

    return loss_transform(
        update, reads=("log_probs", "old_log_probs"), writes=("ratios",), hyperparameters={"log_limit": log_limit}
    )


def sequence_ratio(*, length_normalise: bool = True, log_max: float = 10.0) -> LossTransform:
    """Ratio of every response, on each of its tokens: value s_i, gradient s_i times that of the token's log-prob.

    s_i = exp(sum_t (log_probs - old_log_probs) / n_i); token form s_it = stop(s_i) exp(log_probs - stop(log_probs)).

    Args:
      length_normalise: False leaves out the division by the length n_i (the product of the tokens' ratios).
      log_max: > 0, upper limit of log s_it.

    Returns:
      A `LossTransform` writing `ratios` `[B, T]`.

    Raises:
      ValueError: log_max is not positive.

    Zheng et al., "Group Sequence Policy Optimization", 2025, arXiv 2507.18071.
    """
    checks.boolean("length_normalise", length_normalise)
    checks.positive("log_max", log_max)

    def update(terms: Terms) -> Terms:
        log_ratios = jax.lax.stop_gradient(terms.log_probs - terms.old_log_probs)
        per_row = terms.row_mean(log_ratios) if length_normalise else terms.row_sum(log_ratios)
        log_ratios = per_row[:, None] + terms.log_probs - jax.lax.stop_gradient(terms.log_probs)
        return terms.replace(ratios=jnp.exp(jnp.minimum(log_ratios, log_max)))

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs"),
        writes=("ratios",),
        hyperparameters={"length_normalise": length_normalise, "log_max": log_max},
    )


def rollout_correction(*, cap: float = 2.0) -> LossTransform:
    """Corrects for a sampler whose probabilities differ from the trainer's: weights *= min(old / behaviour, cap).

    Args:
      cap: > 0, the largest weight.

    Returns:
      A `LossTransform` writing `weights` `[B, T]`, without gradient.

    Raises:
      ValueError: cap is not positive.

    Yao et al., "Your Efficient RL Framework Secretly Brings You Off-Policy RL Training", 2025 (truncated importance sampling).
    """
    checks.positive("cap", cap)

    def update(terms: Terms) -> Terms:
        # Capping the exponent first keeps the exponential finite.
        log_cap = jnp.log(jnp.asarray(cap, terms.old_log_probs.dtype))
        correction = jnp.exp(jnp.minimum(terms.old_log_probs - terms.behaviour_log_probs, log_cap))
        terms = terms.add_metric("rollout_correction", correction)
        return terms.replace(weights=correction if terms.weights is None else terms.weights * correction)

    return loss_transform(
        update,
        reads=("old_log_probs", "behaviour_log_probs"),
        writes=("weights",),
        optional_reads=("weights",),
        metrics=("rollout_correction",),
        hyperparameters={"cap": cap},
    )
