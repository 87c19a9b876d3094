"""Named objectives that keep or steer the entropy: each is a chain of the room's transforms and nothing else."""

from __future__ import annotations

from ..core import LossTransform, chain, checks
from .advantages import group_advantage
from .anchored_entropy import anchored_entropy
from .covariance import adaptive_entropy_bonus, drop_covariant, importance_weighted, penalise_covariant
from .divergences import protect_rare_tokens, rehearsal_penalty
from .entropy import entropy_change_weights, scale_by_entropy, token_entropies
from .entropy_band import epo_phase, smoothed_entropy_bonus
from .entropy_switch import regularising_advantage
from .penalties import kl_penalty
from .ratios import token_ratio
from .reductions import sum_over_constant, token_mean
from .selective import selective_cross_entropy
from .shared import unless_zero
from .surrogates import ppo_clip


def clip_cov(
    *,
    fraction: float = 2e-4,
    covariance_low: float = 1.0,
    covariance_high: float = 5.0,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
) -> LossTransform:
    """Clip-Cov: GRPO's surrogate, without a random few of the tokens through which the entropy falls fastest.

    L = token mean of -w min(r A, clip(r) A), w = 0 on the drawn tokens, 1 elsewhere; see `drop_covariant`.

    Args:
      fraction: in [0, 1], share of all valid tokens to drop.
      covariance_low: lower bound of the covariance of a token that may be dropped.
      covariance_high: upper bound, > covariance_low.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs` and `key`.

    Example:
      >>> policy.clip_cov().requires
      ('rewards', 'group_ids', 'log_probs', 'old_log_probs', 'key')

    Cui et al., "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", 2025, arXiv 2505.22617.
    """
    checks.real("covariance_low", covariance_low)
    checks.between("covariance_high", covariance_high, covariance_low, float("inf"), closed="neither")
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        drop_covariant(fraction=fraction, low=covariance_low, high=covariance_high),
        token_mean(),
        name="clip_cov",
    )


def kl_cov(*, fraction: float = 2e-3, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """KL-Cov: the tokens through which the entropy falls fastest are tied to the old policy; no ratio is clipped.

    L = token mean of -r A + coefficient |log pi - log pi_old| on the chosen tokens; see `penalise_covariant`.

    Args:
      fraction: in [0, 1], share of all valid tokens to choose (2e-3 for 7B models, 2e-4 for 32B).
      coefficient: >= 0, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.kl_cov(fraction=2e-4)

    Cui et al., "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models", 2025, arXiv 2505.22617.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        importance_weighted(),
        penalise_covariant(coefficient, fraction=fraction),
        token_mean(),
        name="kl_cov",
    )


def lp_reg(
    *,
    coefficient: checks.ScalarOrSchedule = 1.0,
    fraction: float = 0.01,
    kappa: float = 0.02,
    proxy: str = "old",
    low: checks.ScalarOrSchedule = 1.0,
    high: checks.ScalarOrSchedule = 9.0,
) -> LossTransform:
    """Lp-Reg: GRPO with very wide bounds, in which rare but plausible tokens are kept from being pushed down.

    L = token mean of -min(r A, clip(r) A), and on the selected tokens -r A + coefficient (q / pi - log(q / pi) - 1); see
    `protect_rare_tokens`.

    Args:
      coefficient: >= 0, or a schedule.
      fraction: in [0, 1], share of the tokens with A < 0 that may be selected; 0.01 for 14B models, 0.005 for 32B.
      kappa: in [0, 1], tokens below kappa times the largest probability are noise.
      proxy: "old" makes q from `old_distribution`, "current" from `distribution`.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `tokens`, `old_log_probs`, `log_probs` and the proxy's distribution.

    Example:
      >>> policy.lp_reg(proxy="current").requires
      ('rewards', 'group_ids', 'log_probs', 'old_log_probs', 'tokens', 'distribution')

    Huang et al., "Low-probability Tokens Sustain Exploration in Reinforcement Learning with Verifiable Reward", 2025, arXiv
    2510.03222.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        protect_rare_tokens(coefficient, fraction=fraction, kappa=kappa, proxy=proxy),
        token_mean(),
        name="lp_reg",
    )


def dph(
    *,
    coefficient: checks.ScalarOrSchedule = 0.05,
    kind: str = "forward_kl",
    alpha: float = 0.2,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
) -> LossTransform:
    """DPH-RL: prompts that the initial policy solves only rehearse its responses, the others are trained without a KL.

    L = token mean of -min(r A, clip(r) A), and on rows of `rehearsal` of coefficient * `f_divergence` instead.

    Args:
      coefficient: >= 0, or a schedule; 0.01 to 0.05 for "forward_kl" and "alpha", 0.05 to 0.2 for "js".
      kind: "forward_kl", "js" or "alpha"; see `f_divergence`.
      alpha: in (0, 1), for "alpha".
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `rehearsal`, `old_log_probs`, `ref_log_probs`, `log_probs`.

    Example:
      >>> loss = policy.dph(kind="js", coefficient=0.1)

    Li et al., "The Choice of Divergence: A Neglected Key to Mitigating Diversity Collapse in RLVR", 2025, arXiv 2509.07430.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        rehearsal_penalty(coefficient, kind=kind, alpha=alpha),
        token_mean(),
        name="dph",
    )


def siren(
    divisor: float,
    *,
    coefficient: checks.ScalarOrSchedule = 0.005,
    anchor: float | None = None,
    p: float = 0.8,
    quantile: float = 0.8,
    nucleus: str = "inclusive",
    top_k: int | None = None,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
) -> LossTransform:
    """SIREN: the entropy of the nucleus at the most uncertain positions is held at its first level.

    L = (1 / divisor) sum of -min(r A, clip(r) A) + coefficient (H - anchor)^2; see `anchored_entropy`.

    Args:
      divisor: > 0, a constant: rows times the longest response for a mean over rows.
      coefficient: >= 0, or a schedule; 0.005 for 7B models.
      anchor: >= 0, in nats; None takes the first batch's H.
      p: in (0, 1], mass of the nucleus.
      quantile: in [0, 1], positions above it are regularised.
      nucleus: "inclusive" as in the paper or "exclusive" as in released code.
      top_k: >= 1 or None; 10000 in released code.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`, `distribution`.

    Example:
      >>> loss = policy.siren(divisor=8 * 1024, nucleus="exclusive", top_k=10000)

    Jiang et al., "Rethinking Entropy Regularization in Large Reasoning Models", 2025, arXiv 2509.25133.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        sum_over_constant(divisor),
        anchored_entropy(coefficient, anchor=anchor, p=p, quantile=quantile, nucleus=nucleus, top_k=top_k),
        name="siren",
    )


def steer(
    *,
    mode: str = "exponential",
    lowest: float = 0.8,
    highest: float = 1.2,
    floor: float = 0.02,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
    dual: float | None = 10.0,
) -> LossTransform:
    """STEER: tokens that change the entropy much weigh less.

    L = token mean of -w min(r A, clip(r) A), w as in `entropy_change_weights`; the weights are not renormalised.

    Args:
      mode: "exponential" or "linear".
      lowest: in (0, 1], the smallest weight.
      highest: >= lowest, the largest weight, for "linear".
      floor: > 0, for "exponential".
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      dual: > 1, or None for no dual clip.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`, `distribution`.

    Example:
      >>> loss = policy.steer(lowest=0.3)

    Hao et al., "Rethinking Entropy Interventions in RLVR: An Entropy Change Perspective", 2025, arXiv 2510.10150.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        token_entropies(),
        entropy_change_weights(mode=mode, lowest=lowest, highest=highest, floor=floor),
        token_mean(),
        name="steer",
    )


def epo(
    max_steps: int,
    total: int,
    *,
    coefficient: checks.ScalarOrSchedule = 0.001,
    band_low: float = 0.0,
    band_high: float = 2.0,
    size: float = 0.05,
    mode: str = "token",
    form: str = "indicator",
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.2,
) -> LossTransform:
    """EPO: for agents of many steps, an entropy bonus with a penalty for leaving the band of the past.

    L = token mean of -min(r A, clip(r) A) - coefficient (H - w P), w = `epo_phase`; see `smoothed_entropy_bonus`. With
    form="indicator", as published, P has no gradient and training is that with the bonus alone.

    Args:
      max_steps: >= 1, the most steps of an episode.
      total: >= 1, steps of training.
      coefficient: >= 0, or a schedule.
      band_low: >= 0, lower edge of the band as a multiple of the past's entropy.
      band_high: >= band_low, its upper edge.
      size: >= 0, the penalty.
      mode: "token" or "sequence".
      form: "indicator" or "hinge".
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `environment_steps`, `old_log_probs`, `log_probs`, `distribution`.

    Example:
      >>> loss = policy.epo(max_steps=30, total=150, form="hinge")

    Xu et al., "EPO: Entropy-regularized Policy Optimization for LLM Agents Reinforcement Learning", 2025, arXiv 2509.22576.
    """
    checks.non_negative("band_low", band_low)
    checks.between("band_high", band_high, band_low, float("inf"))
    bonus = smoothed_entropy_bonus(
        max_steps,
        coefficient=coefficient,
        weight=epo_phase(total),
        low=band_low,
        high=band_high,
        size=size,
        mode=mode,
        form=form,
    )
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high),
        token_entropies(),
        bonus,
        token_mean(),
        name="epo",
    )


def aepo_balanced(
    *,
    alpha: checks.ScalarOrSchedule = 0.2,
    low: checks.ScalarOrSchedule = 0.2,
    high: checks.ScalarOrSchedule = 0.28,
    dual: float | None = 3.0,
) -> LossTransform:
    """Agentic entropy-balanced policy optimization: uncertain tokens weigh more and keep their gradient above the bound.

    L = token mean of -min(r A', clip(r) A'), A' as in `scale_by_entropy`; where A' > 0 and r > 1 + high the gradient is that
    of (1 + high) A' log pi instead of 0.

    Args:
      alpha: >= 0, how much the entropy counts, or a schedule.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      dual: > 1, or None for no dual clip.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`, `distribution`.

    Example:
      >>> loss = policy.aepo_balanced()

    Dong et al., "Agentic Entropy-Balanced Policy Optimization", 2025, arXiv 2510.14545.
    """
    return chain(
        group_advantage(),
        token_entropies(),
        scale_by_entropy(alpha),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual, keep_gradient="high"),
        token_mean(),
        name="aepo_balanced",
    )


def light_if(
    *,
    coefficient: checks.ScalarOrSchedule = 1.0,
    scale: float = 10.0,
    limit: float = 5.0,
    detach: bool = True,
    kl_coefficient: checks.ScalarOrSchedule = 0.001,
    low: checks.ScalarOrSchedule = 1.0,
    high: checks.ScalarOrSchedule = 1.0,
    dual: float | None = 10.0,
) -> LossTransform:
    """Light-IF's reinforcement learning: GRPO with wide bounds and an entropy bonus that grows with the covariance (TEA).

    L = token mean of -min(r A, clip(r) A) - coefficient e H + kl_coefficient k3, e as in `adaptive_entropy_bonus`.

    Args:
      coefficient: >= 0, or a schedule.
      scale: > 0, the e of a response sum to at most this.
      limit: > 0, the largest e.
      detach: False lets the gradient flow through e too, as released code does.
      kl_coefficient: >= 0, or a schedule; 0 leaves the reference out.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.
      dual: > 1, or None for no dual clip.

    Returns:
      A chain reading `rewards`, `group_ids`, `old_log_probs`, `log_probs`, `distribution` and, unless the coefficient is 0,
      `ref_log_probs`.

    Example:
      >>> loss = policy.light_if(coefficient=0.02)

    Wang et al., "Light-IF: Endowing LLMs with Generalizable Reasoning via Preview and Self-Checking for Complex Instruction
    Following", 2025, arXiv 2508.03178.
    """
    return chain(
        group_advantage(),
        token_ratio(),
        ppo_clip(low=low, high=high, dual=dual),
        token_entropies(),
        adaptive_entropy_bonus(coefficient, scale=scale, limit=limit, detach=detach),
        *unless_zero("kl_coefficient", kl_coefficient, kl_penalty),
        token_mean(),
        name="light_if",
    )


def entropy_sft(*, ratio: float = 0.2, entropy_coefficient: float = 1.0) -> LossTransform:
    """Entropy-SFT: supervised fine-tuning on confident mistakes alone, which leaves the other tokens their entropy.

    L = mean of -log pi over the share of tokens with the largest -log pi - c H; see `selective_cross_entropy`.

    Args:
      ratio: in [0, 1], share of tokens to train on.
      entropy_coefficient: c >= 0.

    Returns:
      A chain reading `log_probs`, `distribution`.

    Example:
      >>> terms = policy.Terms(log_probs=jnp.log(jnp.array([[0.25, 0.9]])), distribution=algax.Logits(jnp.zeros([1, 2, 4])))
      >>> float(policy.entropy_sft(ratio=0.5)(terms))  # -log 0.25
      1.38629...

    Wang et al., "Light-IF: Endowing LLMs with Generalizable Reasoning via Preview and Self-Checking for Complex Instruction
    Following", 2025, arXiv 2508.03178.
    """
    return chain(
        token_entropies(),
        selective_cross_entropy(ratio=ratio, entropy_coefficient=entropy_coefficient),
        name="entropy_sft",
    )


def aepo_arbitrary(
    *, advantage: float = 1.0, low: checks.ScalarOrSchedule = 0.2, high: checks.ScalarOrSchedule = 0.2
) -> LossTransform:
    """Arbitrary-entropy policy optimization: GRPO, with some rows replaced by correct samples drawn at another temperature.

    L = token mean of -min(r A, clip(r) A), A = advantage on rows of `regularising`. `entropy_switch` chooses the temperature,
    `replace_rows` puts the samples in; without one this is GRPO with a token mean.

    Args:
      advantage: > 0, that of the regularising rows.
      low: in [0, 1], how far the ratio may fall below 1, or a schedule.
      high: >= 0, how far the ratio may rise above 1, or a schedule.

    Returns:
      A chain reading `rewards`, `group_ids`, `regularising`, `old_log_probs`, `log_probs`.

    Example:
      >>> temperature, count = policy.entropy_switch(jnp.array(0.3), target=0.75)
      >>> print(temperature, count)
      1.2 60
      >>> loss = policy.aepo_arbitrary()

    Wang et al., "Arbitrary Entropy Policy Optimization: Entropy Is Controllable in Reinforcement Fine-tuning", 2025, arXiv
    2510.08141.
    """
    return chain(
        group_advantage(),
        regularising_advantage(advantage),
        token_ratio(),
        ppo_clip(low=low, high=high),
        token_mean(),
        name="aepo_arbitrary",
    )
