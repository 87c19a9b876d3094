"""Named objectives for responses of other policies, demonstrations and likelihoods: chains of the room's transforms."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .advantages import group_advantage, reward_advantage
from .contrast import contrastive_groups, hinge_kl
from .covariance import importance_weighted
from .demonstrations import hybrid_switch, mean_over_rows, select_rows
from .filters import dynamic_filter
from .likelihood import implicit_negative, log_likelihood, score_ratio, success_rate, success_rate_weight
from .off_policy import centred_ratio, convex_kl_penalty, kl_mixture_schedule, search_bounds, subtract_baseline, truncate_weight
from .penalties import kl_penalty
from .random_policy import random_policy_target, relative_q
from .ratios import sequence_ratio, token_ratio
from .reductions import sequence_mean_token_sum, sum_over_constant, token_mean
from .shared import unless_zero
from .surrogates import policy_gradient, ppo_clip


def topr(
    *,
    baseline: float = 0.0,
    positive: tuple[float, float] = (1.0, 1.0),
    negative: tuple[float, float] = (0.0, 1.0),
) -> LossTransform:
    """Tapered off-policy REINFORCE: wrong responses stop pushing once they have become unlikely.

    L = -mean_i stop(clip(pi(y_i) / mu(y_i))) (s_i - c) log pi(y_i), clipped to `positive` or `negative` by the sign of s_i - c.

    Args:
      baseline: c; see `effective_positive_fraction`.
      positive: (low, high), 0 <= low <= high.
      negative: the same.

    Returns:
      A chain reading `rewards` (+1 and -1), `old_log_probs` (of the policy that sampled) and `log_probs`.

    Example:
      >>> terms = policy.Terms(
      ...     log_probs=jnp.full([2, 1], -3.0), old_log_probs=jnp.full([2, 1], -2.0), rewards=jnp.array([1.0, -1.0]))
      >>> gradient = jax.grad(lambda x: policy.topr()(terms.replace(log_probs=x)))(terms.log_probs)
      >>> [round(float(x), 3) for x in gradient[:, 0]]  # 1 and exp(-1), halved
      [-0.5, 0.184]

    Le Roux et al., "Tapered Off-Policy REINFORCE: Stable and efficient reinforcement learning for LLMs", 2025,
    arXiv 2503.14286.
    """
    return chain(
        subtract_baseline(baseline),
        reward_advantage(),
        sequence_ratio(length_normalise=False),
        truncate_weight(positive=positive, negative=negative),
        policy_gradient(),
        sequence_mean_token_sum(),
        name="topr",
    )


def nft(
    *, negative_weight: float = 1.0, prompt_weight: str | None = "one_minus_rate", divisor: float = 1000.0
) -> LossTransform:
    """Negative-aware fine-tuning: likelihood of correct responses, and of wrong ones under the implicit negative policy.

    L = -(1 / divisor) sum_{i,t} w(rho) [c log R + (1 - c) negative_weight log max(1, (1 - rho R) / (1 - rho))], the clamp
    straight through.

    Args:
      negative_weight: >= 0; 0 is rejection-sampling fine-tuning.
      prompt_weight: "one_minus_rate", "group_std" or None; see `success_rate_weight`.
      divisor: > 0, a constant.

    Returns:
      A chain reading `correct`, `group_ids`, `rewards` (by which all-equal groups are dropped), `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.nft(prompt_weight="group_std")

    Chen et al., "Bridging Supervised Learning and Reinforcement Learning in Math Reasoning", 2025, arXiv 2505.18116. For
    released code's ratio by sequence see `implicit_negative`.
    """
    weight = () if prompt_weight is None else (success_rate_weight(prompt_weight),)
    return chain(
        success_rate(),
        dynamic_filter(),
        *weight,
        implicit_negative(negative_weight=negative_weight),
        sum_over_constant(divisor),
        name="nft",
    )


def bapo(*, target: float = 0.4, dual: float | None = 3.0) -> LossTransform:
    """Balanced policy optimisation: PPO's surrogate whose bounds are searched anew for every batch.

    Args:
      target: in [0, 1], the share of the clipped objective that positive advantages are to supply.
      dual: > 1, or None for no dual clip.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.bapo(target=0.5)

    Xi et al., "BAPO: Stabilizing Off-Policy RL for LLMs via Balanced Policy Optimization with Adaptive Clipping", 2025,
    arXiv 2510.18927.
    """
    return chain(group_advantage(), token_ratio(), search_bounds(target), ppo_clip(dual=dual), token_mean(), name="bapo")


def rover(*, scale: float = 1.0, next_value_scale: float = 1.0) -> LossTransform:
    """Random policy valuation: regresses log-ratios to the values of the uniform policy, and no policy gradient.

    L = token mean of (scale (log pi - log pi_old) - stop(s_i - mean_g + next_value_scale v_{t+1}))^2.

    Args:
      scale: > 0.
      next_value_scale: >= 0.

    Returns:
      A chain reading `rewards`, `group_ids`, `log_probs`, `old_log_probs`, `distribution`, `old_distribution`.

    Example:
      >>> loss = policy.rover()

    He et al., "Random Policy Valuation is Enough for LLM Reasoning with Verifiable Rewards", 2025, arXiv 2509.24981.
    """
    return chain(
        group_advantage(scale="none", singleton="zero"),
        random_policy_target(scale=scale, next_value_scale=next_value_scale),
        relative_q(scale=scale),
        token_mean(),
        name="rover",
    )


def oreal(
    *,
    positive: float = 1.0,
    negative: float = 0.5,
    kl_coefficient: checks.ScalarOrSchedule = 0.01,
    token_weight: LossTransform | None = None,
    clone_advantage: bool = True,
) -> LossTransform:
    """Outcome reward learning: cloning of correct responses, policy gradient on wrong ones, each with a token mean of its own.

    L = -positive (1/N+) sum_{correct} w A log pi - negative (1/N-) sum_{wrong} w A pi / stop(pi) + kl_coefficient (1/N) sum k3.

    Args:
      positive: >= 0.
      negative: >= 0.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.
      token_weight: `token_score_threshold()`, `token_score_top()` or None for w = 1.
      clone_advantage: False leaves the advantage out on correct responses, as the paper's formula does.

    Returns:
      A chain reading `rewards` (+1 and -1), `correct`, `group_ids`, `log_probs` and, as needed, `ref_log_probs` and
      `token_scores`.

    Example:
      >>> loss = policy.oreal(token_weight=policy.token_score_threshold())

    Lyu et al., "Exploring the Limit of Outcome Reward for Learning Mathematical Reasoning", 2025, arXiv 2502.06781, where one
    correct and one wrong response a prompt are kept.
    """
    checks.boolean("clone_advantage", clone_advantage)
    return chain(
        group_advantage(scale="none", baseline="leave_one_out"),
        *(() if token_weight is None else (token_weight,)),
        mean_over_rows("correct", coefficient=checks.non_negative("positive", positive)),
        mean_over_rows("correct", value=False, coefficient=checks.non_negative("negative", negative)),
        score_ratio(),
        select_rows("correct", policy_gradient() if clone_advantage else log_likelihood(), importance_weighted()),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        token_mean(),
        name="oreal",
    )


def drpo(
    *,
    temperature: float = 10.0,
    length_temperature: float | None = None,
    max_length: int | None = None,
    kl_coefficient: checks.ScalarOrSchedule = 1000.0,
    delta: float = 1e-4,
    estimator: str = "k1",
) -> LossTransform:
    """Decoupled reward optimisation: contrasts correct with wrong responses, prefers short ones among the correct alone.

    Args:
      temperature: tau > 0.
      length_temperature: > 0 (0.1 in the paper); None, with max_length None, is DisCO.
      max_length: >= 1, the longest response.
      kl_coefficient: >= 0, or a schedule.
      delta: >= 0, the border of the trust region.
      estimator: "k1" or "k3"; see `hinge_kl`.

    Returns:
      A chain reading `correct`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.drpo(length_temperature=0.1, max_length=8192)

    Li et al., "DRPO: Efficient Reasoning via Decoupled Reward Policy Optimization", 2025, arXiv 2510.04474.
    """
    checks.schedule("kl_coefficient", kl_coefficient, checks.non_negative)
    return chain(
        contrastive_groups(temperature=temperature, length_temperature=length_temperature, max_length=max_length),
        hinge_kl(kl_coefficient, delta=delta, estimator=estimator),
        token_mean(),
        name="drpo",
    )


def hpt(divisor: float, *, gate: float = 0.0, coefficient: float = 1.0) -> LossTransform:
    """Hybrid post-training: prompts the policy cannot solve yet learn from demonstrations, the others from rollouts.

    L = -(1 / divisor) sum_{rollouts, t} r A - coefficient * token mean over demonstrations of log pi, A_i = s_i - mean_g.

    Args:
      divisor: > 0, a constant such as the longest response.
      gate: in [-1, 1]; a prompt counts as solvable if its success rate is above it.
      coefficient: >= 0, of the likelihood of demonstrations.

    Returns:
      A chain reading `correct`, `demonstrations`, `group_ids`, `rewards`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.hpt(divisor=8192, gate=0.25)

    Lv et al., "Towards a Unified View of Large Language Model Post-Training", 2025, arXiv 2509.04419.
    """
    return chain(
        hybrid_switch(gate),
        group_advantage(scale="none"),
        mean_over_rows("demonstrations", coefficient=coefficient, divisor=divisor),
        token_ratio(),
        select_rows("demonstrations", log_likelihood(), importance_weighted()),
        sum_over_constant(divisor),
        name="hpt",
    )


def remix(
    *,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
    kl_coefficient: checks.ScalarOrSchedule = 0.001,
    mixture: checks.ScalarOrSchedule | None = None,
) -> LossTransform:
    """Off-policy fine-tuning on replayed responses: a clip window around the current policy, a KL to two policies.

    L = token mean of -min(r A, clip(r, c - low, c + high) A) + kl_coefficient * convex KL; see `centred_ratio`, `mix_replay`.

    Args:
      low: >= 0, or a schedule.
      high: >= 0, or a schedule.
      kl_coefficient: >= 0, or a schedule; the paper does not state one.
      mixture: in [0, 1], or a schedule; None for `kl_mixture_schedule()`, read at `step`.

    Returns:
      A chain reading `rewards`, `group_ids`, `behaviour_log_probs` (of the policy that sampled), `old_log_probs` (of the one
      that starts the update), `log_probs`, `distribution`, `ref_distribution`, `old_distribution`.

    Example:
      >>> loss = policy.remix(mixture=0.8)

    Liang et al., "Squeeze the Soaked Sponge: Efficient Off-policy Reinforcement Finetuning for Large Language Model", 2025,
    arXiv 2507.06892.
    """
    checks.schedule("kl_coefficient", kl_coefficient, checks.non_negative)
    return chain(
        group_advantage(),
        centred_ratio(low=low, high=high),
        ppo_clip(),
        convex_kl_penalty(kl_coefficient, mixture=kl_mixture_schedule() if mixture is None else mixture),
        token_mean(),
        name="remix",
    )
