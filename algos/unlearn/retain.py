"""Terms that keep the model as it is on the sequences to retain; each adds to `loss`."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms

Array = jax.Array


def retain_nll(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Goes on training on the retain set.

    loss += -coefficient mean_bt log p(retain_tokens_bt), a mean over the tokens that count.

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `retain_log_probs`; records the metric `retain_nll`.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        losses = -terms.retain_log_probs
        loss = terms.value("coefficient", coefficient) * terms.mean(losses, "retain_mask")
        return terms.add_loss(loss).add_metric("retain_nll", losses, "retain_mask")

    return loss_transform(
        update,
        reads=("retain_log_probs",),
        optional_reads=("retain_mask",),
        writes=("loss",),
        metrics=("retain_nll",),
        hyperparameters={"coefficient": coefficient},
    )


def retain_kl(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Keeps the distributions on the retain set near the reference's.

    loss += coefficient mean_bt KL(ref_bt || p_bt), exact over the vocabulary, a mean over the positions that count.

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `retain_distribution` and `ref_retain_distribution`; records the metric `retain_kl`. Released
      code averages over all positions, prompts and padding included: pass an all-true `retain_mask` for that.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def divergences(log_probs: Array, ref_log_probs: Array) -> Array:
        ref_probs = jnp.exp(ref_log_probs)
        return jnp.sum(ref_probs * jnp.where(ref_probs > 0, ref_log_probs - log_probs, 0.0), axis=-1)

    def update(terms: Terms) -> Terms:
        losses = terms.retain_distribution.map(divergences, terms.ref_retain_distribution, where=terms.retain_mask)
        loss = terms.value("coefficient", coefficient) * terms.mean(losses, "retain_mask")
        return terms.add_loss(loss).add_metric("retain_kl", losses, "retain_mask")

    return loss_transform(
        update,
        reads=("retain_distribution", "ref_retain_distribution"),
        optional_reads=("retain_mask",),
        writes=("loss",),
        metrics=("retain_kl",),
        hyperparameters={"coefficient": coefficient},
    )
