"""Named objectives with guidance and with several turns: each is a chain of the room's transforms and nothing else."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .advantages import group_advantage, reward_advantage
from .demonstrations import select_rows
from .entropy import token_entropies
from .guidance import imitation_weights, on_rollouts, shape_guidance
from .likelihood import log_likelihood
from .prefixes import keep_uncertain_guidance, prefix_advantage
from .ratios import token_ratio
from .reductions import sequence_mean_token_sum, token_mean
from .rollout_masks import accuracy_band, drop_flagged, drop_uniform_groups
from .surrogates import policy_gradient, ppo_clip
from .thoughts import action_ratio
from .turns import (
    kl_in_turn_rewards,
    last_turn_reward,
    progress_bonus,
    repetition_penalty,
    sum_turn_rewards,
    turn_credit,
    turn_decay,
)


def prefix_rft(
    *,
    keep: float = 0.2,
    scale: str = "none",
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    dual: float | None = 3.0,
) -> LossTransform:
    """Prefix-RFT: responses that continue a demonstration's prefix, of which the least sure tokens are learnt too.

    Args:
      keep: in [0, 1], share of prefix tokens to learn.
      scale: "none" or "std", see `prefix_advantage`.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      dual: > 1, or None.

    Returns:
      A chain reading `rewards`, `group_ids`, `guided_tokens`, `distribution`, `log_probs` and `old_log_probs`.

    Example:
      >>> policy.prefix_rft().requires
      ('rewards', 'group_ids', 'guided_tokens', 'distribution', 'log_probs', 'old_log_probs')

    Huang et al., "Blending Supervised and Reinforcement Fine-Tuning with Prefix Sampling", 2025, arXiv 2507.01679.
    """
    return chain(
        prefix_advantage(scale=scale),
        token_entropies(),
        keep_uncertain_guidance(keep),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        token_mean(),
        name="prefix_rft",
    )


def simpletir(
    *,
    accuracy: tuple[float, float] = (0.1, 0.9),
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
    dual: float | None = 3.0,
) -> LossTransform:
    """SimpleTIR: several turns with tools, without the gradient of responses that have a void turn.

    Args:
      accuracy: (low, high), low <= high: prompts with a mean reward outside are dropped.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      dual: > 1, or None.

    Returns:
      A chain reading `rewards` in [0, 1], `group_ids`, `truncated`, `well_formed` (false with a void turn), `log_probs` and
      `old_log_probs`; `mask` leaves the tools' output out.

    Example:
      >>> policy.simpletir().requires
      ('truncated', 'rewards', 'group_ids', 'well_formed', 'log_probs', 'old_log_probs')

    Xue et al., "SimpleTIR: End-to-End Reinforcement Learning for Multi-Turn Tool-Integrated Reasoning", 2025, arXiv
    2509.02479.
    """
    return chain(
        drop_flagged("truncated"),
        accuracy_band(*accuracy),
        drop_uniform_groups(tolerance=1e-3, ddof=1),
        group_advantage(),
        drop_flagged("well_formed", value=False),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        token_mean(),
        name="simpletir",
    )


def unary_feedback(
    *,
    gamma: float = 0.5,
    weight: float = 0.5,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
) -> LossTransform:
    """Several tries at a problem, each wrong one answered with "try again": late success and repeated answers cost.

    Args:
      gamma: in [0, 1], see `turn_decay`.
      weight: >= 0, see `repetition_penalty`.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `turn_correct`, `turn_answers`, `group_ids`, `log_probs` and `old_log_probs`; `mask` leaves the feedback
      out.

    Example:
      >>> policy.unary_feedback().requires
      ('turn_correct', 'turn_answers', 'group_ids', 'log_probs', 'old_log_probs')

    Liu et al., "A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning", 2025, arXiv 2507.14295.
    """
    return chain(
        turn_decay(gamma),
        repetition_penalty(weight),
        sum_turn_rewards(),
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        token_mean(),
        name="unary_feedback",
    )


def score(stage: int, *, alpha: float = 10.0, kl_coefficient: float = 0.01, first_coefficient: float = 0.1) -> LossTransform:
    """SCoRe: learning to correct oneself in two attempts, in two stages.

    Stage 1 maximises r_2 - first_coefficient KL_1 - kl_coefficient KL_2: the first attempt stays where it was. Stage 2
    maximises r_1 + r_2 + alpha (r_2 - r_1) - kl_coefficient (KL_1 + KL_2). Every attempt is credited with its own part.

    Args:
      stage: 1 or 2.
      alpha: >= 0, weight of progress in stage 2.
      kl_coefficient: >= 0.
      first_coefficient: >= 0, that of the first attempt in stage 1.

    Returns:
      A chain reading `turn_rewards`, `turn_ids`, `old_log_probs`, `ref_log_probs` and `log_probs`.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> policy.score(2).requires
      ('turn_rewards', 'turn_ids', 'old_log_probs', 'ref_log_probs', 'log_probs')

    Kumar et al., "Training Language Models to Self-Correct via Reinforcement Learning", 2024, arXiv 2409.12917.
    """
    checks.option("stage", stage, (1, 2))
    checks.non_negative("alpha", alpha)
    checks.non_negative("kl_coefficient", kl_coefficient)
    checks.non_negative("first_coefficient", first_coefficient)
    return chain(
        last_turn_reward() if stage == 1 else progress_bonus(alpha),
        kl_in_turn_rewards(first_coefficient if stage == 1 else kl_coefficient, kl_coefficient),
        turn_credit("own", baseline="batch_mean"),
        policy_gradient(),
        sequence_mean_token_sum(),
        name="score",
    )


def thinktuning(
    *, min_prob: float = 0.01, low: checks.ScalarOrSchedule = 0.2, high: checks.ScalarOrSchedule = 0.2, dual: float = 3.0
) -> LossTransform:
    """ThinkTuning: GRPO on responses of which some end with a teacher's feedback; see `append_feedback`, `shape_guidance`.

    Args:
      min_prob: in [0, 1], below which a teacher's token is not pushed down by its shaped weight.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      dual: > 1.

    Returns:
      A chain reading `rewards`, `group_ids`, `guided_tokens`, `log_probs` and `old_log_probs`.

    Example:
      >>> policy.thinktuning().requires
      ('rewards', 'group_ids', 'log_probs', 'old_log_probs', 'guided_tokens')

    RRV et al., "ThinkTuning: Instilling Cognitive Reflections without Distillation", 2025, arXiv 2508.07616.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        shape_guidance(min_prob=min_prob),
        token_mean(),
        name="thinktuning",
    )


def guide_grpo(
    *, low: checks.ScalarOrSchedule = 0.2, high: checks.ScalarOrSchedule = 0.2, epsilon: float = 1e-6
) -> LossTransform:
    """Guide: GRPO on `guided_where_all_fail`, where `old_log_probs` are those of the context that sampled, with its hint.

    Args:
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      epsilon: > 0, added to the population's standard deviation of a group.

    Returns:
      A chain reading `rewards`, `group_ids`, `log_probs` (of the plain prompt) and `old_log_probs`.

    Example:
      >>> policy.guide_grpo().requires
      ('rewards', 'group_ids', 'log_probs', 'old_log_probs')

    Nath et al., "Adaptive Guidance Accelerates Reinforcement Learning of Reasoning Models", 2025, arXiv 2506.13923.
    """
    return chain(
        group_advantage(ddof=0, epsilon=epsilon), token_ratio(), ppo_clip(low=low, high=high), token_mean(), name="guide_grpo"
    )


def gtr(
    *,
    thought_weight: float = 0.5,
    imitation: float = 1.0,
    low: checks.ScalarOrSchedule = 0.1,
    high: checks.ScalarOrSchedule = 0.1,
) -> LossTransform:
    """Guided Thought Reinforcement: PPO on actions beside cross-entropy on corrected thoughts.

    L = mean over steps of -min(r A, clip(r) A) - imitation * (token mean of log pi on the demonstrations).

    Args:
      thought_weight: in [0, 1], see `action_ratio`.
      imitation: >= 0.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `demonstrations` (rows whose `mask` is the corrected thought alone), `rewards` (here the advantage of each
      step, from a critic over the episode), `thoughts`, `log_probs` and `old_log_probs`.

    Example:
      >>> policy.gtr().requires
      ('demonstrations', 'rewards', 'log_probs', 'old_log_probs', 'thoughts')

    Wei et al., "GTR: Guided Thought Reinforcement Prevents Thought Collapse in RL-based VLM Agent Training", 2025, arXiv
    2503.08525.
    """
    return chain(
        imitation_weights(checks.non_negative("imitation", imitation), policy_mean="sequence", mean="token"),
        on_rollouts(reward_advantage()),
        action_ratio(thought_weight),
        select_rows("demonstrations", log_likelihood(), ppo_clip(low=low, high=high)),
        token_mean(),
        name="gtr",
    )


def exp_grpo(
    *,
    beta: float = 0.1,
    unsolved: bool = False,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
) -> LossTransform:
    """ExP-GRPO: GRPO beside the likelihood of explanations that the policy wrote knowing the answer.

    L = L_GRPO - beta * mean_i mean_t log pi(explanation_it | plain question).

    Args:
      beta: >= 0.
      unsolved: True for prompts without a correct response alone.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `demonstrations` (true on rows that are explanations, scored under the plain question), `rewards`,
      `group_ids`, `log_probs`, `old_log_probs` and with `unsolved` `correct`.

    Example:
      >>> policy.exp_grpo().requires
      ('demonstrations', 'rewards', 'group_ids', 'log_probs', 'old_log_probs')

    Zhou et al., "ExPO: Unlocking Hard Reasoning with Self-Explanation-Guided Reinforcement Learning", 2025, arXiv 2507.02834,
    which does not say whether the likelihood is a mean or a sum over tokens.
    """
    return chain(
        imitation_weights(checks.non_negative("beta", beta), policy_mean="sequence", mean="sequence", unsolved=unsolved),
        on_rollouts(group_advantage()),
        token_ratio(),
        select_rows("demonstrations", log_likelihood(), ppo_clip(low=low, high=high)),
        token_mean(),
        name="exp_grpo",
    )
