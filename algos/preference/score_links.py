"""Links that see the two scores apart, not only their difference; each writes `pair_losses`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms

Array = jax.Array

SCORES = ("chosen_scores", "rejected_scores")


def nca_link(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Loss = -log sigma(beta c_w) - (1/2) log sigma(-beta c_w) - (1/2) log sigma(-beta c_l)

    Args:
      beta: > 0, or a schedule.

    Returns:
      A transform reading `chosen_scores` (c_w) and `rejected_scores` (c_l).

    Chen et al., "Noise Contrastive Alignment of Language Models with Explicit Rewards", 2024, arXiv 2402.05369.
    """

    def losses(chosen: Array, rejected: Array, scale: Any) -> Array:
        attraction = -jax.nn.log_sigmoid(scale * chosen)
        repulsion = jax.nn.log_sigmoid(-scale * chosen) + jax.nn.log_sigmoid(-scale * rejected)
        return attraction - 0.5 * repulsion

    return _link(losses, beta, "nca_link")


def sppo_link(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Loss = (c_w - 1 / (2 beta))^2 + (c_l + 1 / (2 beta))^2

    Args:
      beta: > 0, or a schedule.

    Returns:
      A transform reading `chosen_scores` (c_w) and `rejected_scores` (c_l).

    Wu et al., "Self-Play Preference Optimization for Language Model Alignment", 2024, arXiv 2405.00675.
    """

    def losses(chosen: Array, rejected: Array, scale: Any) -> Array:
        return jnp.square(chosen - 0.5 / scale) + jnp.square(rejected + 0.5 / scale)

    return _link(losses, beta, "sppo_link")


def apo_zero_link(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Loss = 1 - sigma(beta c_w) + sigma(beta c_l): the chosen response up, the rejected one down

    Args:
      beta: > 0, or a schedule.

    Returns:
      A transform reading `chosen_scores` (c_w) and `rejected_scores` (c_l).

    D'Oosterlinck et al., "Anchored Preference Optimization and Contrastive Revisions", 2024, arXiv 2408.06266.
    """

    def losses(chosen: Array, rejected: Array, scale: Any) -> Array:
        return jax.nn.sigmoid(-scale * chosen) + jax.nn.sigmoid(scale * rejected)

    return _link(losses, beta, "apo_zero_link")


def apo_down_link(*, beta: checks.ScalarOrSchedule = 0.1) -> LossTransform:
    """Loss = sigma(beta c_w) + 1 - sigma(beta (c_w - c_l)): both down, the rejected response more

    Args:
      beta: > 0, or a schedule.

    Returns:
      A transform reading `chosen_scores` (c_w) and `rejected_scores` (c_l).

    D'Oosterlinck et al., "Anchored Preference Optimization and Contrastive Revisions", 2024, arXiv 2408.06266.
    """

    def losses(chosen: Array, rejected: Array, scale: Any) -> Array:
        return jax.nn.sigmoid(scale * chosen) + jax.nn.sigmoid(-scale * (chosen - rejected))

    return _link(losses, beta, "apo_down_link")


def linear_link(
    *, alpha: float = 0.8, chosen_coefficient: float = 1.0, negative_exponent: float | None = None
) -> LossTransform:
    """Loss = -chosen_coefficient c_w + alpha c_l: unbounded below, with the rejected response turned down

    Args:
      alpha: >= 0, as a rule at most 1.
      chosen_coefficient: >= 0.
      negative_exponent: g >= 0, which multiplies the second term by exp(g c_l), with gradient; None for no factor.

    Returns:
      A transform reading `chosen_scores` (c_w) and `rejected_scores` (c_l).

    Xu et al., "Harnessing Negative Signals: Reinforcement Distillation from Teacher Data for LLM Reasoning", 2025,
    arXiv 2505.24850. The factor is an option of the released code that the paper does not have.
    """
    checks.non_negative("alpha", alpha)
    checks.non_negative("chosen_coefficient", chosen_coefficient)
    if negative_exponent is not None:
        checks.non_negative("negative_exponent", negative_exponent)

    def update(terms: Terms) -> Terms:
        negative = terms.rejected_scores
        if negative_exponent is not None:
            negative = negative * jnp.exp(jnp.minimum(negative_exponent * negative, 80.0))
        losses = -chosen_coefficient * terms.chosen_scores + alpha * negative
        return terms.replace(pair_losses=losses)

    return loss_transform(
        update,
        reads=SCORES,
        writes=("pair_losses",),
        hyperparameters={
            "alpha": alpha,
            "chosen_coefficient": chosen_coefficient,
            "negative_exponent": negative_exponent,
        },
    )


def _link(losses: Callable[[Array, Array, Any], Array], beta: checks.ScalarOrSchedule, name: str) -> LossTransform:
    checks.schedule("beta", beta, checks.positive)

    def update(terms: Terms) -> Terms:
        values = losses(terms.chosen_scores, terms.rejected_scores, terms.value("beta", beta))
        return terms.replace(pair_losses=values)

    return loss_transform(update, reads=SCORES, writes=("pair_losses",), hyperparameters={"beta": beta}, name=name)
