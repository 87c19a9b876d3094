"""Penalties: each adds to `penalties` `[B, T]`, to be minimised."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .shared import penalise
from .terms import Terms

KL_ESTIMATORS = ("k1", "k2", "k3", "k3_straight_through", "absolute", "ratio_k1")


def kl_estimates(log_probs: jax.Array, ref_log_probs: jax.Array, estimator: str = "k3") -> jax.Array:
    """Estimates KL(pi || ref) from the sampled tokens' log-probs, elementwise.

    With d = log_probs - ref_log_probs: k1 = d; k2 = d^2 / 2; k3 = exp(-d) - 1 + d; absolute = |d|; k3_straight_through has the
    value of k3 and the gradient of k2; ratio_k1 = exp(d_0) d with d_0 = log_probs - stop(log_probs), whose gradient is that of
    the divergence. k1 and k3 are unbiased values; as losses only k2 and ratio_k1 have the divergence's gradient in
    expectation: k1's is zero, k3's is that of KL(ref || pi).

    Args:
      log_probs: log-probs under the policy, any shape.
      ref_log_probs: log-probs under the reference, the same shape; without gradient.
      estimator: one of KL_ESTIMATORS.

    Returns:
      The estimates, in nats. k3 is computed from d clipped to [-20, 20] and clipped to [-10, 10], as in released code.

    Raises:
      ValueError: an unknown estimator.

    Schulman, "Approximating KL Divergence", 2020.
    """
    checks.option("estimator", estimator, KL_ESTIMATORS)
    difference = log_probs - jax.lax.stop_gradient(ref_log_probs)
    if estimator == "k1":
        return difference
    if estimator == "ratio_k1":
        return jnp.exp(log_probs - jax.lax.stop_gradient(log_probs)) * difference
    if estimator == "absolute":
        return jnp.where(difference == 0, 0.0, jnp.abs(difference))  # no slope at 0, where jnp.abs has 1
    if estimator == "k2":
        return 0.5 * jnp.square(difference)
    limited = jnp.clip(-difference, -20.0, 20.0)
    k3 = jnp.clip(jnp.exp(limited) - limited - 1.0, -10.0, 10.0)
    return k3 if estimator == "k3" else numerics.straight_through(k3, 0.5 * jnp.square(difference))


def kl_penalty(coefficient: checks.ScalarOrSchedule = 0.001, *, estimator: str = "k3", reference: str = "ref") -> LossTransform:
    """Keeps the policy near another: penalties += coefficient * `kl_estimates`.

    Args:
      coefficient: >= 0, or a schedule.
      estimator: see `kl_estimates`.
      reference: "ref" compares with `ref_log_probs`, "old" with `old_log_probs`.

    Returns:
      A `LossTransform` writing `penalties` `[B, T]`; metric `kl_ref` or `kl_old`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.option("estimator", estimator, KL_ESTIMATORS)
    checks.option("reference", reference, ("ref", "old"))
    field, metric = f"{reference}_log_probs", f"kl_{reference}"

    def update(terms: Terms) -> Terms:
        estimates = kl_estimates(terms.log_probs, getattr(terms, field), estimator)
        return penalise(terms.add_metric(metric, estimates), terms.value("coefficient", coefficient), estimates)

    return loss_transform(
        update,
        reads=("log_probs", field),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=(metric,),
        hyperparameters={"coefficient": coefficient, "estimator": estimator, "reference": reference},
    )


def adaptive_kl_penalty(
    target: float, *, horizon: float = 10000.0, initial: float = 0.2, estimator: str = "k3"
) -> LossTransform:
    """A KL penalty whose coefficient follows a target: b <- b (1 + clip(KL / target - 1, -0.2, 0.2) * rows / horizon).

    Args:
      target: > 0, the KL per token to hold, in nats.
      horizon: > 0, in responses.
      initial: > 0, the first coefficient.
      estimator: see `kl_estimates`.

    Returns:
      A `LossTransform` with state (the coefficient), writing `penalties` `[B, T]`; metrics `kl_ref`, `kl_coefficient`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Ziegler et al., "Fine-Tuning Language Models from Human Preferences", 2019, arXiv 1909.08593.
    """
    for name, value in {"target": target, "horizon": horizon, "initial": initial}.items():
        checks.positive(name, value)
    checks.option("estimator", estimator, KL_ESTIMATORS)

    def update(terms: Terms, coefficient: jax.Array) -> tuple[Terms, jax.Array]:
        estimates = kl_estimates(terms.log_probs, terms.ref_log_probs, estimator)
        error = jnp.clip(terms.batch_mean(estimates) / target - 1.0, -0.2, 0.2).astype(coefficient.dtype)
        rows = terms.batch_sum(jnp.ones_like(terms.row_count())).astype(coefficient.dtype)
        terms = terms.add_metric("kl_ref", estimates).add_metric("kl_coefficient", coefficient)
        changed = coefficient * (1.0 + error * rows / horizon)
        return penalise(terms, coefficient.astype(estimates.dtype), estimates), changed

    return loss_transform(
        update,
        init=lambda: jnp.asarray(initial, jnp.float32),
        reads=("log_probs", "ref_log_probs"),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("kl_ref", "kl_coefficient"),
        hyperparameters={"target": target, "horizon": horizon, "initial": initial, "estimator": estimator},
        couples_batch=True,
    )


def full_kl_penalty(coefficient: checks.ScalarOrSchedule = 0.001, *, direction: str = "reverse") -> LossTransform:
    """Keeps the policy near the reference over the whole vocabulary, at every position.

    "reverse": KL(pi || ref) = sum_v pi (log pi - log ref). "forward": KL(ref || pi) = sum_v ref (log ref - log pi).

    Args:
      coefficient: >= 0, or a schedule.
      direction: "reverse" or "forward".

    Returns:
      A `LossTransform` reading `distribution` and `ref_distribution`, writing `penalties` `[B, T]`; metric `full_kl`.

    Raises:
      ValueError: an argument is out of range or unknown.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.option("direction", direction, ("reverse", "forward"))

    def divergence(log_probs: jax.Array, ref_log_probs: jax.Array) -> jax.Array:
        log_p, log_q = (log_probs, ref_log_probs) if direction == "reverse" else (ref_log_probs, log_probs)
        return jnp.sum(numerics.weighted(log_p, log_p - log_q), axis=-1)

    def update(terms: Terms) -> Terms:
        divergences = terms.distribution.map(divergence, terms.ref_distribution)
        return penalise(terms.add_metric("full_kl", divergences), terms.value("coefficient", coefficient), divergences)

    return loss_transform(
        update,
        reads=("distribution", "ref_distribution"),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("full_kl",),
        hyperparameters={"coefficient": coefficient, "direction": direction},
    )


def entropy_bonus(coefficient: checks.ScalarOrSchedule = 0.001) -> LossTransform:
    """Rewards uncertainty: penalties -= coefficient * H, H = -sum_v pi log pi at every position.

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A `LossTransform` reading `distribution`, writing `penalties` `[B, T]`; metric `entropy`, in nats.

    Raises:
      ValueError: the coefficient is negative.

    Mnih et al., "Asynchronous Methods for Deep Reinforcement Learning", 2016, arXiv 1602.01783.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        entropies = terms.distribution.entropies()
        return penalise(terms.add_metric("entropy", entropies), -terms.value("coefficient", coefficient), entropies)

    return loss_transform(
        update,
        reads=("distribution",),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("entropy",),
        hyperparameters={"coefficient": coefficient},
    )


def target_entropy(target: float, *, learning_rate: float = 0.01, initial: float = 0.0) -> LossTransform:
    """An entropy bonus whose coefficient follows a target: c <- max(0, c + learning_rate (target - mean entropy)).

    Args:
      target: >= 0, mean entropy per token to hold, in nats.
      learning_rate: > 0.
      initial: >= 0, the first coefficient.

    Returns:
      A `LossTransform` with state (the coefficient), writing `penalties` `[B, T]`; metrics `entropy`, `entropy_coefficient`.

    Raises:
      ValueError: an argument is out of range.
    """
    checks.non_negative("target", target)
    checks.positive("learning_rate", learning_rate)
    checks.non_negative("initial", initial)

    def update(terms: Terms, coefficient: jax.Array) -> tuple[Terms, jax.Array]:
        entropies = terms.distribution.entropies()
        shortfall = (target - terms.batch_mean(entropies)).astype(coefficient.dtype)
        terms = terms.add_metric("entropy", entropies).add_metric("entropy_coefficient", coefficient)
        changed = jnp.maximum(coefficient + learning_rate * shortfall, 0.0)
        return penalise(terms, -coefficient.astype(entropies.dtype), entropies), changed

    return loss_transform(
        update,
        init=lambda: jnp.asarray(initial, jnp.float32),
        reads=("distribution",),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("entropy", "entropy_coefficient"),
        hyperparameters={"target": target, "learning_rate": learning_rate, "initial": initial},
        couples_batch=True,
    )
