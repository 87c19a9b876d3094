"""Named objectives for lengths, modes and outcomes of responses: each is a chain of the room's transforms and nothing else."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .advantages import group_advantage, whiten_advantage
from .length_rewards import budget_cosine_reward, length_sigmoid_reward, subgroup_advantage, truncation_reward
from .penalties import entropy_bonus, kl_penalty
from .ratios import token_ratio
from .reductions import sequence_mean_token_mean, token_mean
from .reward_tables import reward_table
from .rollout_masks import drop_uniform_groups
from .segments import REST, segment_weights
from .shared import unless_zero
from .surrogates import ppo_clip
from .verifiable_rewards import verifiable_reward


def dler(
    limit: int | None = 4000,
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
    dual: float | None = 10.0,
    kl_coefficient: checks.ScalarOrSchedule = 5e-4,
) -> LossTransform:
    """A plain length cut with a repaired optimisation: no uniform groups, advantages whitened over the batch, a higher clip.

    Args:
      limit: >= 1, in tokens; None for `length_limits`, see `difficulty_limits`.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      dual: > 1, or None.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs` and, unless the coefficient is 0, `ref_log_probs`.

    Example:
      >>> loss = policy.dler(4000)
      >>> by_difficulty = algax.chain(policy.success_rate(), policy.difficulty_limits(), policy.dler(None))

    Liu et al., "DLER: Doing Length pEnalty Right - Incentivizing More Intelligence per Token via Reinforcement Learning", 2025,
    arXiv 2510.15110. Afterwards the paper merges with `merge.top_delta_merge`.
    """
    return chain(
        truncation_reward(limit),
        drop_uniform_groups(),
        group_advantage(scale="none"),
        whiten_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        token_mean(),
        name="dler",
    )


def hbpo(
    *,
    max_length: int = 4096,
    beta: float = 4.0,
    alpha: float = 1 / 4096,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    released: bool = False,
) -> LossTransform:
    """Hierarchical budget policy optimisation: responses with several budgets, judged within and between the budgets.

    Args:
      max_length: see `budget_cosine_reward`.
      beta: see `budget_cosine_reward`.
      alpha: see `budget_cosine_reward`.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      released: True for reward and advantage of the released code.

    Returns:
      A chain reading `correct`, `budgets`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> group_ids = jnp.repeat(jnp.arange(2), 4)
      >>> [int(b) for b in policy.assign_budgets(group_ids, (512, 2048))]
      [512, 512, 2048, 2048, 512, 512, 2048, 2048]
      >>> loss = policy.hbpo()

    Lyu et al., "Hierarchical Budget Policy Optimization for Adaptive Reasoning", 2025, arXiv 2507.15844.
    """
    return chain(
        budget_cosine_reward(max_length=max_length, beta=beta, alpha=alpha, released=released),
        group_advantage(),
        subgroup_advantage(max_length=max_length, beta=beta, released=released),
        token_ratio(),
        ppo_clip(low=low, high=high),
        token_mean(),
        name="hbpo",
    )


def grpo_lambda(
    alpha: float = 0.2,
    *,
    fraction: float = 0.2,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    kl_coefficient: checks.ScalarOrSchedule = 0.0,
) -> LossTransform:
    """GRPO with a length penalty for the most accurate groups alone, so that accuracy does not collapse.

    Args:
      alpha: see `length_sigmoid_reward`.
      fraction: see `length_sigmoid_reward`.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.

    Returns:
      A chain reading `correct`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.grpo_lambda(0.6)

    Dai et al., "Stable Reinforcement Learning for Efficient Reasoning", 2025, arXiv 2505.18086.
    """
    return chain(
        length_sigmoid_reward(alpha, fraction=fraction),
        group_advantage(ddof=0),
        token_ratio(),
        ppo_clip(low=low, high=high),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        sequence_mean_token_mean(),
        name="grpo_lambda",
    )


def thinkless(
    alpha: float = 1e-3,
    *,
    think_value: float = 0.5,
    wrong_value: float = -1.0,
    norm: str = "batch",
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    kl_coefficient: checks.ScalarOrSchedule = 0.001,
) -> LossTransform:
    """Decoupled GRPO for when to think: the token that chooses the mode has an average and a weight of its own.

    L = alpha (mean over control tokens) + (mean over the others) of -min(r A, clip(r) A), A = s - mean_g.

    Args:
      alpha: >= 0, the weight of the control tokens.
      think_value: the reward of a right answer with a thought; one without gets 1.
      wrong_value: the reward of a wrong answer.
      norm: "batch" as in the released code or "sequence" as in the text, see `segment_weights`.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.

    Returns:
      A chain reading `thinking`, `correct`, `group_ids`, `control_tokens`, `old_log_probs`, `log_probs` and, unless the
      coefficient is 0, `ref_log_probs`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Example:
      >>> loss = policy.thinkless(kl_coefficient=0.0)
      >>> loss.requires
      ('thinking', 'correct', 'group_ids', 'log_probs', 'old_log_probs', 'control_tokens')

    Fang et al., "Thinkless: LLM Learns When to Think", 2025, arXiv 2505.13379.
    """
    checks.non_negative("alpha", alpha)
    checks.real("think_value", think_value)
    checks.real("wrong_value", wrong_value)
    values: dict[tuple[bool, ...], float] = {
        (False, True): 1.0,
        (True, True): think_value,
        (False, False): wrong_value,
        (True, False): wrong_value,
    }
    return chain(
        reward_table(("thinking", "correct"), values),
        group_advantage(scale="none"),
        token_ratio(),
        ppo_clip(low=low, high=high),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        segment_weights({"control_tokens": alpha, REST: 1.0}, norm=norm),
        token_mean() if norm == "batch" else sequence_mean_token_mean(),
        name="thinkless",
    )


def zero_rl(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    kl_coefficient: checks.ScalarOrSchedule = 1e-3,
    entropy_coefficient: checks.ScalarOrSchedule = 1e-3,
) -> LossTransform:
    """Reinforcement learning straight from a base model: GRPO on correctness alone, without any reward for format.

    Args:
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.
      entropy_coefficient: >= 0, or a schedule; 0 leaves the distribution out.

    Returns:
      A chain reading `correct`, `group_ids`, `old_log_probs`, `log_probs` and, unless their coefficients are 0,
      `ref_log_probs` and `distribution`.

    Example:
      >>> loss = policy.zero_rl()

    Zeng et al., "SimpleRL-Zoo: Investigating and Taming Zero Reinforcement Learning for Open Base Models in the Wild", 2025,
    arXiv 2503.18892.
    """
    return chain(
        verifiable_reward(value=1.0, no_eos=None),
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        *unless_zero("entropy_coefficient", entropy_coefficient, entropy_bonus),
        token_mean(),
        name="zero_rl",
    )
