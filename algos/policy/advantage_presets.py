"""Named objectives whose advantages or rewards are their own: each is a chain of the room's transforms and nothing else."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .advantages import group_advantage, return_to_go
from .group_contrasts import conditional_advantage, consistency_blend, ppo_clip_pair, prompt_advantage
from .macro_actions import ngram_segments, segment_gae
from .normalisation import average_parts, beta_normalise, mixed_value_at_risk
from .penalties import entropy_bonus, kl_penalty
from .presets import ppo
from .process_rewards import (
    advantage_weighted,
    leave_one_out_reward,
    process_baseline,
    ratio_guard,
    soft_min_rewards,
    step_advantage,
    zero_separators,
)
from .ratios import token_ratio
from .reductions import sequence_mean_token_mean, sequence_mean_token_sum, sum_over_constant, token_mean, value_loss
from .rewards import kl_in_reward, reward_on_last_token
from .shared import unless_zero
from .surrogates import ppo_clip
from .verifiable_rewards import (
    bounded_ratio,
    clip_reward,
    consistency_reward,
    majority_labels,
    novelty_reward,
    sigma_filter,
    verifiable_reward,
)


def bnpo(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
    dual: float | None = 10.0,
    parts: bool = False,
) -> LossTransform:
    """Beta normalisation: centred binary rewards divided by a Beta density of the success rates, fitted to the batch.

    L = mean_i sum_t -min(r A, clip(r) A), A = (s - p) / Beta(p; alpha, beta).

    Args:
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      dual: > 1, or None.
      parts: True averages the advantages of the parts of the reward, each with its own density.

    Returns:
      A chain reading `rewards` (with parts `reward_parts`), `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.bnpo()

    Xiao et al., "BNPO: Beta Normalization Policy Optimization", 2025, arXiv 2506.02864. A group of one gets no advantage here.
    """
    checks.boolean("parts", parts)
    advantage = chain(group_advantage(scale="none", singleton="zero"), beta_normalise())
    return chain(
        average_parts(advantage) if parts else advantage,
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        sequence_mean_token_sum(),
        name="bnpo",
    )


def riskpo(
    *,
    baseline: str = "bundle_mean",
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
) -> LossTransform:
    """Risk-based policy optimisation: the mixed value-at-risk of bundles of questions in place of the mean reward.

    Args:
      baseline: see `mixed_value_at_risk`; the released code has "none", which makes every advantage negative or 0.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.

    Returns:
      A chain with state reading `rewards`, `group_ids`, `bundle_ids`, `paper_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.riskpo()
      >>> loss.requires
      ('rewards', 'bundle_ids', 'paper_ids', 'group_ids', 'log_probs', 'old_log_probs')

    Ren et al., "RiskPO: Risk-based Policy Optimization via Verifiable Reward for LLM Post-Training", 2025, arXiv 2510.00911.
    """
    return chain(
        mixed_value_at_risk(baseline=baseline),
        token_ratio(),
        ppo_clip(low=low, high=high),
        sequence_mean_token_mean(),
        name="riskpo",
    )


def canon(
    divisor: float,
    *,
    metric: str = "length",
    mu: checks.ScalarOrSchedule | str = 0.5,
    alpha: checks.ScalarOrSchedule = 1.0,
    alpha_on: str = "high",
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
) -> LossTransform:
    """Conditional advantage estimation: Dr. GRPO whose group is split in two by a metric.

    Args:
      divisor: > 0, a constant: rows times the longest response.
      metric: see `conditional_advantage`.
      mu: see `conditional_advantage`.
      alpha: see `conditional_advantage`.
      alpha_on: see `conditional_advantage`.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, the metric, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.canon(divisor=8 * 1024, alpha=0.9)

    Chen et al., "Conditional Advantage Estimation for Reinforcement Learning in Large Reasoning Models", 2025, arXiv
    2509.23962.
    """
    return chain(
        conditional_advantage(metric=metric, mu=mu, alpha=alpha, alpha_on=alpha_on),
        token_ratio(),
        ppo_clip(low=low, high=high),
        sum_over_constant(divisor),
        name="canon",
    )


def copo(
    *,
    gamma: float = 20.0,
    rho: float = 1.5,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
) -> LossTransform:
    """Consistency-aware policy optimisation: GRPO, and a comparison of prompts where the answers to a prompt agree.

    L = mean_i mean_t [w L_local + (1 - w) L_prompt], each with a clipped surrogate of its own, w = sigmoid(gamma (H - rho)).

    Args:
      gamma: see `consistency_blend`.
      rho: see `consistency_blend`.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `answer_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.copo()

    Han et al., "COPO: Consistency-Aware Policy Optimization", 2025, arXiv 2508.04138.
    """
    return chain(
        group_advantage(),
        prompt_advantage(),
        consistency_blend(gamma=gamma, rho=rho, separate=True),
        token_ratio(),
        ppo_clip_pair(low=low, high=high),
        sequence_mean_token_mean(),
        name="copo",
    )


def evol_rl(
    *,
    alpha: float = 0.5,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
    entropy_coefficient: checks.ScalarOrSchedule = 0.003,
    kl_coefficient: checks.ScalarOrSchedule = 0.001,
) -> LossTransform:
    """Learning without labels: the majority's answer is right, and novelty decides within right and wrong.

    Args:
      alpha: see `novelty_reward`.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      entropy_coefficient: >= 0, or a schedule; 0 leaves the distribution out.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.

    Returns:
      A chain reading `answer_ids`, `group_ids`, `embeddings`, `old_log_probs`, `log_probs` and, unless their coefficients
      are 0, `distribution` and `ref_log_probs`.

    Example:
      >>> loss = policy.evol_rl(entropy_coefficient=0.0, kl_coefficient=0.0)
      >>> loss.requires
      ('answer_ids', 'group_ids', 'embeddings', 'log_probs', 'old_log_probs')

    Zhou et al., "Evolving Language Models without Labels: Majority Drives Selection, Novelty Promotes Variation", 2025, arXiv
    2509.15194.
    """
    return chain(
        majority_labels(),
        novelty_reward(alpha=alpha),
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        *unless_zero("entropy_coefficient", entropy_coefficient, entropy_bonus),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        token_mean(),
        name="evol_rl",
    )


def pure(
    *,
    temperature: float | None = 0.1,
    baseline: str = "token",
    outcome_coefficient: float = 1.0,
    kl_coefficient: checks.ScalarOrSchedule = 0.001,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    ratio_limit: float | None = None,
) -> LossTransform:
    """Process rewards whose return follows the worst step instead of the sum of all.

    Args:
      temperature: see `soft_min_rewards`.
      baseline: "token" or "step", see `process_baseline`.
      outcome_coefficient: >= 0, weight of the verified `rewards`, 1 if solved and 0 if not; 0 leaves them out.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      ratio_limit: > 0, the mean ratio above which a batch is skipped (10 in the released code), which rules out
        micro-batches; None never skips.

    Returns:
      A chain reading `token_rewards` and, where given, `step_ends` and `separators`, `group_ids`, `old_log_probs`, `log_probs`
      and, unless their coefficients are 0, `rewards` and `ref_log_probs`.

    Example:
      >>> loss = policy.pure(outcome_coefficient=0.0, kl_coefficient=0.0)
      >>> loss.requires
      ('token_rewards', 'group_ids', 'log_probs', 'old_log_probs')

    Cheng et al., "Stop Summation: Min-Form Credit Assignment Is All Process Reward Model Needs for Reasoning", 2025, arXiv
    2504.15275.
    """
    checks.option("baseline", baseline, ("token", "step"))
    checks.non_negative("outcome_coefficient", outcome_coefficient)
    outcome = (leave_one_out_reward(coefficient=outcome_coefficient), reward_on_last_token()) if outcome_coefficient else ()
    return chain(
        soft_min_rewards(temperature=temperature),
        process_baseline(kind=baseline),
        *outcome,
        *unless_zero("kl_coefficient", kl_coefficient, kl_in_reward),
        return_to_go(),
        zero_separators(),
        token_ratio(),
        *(() if ratio_limit is None else (ratio_guard(limit=ratio_limit),)),
        ppo_clip(low=low, high=high),
        sequence_mean_token_mean(),
        name="pure",
    )


def macro_action_ppo(
    *,
    length: int = 5,
    pool: str = "equal",
    gamma: float = 1.0,
    trace_decay: float = 0.95,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    kl_coefficient: checks.ScalarOrSchedule = 0.05,
    reward_limit: float = 2.5,
    value_clip: float | None = 0.2,
    value_coefficient: checks.ScalarOrSchedule = 0.5,
) -> LossTransform:
    """PPO whose decisions are segments of tokens: values, rewards and advantages live on n-grams, ratios on tokens.

    Args:
      length: >= 1, tokens of a segment; the last token is one of its own.
      pool: see `pool_segments`.
      gamma: discount in [0, 1], per segment.
      trace_decay: lambda in [0, 1].
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.
      reward_limit: > 0, rewards are clipped to +- this.
      value_clip: > 0, or None.
      value_coefficient: >= 0, or a schedule.

    Returns:
      A chain reading `rewards`, `old_log_probs`, `old_values`, `log_probs`, `values` and, unless the coefficient is 0,
      `ref_log_probs`.

    Example:
      >>> loss = policy.macro_action_ppo(length=3)

    Chai et al., "MA-RLHF: Reinforcement Learning from Human Feedback with Macro Actions", 2024, arXiv 2410.02743.
    """
    if value_clip is not None:
        checks.positive("value_clip", value_clip)
    checks.positive("reward_limit", reward_limit)
    checks.schedule("value_coefficient", value_coefficient, checks.non_negative)
    return chain(
        clip_reward(limit=reward_limit),
        reward_on_last_token(),
        *unless_zero("kl_coefficient", kl_coefficient, kl_in_reward),
        ngram_segments(length=length),
        segment_gae(gamma=gamma, trace_decay=trace_decay, pool=pool),
        token_ratio(),
        ppo_clip(low=low, high=high),
        token_mean(),
        value_loss(clip=value_clip, coefficient=value_coefficient),
        name="macro_action_ppo",
    )


def stable_reinforce(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    least: float = 1e-3,
    greatest: float = 1e3,
    sigmas: float = 3.0,
    kl_coefficient: checks.ScalarOrSchedule = 0.001,
) -> LossTransform:
    """REINFORCE++ made stable: ratios clipped before they are exponentiated, outlying advantages dropped.

    Args:
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      least: see `bounded_ratio`.
      greatest: see `bounded_ratio`.
      sigmas: see `sigma_filter`.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.

    Returns:
      A chain reading `correct`, `consistent`, `well_formed`, `old_log_probs`, `log_probs` and, unless the coefficient is 0,
      `ref_log_probs`.

    Example:
      >>> loss = policy.stable_reinforce()

    Zhang et al., "R1-Reward: Training Multimodal Reward Model Through Stable Reinforcement Learning", 2025, arXiv 2505.02835.
    """
    return chain(
        consistency_reward(),
        reward_on_last_token(),
        *unless_zero("kl_coefficient", kl_coefficient, kl_in_reward),
        return_to_go(),
        sigma_filter(sigmas=sigmas),
        bounded_ratio(least=least, greatest=greatest),
        ppo_clip(low=low, high=high),
        sequence_mean_token_mean(),
        name="stable_reinforce",
    )


def rlvr_ppo(
    *,
    value: float = 10.0,
    no_eos: float | None = -10.0,
    kl_coefficient: checks.ScalarOrSchedule = 0.05,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    value_coefficient: checks.ScalarOrSchedule = 0.1,
) -> LossTransform:
    """PPO with a checker in place of the reward model.

    Args:
      value: see `verifiable_reward`.
      no_eos: see `verifiable_reward`.
      kl_coefficient: >= 0, or a schedule; 0.01 to 0.1 in the paper; 0 leaves the reference out.
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.
      value_coefficient: >= 0, or a schedule.

    Returns:
      A chain reading `correct`, `truncated` (unless no_eos is None), `old_log_probs`, `old_values`, `log_probs`, `values` and,
      unless the coefficient is 0, `ref_log_probs`.

    Example:
      >>> loss = policy.rlvr_ppo(kl_coefficient=0.0)
      >>> loss.requires
      ('correct', 'truncated', 'old_values', 'log_probs', 'old_log_probs', 'values')

    Lambert et al., "Tulu 3: Pushing Frontiers in Open Language Model Post-Training", 2024, arXiv 2411.15124.
    """
    return chain(
        verifiable_reward(value=value, no_eos=no_eos),
        ppo(low=low, high=high, kl_coefficient=kl_coefficient, value_coefficient=value_coefficient),
        name="rlvr_ppo",
    )


def advantage_weighted_steps(*, beta: float, weight_max: float = 20.0) -> LossTransform:
    """Imitation of steps weighted by what they change in the success rate: L = -token mean of min(exp(A / beta), cap) log pi.

    Args:
      beta: > 0, see `advantage_weighted`.
      weight_max: > 0, see `advantage_weighted`.

    Returns:
      A chain reading `step_values`, `prompt_values`, `log_probs` and, where given, `step_ends`.

    Example:
      >>> loss = policy.advantage_weighted_steps(beta=0.1)

    Setlur et al., "RL on Incorrect Synthetic Data Scales the Efficiency of LLM Math Reasoning by Eight-Fold", 2024, arXiv
    2406.14532.
    """
    return chain(
        step_advantage(), advantage_weighted(beta=beta, weight_max=weight_max), token_mean(), name="advantage_weighted_steps"
    )
