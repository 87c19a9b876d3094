"""Named objectives of protocols whose rollouts, not whose loss, are new: each is a chain of the room's transforms."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .presets import ppo, rloo


def cory(*, kl_coefficient: checks.ScalarOrSchedule = 0.05, value_coefficient: checks.ScalarOrSchedule = 0.5) -> LossTransform:
    """CORY: PPO for one of two copies of a model that answer in turn, with the sum of both copies' rewards as its own.

    The pioneer answers the prompt, the observer the prompt and that answer; see `shared_rewards` for `rewards` and
    `exchange_roles` for who is who. Each copy has its own loss and optimiser.

    Args:
      kl_coefficient: eta >= 0, of the KL to the shared reference in the reward, or a schedule; 0 leaves the reference out.
      value_coefficient: >= 0, of the critic's loss, or a schedule.

    Returns:
      A chain reading `rewards`, `old_log_probs`, `old_values`, `log_probs`, `values` and, unless its coefficient is 0,
      `ref_log_probs`.

    Raises:
      ValueError: a coefficient is negative.

    Example:
      >>> rewards = policy.shared_rewards(jnp.array([[0.2, 0.0], [0.5, 1.0]]))  # of the pioneer and of the observer
      >>> rewards.tolist()
      [[0.699999988079071, 1.0], [0.699999988079071, 1.0]]
      >>> loss = policy.cory(kl_coefficient=0.0)
      >>> loss.requires
      ('rewards', 'old_values', 'log_probs', 'old_log_probs', 'values')

    Ma et al., "Coevolving with the Other You: Fine-Tuning LLM with Sequential Cooperative Multi-Agent Reinforcement Learning",
    2024, arXiv 2410.06101.
    """
    return chain(ppo(kl_coefficient=kl_coefficient, value_coefficient=value_coefficient), name="cory")


def soft_cot() -> LossTransform:
    """Soft chains of thought: the leave-one-out policy gradient of a thought in embedding space and the answer after it.

    L = -mean_i (s_i - mean_{j != i} s_j) [sum over soft inputs of log density + sum over the answer of log pi].

    Returns:
      A chain reading `rewards`, `group_ids` and `log_probs` `[B, T]`, which hold `soft_log_probs` at the positions of the
      thought and the log-probs of the answer's tokens after it.

    Example:
      >>> policy.soft_cot().requires
      ('rewards', 'group_ids', 'log_probs')

    Butt et al., "Soft Tokens, Hard Truths", 2025, arXiv 2509.19170.
    """
    return chain(rloo(), name="soft_cot")
