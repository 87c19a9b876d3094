"""Reinforcement learning from a single prompt."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .advantages import group_advantage
from .penalties import entropy_bonus, kl_penalty
from .ratios import token_ratio
from .reductions import token_mean
from .shared import unless_zero
from .surrogates import ppo_clip


def one_shot(
    *, kl_coefficient: checks.ScalarOrSchedule = 1e-3, entropy_coefficient: checks.ScalarOrSchedule = 1e-3
) -> LossTransform:
    """The objective for training on one prompt that fills the batch: L = L_PG + kl_coefficient k3 - entropy_coefficient H.

    Choose the prompt with `curriculum.rank_by_variance` and copy it with `curriculum.repeat_prompts`, a group a copy. The
    policy gradient alone carries the effect; the entropy adds to it.

    Args:
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.
      entropy_coefficient: >= 0, or a schedule; 0 leaves the distribution out.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs` and, unless their coefficients are 0,
      `ref_log_probs` and `distribution`.

    Raises:
      ValueError: a coefficient is negative.

    Example:
      >>> loss = policy.one_shot(entropy_coefficient=0.003)

    Wang et al., "Reinforcement Learning for Reasoning in Large Language Models with One Training Example", 2025, arXiv
    2504.20571.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        *unless_zero("entropy_coefficient", entropy_coefficient, entropy_bonus),
        token_mean(),
        name="one_shot",
    )
