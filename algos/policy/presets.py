"""Named objectives: each is a chain of the room's transforms and nothing else, meant to be read, copied and changed."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .advantages import generalised_advantage, group_advantage, reward_advantage, whiten_advantage
from .filters import dynamic_filter
from .penalties import entropy_bonus, kl_penalty
from .ratios import sequence_ratio, token_ratio
from .reductions import sequence_mean_token_mean, sequence_mean_token_sum, sum_over_constant, token_mean, value_loss
from .rewards import kl_in_reward, overlong_penalty, reward_on_last_token
from .shared import unless_zero
from .surrogates import clipped_importance_weight, policy_gradient, ppo_clip


def reinforce(*, baseline: str = "none") -> LossTransform:
    """REINFORCE: L = -(1/N) sum_i (s_i - b) log pi(y_i), over N responses.

    Args:
      baseline: "none" or "batch_mean".

    Returns:
      A chain reading `rewards`, `log_probs`.

    Example:
      >>> terms = policy.Terms(log_probs=jnp.log(jnp.full([2, 1], 0.5)), rewards=jnp.array([1.0, 0.0]))
      >>> float(policy.reinforce()(terms))  # -(1/2) log 0.5
      0.34657...

    Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.
    """
    return chain(reward_advantage(baseline=baseline), policy_gradient(), sequence_mean_token_sum(), name="reinforce")


def ppo(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    gamma: float = 1.0,
    trace_decay: float = 0.95,
    kl_coefficient: checks.ScalarOrSchedule = 0.05,
    value_clip: float | None = 0.2,
    value_coefficient: checks.ScalarOrSchedule = 0.5,
    entropy_coefficient: checks.ScalarOrSchedule = 0.0,
) -> LossTransform:
    """PPO for language models: KL in the reward, generalised advantages, clipped surrogate, clipped value loss.

    Args:
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      gamma: discount in [0, 1].
      trace_decay: lambda in [0, 1].
      kl_coefficient: >= 0; 0 leaves the reference out.
      value_clip: > 0, or None.
      value_coefficient: >= 0.
      entropy_coefficient: >= 0; 0 leaves the distribution out.

    Returns:
      A chain reading `rewards`, `old_log_probs`, `old_values`, `log_probs`, `values` and, unless their coefficients are 0,
      `ref_log_probs` and `distribution`.

    Example:
      >>> loss = policy.ppo(kl_coefficient=0.0)
      >>> loss.requires
      ('rewards', 'old_values', 'log_probs', 'old_log_probs', 'values')

    Schulman et al., "Proximal Policy Optimization Algorithms", 2017, arXiv 1707.06347; with KL in the reward: Ouyang et al.,
    2022, arXiv 2203.02155.
    """
    if value_clip is not None:
        checks.positive("value_clip", value_clip)
    checks.schedule("value_coefficient", value_coefficient, checks.non_negative)
    return chain(
        reward_on_last_token(),
        *unless_zero("kl_coefficient", kl_coefficient, kl_in_reward),
        generalised_advantage(gamma=gamma, trace_decay=trace_decay),
        whiten_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        *unless_zero("entropy_coefficient", entropy_coefficient, entropy_bonus),
        token_mean(),
        value_loss(clip=value_clip, coefficient=value_coefficient),
        name="ppo",
    )


def grpo(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    kl_coefficient: checks.ScalarOrSchedule = 0.04,
) -> LossTransform:
    """Group Relative Policy Optimization: PPO's surrogate with rewards standardised within the group.

    L = mean_i mean_t [-min(r A, clip(r) A) + kl_coefficient k3], A_i = (s_i - mean_g) / std_g.

    Args:
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs` and, unless the coefficient is 0, `ref_log_probs`.

    Example:
      >>> zeros = jnp.zeros([3, 1])
      >>> terms = policy.Terms(
      ...     log_probs=zeros, old_log_probs=zeros, rewards=jnp.array([1.0, 0.0, 0.0]), group_ids=jnp.array([7, 7, 7]))
      >>> gradient = jax.grad(lambda x: policy.grpo(kl_coefficient=0.0)(terms.replace(log_probs=x)))(zeros)
      >>> [round(float(x), 3) for x in gradient[:, 0]]
      [-0.385, 0.192, 0.192]

    Shao et al., "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models", 2024, arXiv 2402.03300.
    Common libraries reduce with `token_mean` and leave the KL out.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        sequence_mean_token_mean(),
        name="grpo",
    )


def dr_grpo(divisor: float, *, low: checks.ScalarOrSchedule = 0.2, high: checks.ScalarOrSchedule = 0.2) -> LossTransform:
    """GRPO done right: no division by the group's standard deviation, nor by lengths.

    L = (1 / divisor) sum_{i,t} -min(r A, clip(r) A), A_i = s_i - mean_g.

    Args:
      divisor: > 0, a constant: rows times the longest response for a mean over rows.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.dr_grpo(divisor=8 * 1024)

    Liu et al., "Understanding R1-Zero-Like Training: A Critical Perspective", 2025, arXiv 2503.20783.
    """
    return chain(
        group_advantage(scale="none"), token_ratio(), ppo_clip(low=low, high=high), sum_over_constant(divisor), name="dr_grpo"
    )


def rloo() -> LossTransform:
    """REINFORCE leave-one-out: the baseline of a response is the mean reward of the others to its prompt.

    L = -mean_i (s_i - mean_{j != i} s_j) log pi(y_i).

    Returns:
      A chain reading `rewards`, `group_ids`, `log_probs`.

    Example:
      >>> loss = policy.rloo()

    Ahmadian et al., "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in LLMs", 2024,
    arXiv 2402.14740.
    """
    return chain(
        group_advantage(scale="none", baseline="leave_one_out"), policy_gradient(), sequence_mean_token_sum(), name="rloo"
    )


def dapo(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
    dual: float | None = 10.0,
    max_length: int | None = None,
    buffer: int | None = None,
) -> LossTransform:
    """Decoupled clip and dynamic sampling: higher upper bound, no all-equal groups, token mean, overlong punishment.

    Args:
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      dual: > 1, or None.
      max_length: longest response in tokens; None leaves the overlong punishment out.
      buffer: tokens over which the punishment grows; needed with max_length.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`.

    Raises:
      ValueError: only one of max_length and buffer is given, or an argument is out of range.

    Example:
      >>> loss = policy.dapo(max_length=20480, buffer=4096)

    Yu et al., "DAPO: An Open-Source LLM Reinforcement Learning System at Scale", 2025, arXiv 2503.14476.
    """
    if (max_length is None) != (buffer is None):
        raise ValueError(f"`max_length` and `buffer` go together, got max_length={max_length!r}, buffer={buffer!r}")
    overlong = () if max_length is None or buffer is None else (overlong_penalty(max_length, buffer),)
    return chain(
        *overlong,
        dynamic_filter(),
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        token_mean(),
        name="dapo",
    )


def gspo(*, low: checks.ScalarOrSchedule = 3e-4, high: checks.ScalarOrSchedule = 4e-4) -> LossTransform:
    """Group Sequence Policy Optimization: one ratio a response, the geometric mean of its tokens'.

    L = mean_i -min(s_i A_i, clip(s_i) A_i), s_i = exp(mean_t (log_probs - old_log_probs)).

    Args:
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.gspo()

    Zheng et al., "Group Sequence Policy Optimization", 2025, arXiv 2507.18071.
    """
    return chain(group_advantage(), sequence_ratio(), ppo_clip(low=low, high=high), sequence_mean_token_mean(), name="gspo")


def cispo(*, low: checks.ScalarOrSchedule = 1.0, high: checks.ScalarOrSchedule = 0.28) -> LossTransform:
    """Clipped importance-sampling weights: every token keeps its gradient, with a bounded weight.

    L = token mean of -stop(clip(r, 1 - low, 1 + high)) A log pi.

    Args:
      low: in [0, 1], or a schedule; 1 means no lower bound.
      high: >= 0, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.cispo(high=4.0)

    MiniMax, "MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention", 2025, arXiv 2506.13585.
    """
    return chain(group_advantage(), token_ratio(), clipped_importance_weight(low=low, high=high), token_mean(), name="cispo")
