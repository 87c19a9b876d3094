"""Contrasting correct with wrong responses to the same prompt, within a trust region."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from ..core.terms import Groups
from .shared import penalise
from .terms import Terms


def _log_softmax_over(groups: Groups, logits: jax.Array, chosen: jax.Array) -> jax.Array:
    """Log-softmax over the chosen rows of each group, `[B] -> [B]`, without gradient; 0 on the other rows."""
    groups, logits = groups.only(chosen), jax.lax.stop_gradient(logits)
    shifted = jnp.where(chosen, logits - jnp.where(chosen, groups.max(logits), 0.0), 0.0)
    return jnp.where(chosen, shifted - jnp.log(jnp.maximum(groups.sum(jnp.exp(shifted)), 1.0)), 0.0)


def contrastive_groups(
    *, temperature: float = 1.0, length_temperature: float | None = None, max_length: int | None = None
) -> LossTransform:
    """Raises the scores of correct responses against the wrong ones of their prompt.

    With the scores s_i = mean_t log pi, L = -(1/Q) sum_q [sum_{i correct} w_i s_i - tau log sum_{j wrong} exp(s_j / tau)] over
    the Q prompts of the batch; a prompt with one class alone adds 0. w is uniform over a prompt's correct responses, or the
    softmax over them of (1 - n_i / max_length) / length_temperature, so that short ones count more and none counts negatively.

    Args:
      temperature: tau > 0.
      length_temperature: > 0, or None for no preference of length.
      max_length: >= 1, needed with length_temperature.

    Returns:
      A `LossTransform` reading `log_probs`, `correct`, `group_ids`, adding to `loss`.

    Raises:
      ValueError: an argument is out of range, or only one of the last two is given.

    Li et al., "DRPO: Efficient Reasoning via Decoupled Reward Policy Optimization", 2025, arXiv 2510.04474; without lengths: Li
    et al., "DisCO", 2025, arXiv 2505.12366. Released code has the gradient of the logarithm, but not its value.
    """
    checks.positive("temperature", temperature)
    if (length_temperature is None) != (max_length is None):
        raise ValueError(f"`length_temperature` and `max_length` go together, got {length_temperature!r} and {max_length!r}")
    if length_temperature is not None:
        checks.positive("length_temperature", length_temperature)
        checks.integer("max_length", max_length, least=1)  # type: ignore[arg-type]

    def update(terms: Terms) -> Terms:
        groups, correct = terms.groups(terms.group_ids), terms.correct.astype(bool)
        scores = terms.row_mean(terms.log_probs)
        preference = jnp.zeros_like(scores)
        if length_temperature is not None and max_length is not None:
            preference = (1.0 - terms.row_count().astype(scores.dtype) / max_length) / length_temperature
        positive = jnp.exp(_log_softmax_over(groups, preference, correct)) * scores
        # tau log sum exp(s / tau) = sum_j p_j (s_j - tau log p_j): with p without gradient each row has its share of both
        # the value and the gradient.
        log_shares = _log_softmax_over(groups, scores / temperature, ~correct)
        negative = jnp.exp(log_shares) * (scores - temperature * log_shares)
        both = (groups.only(correct).count(scores) > 0) & (groups.only(~correct).count(scores) > 0)
        prompts = terms.batch_sum(jnp.where(groups.is_first(scores), 1.0, 0.0))
        contrasts = jnp.where(both, jnp.where(correct, positive, -negative), 0.0)
        return terms.add_loss(-terms.mean(contrasts, count=prompts))

    return loss_transform(
        update,
        reads=("log_probs", "correct", "group_ids"),
        writes=("loss",),
        hyperparameters={"temperature": temperature, "length_temperature": length_temperature, "max_length": max_length},
        couples_batch=True,
    )


def hinge_kl(coefficient: checks.ScalarOrSchedule = 1000.0, *, delta: float = 1e-4, estimator: str = "k1") -> LossTransform:
    """Holds the policy within a trust region by a penalty that starts at its border.

    penalties += stop(coefficient max(D - delta, 0)) d, where D is the mean of d over the batch's tokens; the gradient is that
    of the squared hinge. "k1": d = old_log_probs - log_probs. "k3": d = pi / pi_old - 1 - log(pi / pi_old).

    Args:
      coefficient: >= 0, or a schedule.
      delta: >= 0, the border in nats per token.
      estimator: "k1" or "k3", both of KL(pi_old || pi).

    Returns:
      A `LossTransform` writing `penalties` `[B, T]`, to be reduced with `token_mean`; metric `kl_old`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Li et al., "DRPO: Efficient Reasoning via Decoupled Reward Policy Optimization", 2025, arXiv 2510.04474.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.non_negative("delta", delta)
    checks.option("estimator", estimator, ("k1", "k3"))

    def update(terms: Terms) -> Terms:
        log_ratios = terms.log_probs - terms.old_log_probs
        estimates = -log_ratios
        if estimator == "k3":
            limited = jnp.clip(log_ratios, -20.0, 20.0)
            estimates = jnp.clip(jnp.exp(limited) - 1.0 - limited, -10.0, 10.0)
        excess = jnp.maximum(terms.batch_mean(estimates) - delta, 0.0)
        terms = terms.add_metric("kl_old", estimates)
        return penalise(terms, terms.value("coefficient", coefficient) * excess, estimates)

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs"),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("kl_old",),
        hyperparameters={"coefficient": coefficient, "delta": delta, "estimator": estimator},
        couples_batch=True,
    )
