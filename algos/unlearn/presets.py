"""Named recipes: a forget term and a retain term, and nothing else."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .forget import gradient_ascent, npo
from .retain import retain_kl, retain_nll


def gradient_difference(*, gamma: checks.ScalarOrSchedule = 1.0, alpha: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Gradient ascent on the forget set and descent on the retain set.

    loss = gamma mean log p(forget_tokens) - alpha mean log p(retain_tokens)

    Args:
      gamma: >= 0, weight of forgetting, or a schedule.
      alpha: >= 0, weight of retaining, or a schedule.

    Returns:
      A chain reading `forget_log_probs` and `retain_log_probs`.

    Example:
      >>> terms = unlearn.Terms(forget_log_probs=jnp.array([[-2.0]]), retain_log_probs=jnp.array([[-0.5]]))
      >>> float(unlearn.gradient_difference()(terms))
      -1.5

    Liu, Liu, Stone, "Continual Learning and Private Unlearning", 2022, arXiv 2203.12817.
    """
    _check(gamma, alpha)
    return chain(gradient_ascent(coefficient=gamma), retain_nll(coefficient=alpha), name="gradient_difference")


def npo_retain(
    *,
    beta: checks.ScalarOrSchedule = 0.1,
    gamma: checks.ScalarOrSchedule = 1.0,
    alpha: checks.ScalarOrSchedule = 1.0,
) -> LossTransform:
    """NPO with continued training on the retain set (NPO+RT).

    Args:
      beta: > 0, see `npo`, or a schedule.
      gamma: >= 0, weight of forgetting, or a schedule.
      alpha: >= 0, weight of retaining, or a schedule.

    Returns:
      A chain reading `forget_log_probs`, `ref_forget_log_probs` and `retain_log_probs`.

    Example:
      >>> log_probs = jnp.array([[-1.0]])
      >>> terms = unlearn.Terms(forget_log_probs=log_probs, ref_forget_log_probs=log_probs, retain_log_probs=log_probs)
      >>> float(unlearn.npo_retain()(terms))  # (2 / beta) log 2 + 1
      14.86294...

    Zhang, Lin, Bai, Mei, "Negative Preference Optimization: From Catastrophic Collapse to Effective Unlearning", 2024,
    arXiv 2404.05868.
    """
    _check(gamma, alpha)
    return chain(npo(beta=beta, coefficient=gamma), retain_nll(coefficient=alpha), name="npo_retain")


def npo_kl(
    *,
    beta: checks.ScalarOrSchedule = 0.1,
    gamma: checks.ScalarOrSchedule = 1.0,
    alpha: checks.ScalarOrSchedule = 1.0,
) -> LossTransform:
    """NPO with the KL to the reference on the retain set (NPO+KL).

    Args:
      beta: > 0, see `npo`, or a schedule.
      gamma: >= 0, weight of forgetting, or a schedule.
      alpha: >= 0, weight of retaining, or a schedule.

    Returns:
      A chain reading `forget_log_probs`, `ref_forget_log_probs`, `retain_distribution` and `ref_retain_distribution`.

    Example:
      >>> log_probs, same = jnp.array([[-1.0]]), algax.Logits(jnp.zeros((1, 1, 4)))
      >>> terms = unlearn.Terms(forget_log_probs=log_probs, ref_forget_log_probs=log_probs)
      >>> terms = terms.replace(retain_distribution=same, ref_retain_distribution=same)
      >>> float(unlearn.npo_kl()(terms))  # (2 / beta) log 2
      13.86294...

    Zhang, Lin, Bai, Mei, 2024, arXiv 2404.05868.
    """
    _check(gamma, alpha)
    return chain(npo(beta=beta, coefficient=gamma), retain_kl(coefficient=alpha), name="npo_kl")


def _check(gamma: checks.ScalarOrSchedule, alpha: checks.ScalarOrSchedule) -> None:
    """Checks here, so that the messages name the preset's own arguments."""
    checks.schedule("gamma", gamma, checks.non_negative)
    checks.schedule("alpha", alpha, checks.non_negative)
