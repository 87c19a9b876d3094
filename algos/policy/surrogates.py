"""Surrogate objectives: each writes `surrogates` `[B, T]`, to be maximised."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .terms import Terms


def policy_gradient() -> LossTransform:
    """The score-function surrogate A log pi, whose gradient is the policy gradient.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`.

    Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.
    """

    def update(terms: Terms) -> Terms:
        return terms.replace(surrogates=jax.lax.stop_gradient(terms.advantages) * terms.log_probs)

    return loss_transform(update, reads=("advantages", "log_probs"), writes=("surrogates",))


def _bounds(terms: Terms, low: checks.ScalarOrSchedule, high: checks.ScalarOrSchedule) -> tuple[jax.Array, jax.Array]:
    """The bounds another transform wrote, else 1 - low and 1 + high."""
    ones = jnp.ones_like(terms.ratios)
    lower = ones - terms.value("low", low) if terms.lower_bounds is None else terms.lower_bounds
    upper = ones + terms.value("high", high) if terms.upper_bounds is None else terms.upper_bounds
    return jax.lax.stop_gradient(lower), jax.lax.stop_gradient(upper)


def _check_bounds(low: checks.ScalarOrSchedule, high: checks.ScalarOrSchedule) -> None:
    checks.schedule("low", low, lambda name, value: checks.between(name, value, 0.0, 1.0))
    checks.schedule("high", high, checks.non_negative)


def ppo_clip(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    dual: float | None = None,
    keep_gradient: str | None = None,
) -> LossTransform:
    """The clipped surrogate min(r A, clip(r, 1 - low, 1 + high) A), pessimistic on both sides.

    Dual clip: where A < 0, the surrogate is at least dual * A. Where the bound is active the gradient is 0, unless it is kept:
    then the bound has its value, and that value times the gradient of the log-prob as gradient.

    Args:
      low: in [0, 1], or a schedule; ignored where `terms.lower_bounds` is set.
      high: >= 0, or a schedule; ignored where `terms.upper_bounds` is set.
      dual: > 1, or None for no dual clip.
      keep_gradient: the bound at which the gradient is kept: "low", "high", "both" or None.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`; metric `clip_fraction`, the share of tokens without gradient of r.

    Raises:
      ValueError: an argument is out of range.

    Schulman et al., "Proximal Policy Optimization Algorithms", 2017, arXiv 1707.06347; higher upper bound: Yu et al., "DAPO",
    2025, arXiv 2503.14476; dual clip: Ye et al., "Mastering Complex Control in MOBA Games", 2019, arXiv 1912.09729.
    """
    _check_bounds(low, high)
    if dual is not None:
        checks.between("dual", dual, 1.0, float("inf"), closed="neither")
    checks.option("keep_gradient", keep_gradient, (None, "low", "high", "both"))

    def update(terms: Terms) -> Terms:
        ratios, advantages = terms.ratios, jax.lax.stop_gradient(terms.advantages)
        lower, upper = _bounds(terms, low, high)
        slope = numerics.safe_divide(ratios, jax.lax.stop_gradient(ratios))  # 1, with the gradient of the log-prob
        clipped = jnp.clip(ratios, lower, upper)
        if keep_gradient in ("low", "both"):
            clipped = jnp.where(ratios < lower, lower * slope, clipped)
        if keep_gradient in ("high", "both"):
            clipped = jnp.where(ratios > upper, upper * slope, clipped)
        surrogates = jnp.minimum(ratios * advantages, clipped * advantages)
        active = jnp.where(advantages > 0, ratios > upper, (ratios < lower) & (advantages < 0))
        if dual is not None:
            limit = (advantages < 0) & (surrogates < dual * advantages)
            surrogates, active = jnp.where(limit, dual * advantages, surrogates), active | limit
        terms = terms.add_metric("clip_fraction", active.astype(ratios.dtype))
        return terms.replace(surrogates=surrogates)

    return loss_transform(
        update,
        reads=("ratios", "advantages"),
        writes=("surrogates",),
        optional_reads=("lower_bounds", "upper_bounds"),
        metrics=("clip_fraction",),
        hyperparameters={"low": low, "high": high, "dual": dual, "keep_gradient": keep_gradient},
    )


def clipped_importance_weight(*, low: checks.ScalarOrSchedule = 1.0, high: checks.ScalarOrSchedule = 0.28) -> LossTransform:
    """Clips the importance weight, never the gradient: stop(clip(r, 1 - low, 1 + high)) A log pi.

    Args:
      low: in [0, 1], or a schedule; 1 means no lower bound.
      high: >= 0, or a schedule.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`.

    Raises:
      ValueError: an argument is out of range.

    MiniMax, "MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention", 2025, arXiv 2506.13585 (CISPO).
    """
    _check_bounds(low, high)

    def update(terms: Terms) -> Terms:
        lower, upper = _bounds(terms, low, high)
        weights = jnp.clip(jax.lax.stop_gradient(terms.ratios), lower, upper)
        return terms.replace(surrogates=weights * jax.lax.stop_gradient(terms.advantages) * terms.log_probs)

    return loss_transform(
        update,
        reads=("ratios", "advantages", "log_probs"),
        writes=("surrogates",),
        optional_reads=("lower_bounds", "upper_bounds"),
        hyperparameters={"low": low, "high": high},
    )


def soft_gate(*, positive_temperature: float = 1.0, negative_temperature: float = 1.05) -> LossTransform:
    """A smooth gate in place of a clip: (4 / tau) sigmoid(tau (r - 1)) A, with slope A at r = 1.

    Args:
      positive_temperature: tau > 0 where A > 0.
      negative_temperature: tau > 0 elsewhere.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`.

    Raises:
      ValueError: a temperature is not positive.

    Gao et al., "Soft Adaptive Policy Optimization", 2025, arXiv 2511.20347 (SAPO).
    """
    checks.positive("positive_temperature", positive_temperature)
    checks.positive("negative_temperature", negative_temperature)

    def update(terms: Terms) -> Terms:
        advantages = jax.lax.stop_gradient(terms.advantages)
        temperature = jnp.where(advantages > 0, positive_temperature, negative_temperature).astype(advantages.dtype)
        gates = 4.0 / temperature * jax.nn.sigmoid(temperature * (terms.ratios - 1.0))
        return terms.replace(surrogates=gates * advantages)

    return loss_transform(
        update,
        reads=("ratios", "advantages"),
        writes=("surrogates",),
        hyperparameters={"positive_temperature": positive_temperature, "negative_temperature": negative_temperature},
    )


def geometric_mean(*, low: float = 0.4, high: float = 0.4) -> LossTransform:
    """The geometric mean of a response's clipped ratios as its ratio, times its advantage.

    With d_t = log_probs - old_log_probs and s the sign of A_t: A_t exp(mean_t s min(s d_t, s clip(d_t, -low, high))), on every
    token of the response.

    Args:
      low: >= 0, lower bound of the log-ratio.
      high: >= 0, upper bound of the log-ratio.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`, constant over a response whose advantage is.

    Raises:
      ValueError: a bound is negative.

    Zhao et al., "Geometric-Mean Policy Optimization", 2025, arXiv 2507.20673 (GMPO). Released code averages over the batch
    with a bare mean, which changes with the micro-batches; reduce with `sequence_mean_token_mean`.
    """
    checks.non_negative("low", low)
    checks.non_negative("high", high)

    def update(terms: Terms) -> Terms:
        advantages = jax.lax.stop_gradient(terms.advantages)
        sign, log_ratios = jnp.sign(advantages), terms.log_probs - terms.old_log_probs
        pessimistic = sign * jnp.minimum(sign * log_ratios, sign * jnp.clip(log_ratios, -low, high))
        ratio = jnp.exp(jnp.minimum(terms.row_mean(pessimistic), 20.0))
        return terms.replace(surrogates=advantages * ratio[:, None])

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs", "advantages"),
        writes=("surrogates",),
        hyperparameters={"low": low, "high": high},
    )
