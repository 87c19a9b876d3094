"""Advantages from a second comparison: with the other half of the group, or with the other prompts of the batch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from ..core.terms import field_specs
from .shared import over_tokens
from .surrogates import ppo_clip
from .terms import Terms

# ----- CANON ------------------------------------------------------------------------------------------------------------


def conditional_advantage(
    *,
    metric: str = "length",
    mu: checks.ScalarOrSchedule | str = 1.0,
    alpha: checks.ScalarOrSchedule = 1.0,
    alpha_on: str = "high",
) -> LossTransform:
    """Splits a group by a metric and compares with the other half and with the own one: A = mu inter + (1 - mu) intra.

    The floor(K / 2) responses of least metric are the low half. In the high half inter = s - m_low, intra = s - m_high; in
    the low half inter = s - m_high, intra = s - m_low, for the halves' mean rewards m. In inter, rewards of the half
    `alpha_on` count alpha-fold (alpha s - m_low and s - alpha m_high for "high"). With mu = 1/2, alpha = 1 and even K this is
    `group_advantage(scale="none")`; a group of one keeps its reward.

    Args:
      metric: "length", the number of tokens; or a data field, `[B]` or `[B, T]` (then its mean over the response), such as
        "old_entropies".
      mu: in [0, 1], or a schedule, or "one_minus_reward" for 1 - the batch's mean reward: other half first, own half later.
      alpha: >= 0, or a schedule; below 1 it favours the half it is not on.
      alpha_on: "high" or "low".

    Returns:
      A `LossTransform` reading `rewards`, `group_ids` and the metric and writing `advantages` `[B, T]`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Chen et al., "Conditional Advantage Estimation for Reinforcement Learning in Large Reasoning Models", 2025, arXiv
    2509.23962. Released code splits equal metrics by their order in the batch; here responses of equal metric on the border
    belong to both halves in the same proportion, so the order does not matter. It divides by the longest length before
    `sequence_mean_token_sum`; use `sum_over_constant`.
    """
    specs = field_specs(Terms)
    checks.option("metric", metric, ("length", *(name for name, spec in specs.items() if spec.axes[:1] == ("B",))))
    if isinstance(mu, str):
        checks.option("mu", mu, ("one_minus_reward",))
    else:
        checks.schedule("mu", mu, lambda name, value: checks.between(name, value, 0.0, 1.0))
    checks.schedule("alpha", alpha, checks.non_negative)
    checks.option("alpha_on", alpha_on, ("high", "low"))

    def update(terms: Terms) -> Terms:
        rewards, groups = terms.rewards, terms.groups(terms.group_ids)
        low_share = _low_share(terms, metric)
        low_mean = numerics.safe_divide(groups.sum(low_share * rewards), groups.sum(low_share))
        high_mean = numerics.safe_divide(groups.sum((1.0 - low_share) * rewards), groups.sum(1.0 - low_share))
        alone = groups.count(rewards) < 2
        low_mean, high_mean = jnp.where(alone, 0.0, low_mean), jnp.where(alone, 0.0, high_mean)
        factor = terms.value("alpha", alpha)
        on_high, on_low = (factor, 1.0) if alpha_on == "high" else (1.0, factor)
        mean_reward = jnp.clip(terms.batch_mean(rewards), 0.0, 1.0)
        weight: Any = 1.0 - mean_reward if isinstance(mu, str) else terms.value("mu", mu)
        high = weight * (on_high * rewards - on_low * low_mean) + (1.0 - weight) * (rewards - high_mean)
        low = weight * (on_low * rewards - on_high * high_mean) + (1.0 - weight) * (rewards - low_mean)
        return terms.replace(advantages=over_tokens(terms, low_share * low + (1.0 - low_share) * high))

    return loss_transform(
        update,
        reads=("rewards", "group_ids") if metric == "length" else ("rewards", "group_ids", metric),
        writes=("advantages",),
        hyperparameters={"metric": metric, "mu": mu, "alpha": alpha, "alpha_on": alpha_on},
        couples_batch=metric != "length" and specs[metric].role != "data",
    )


def _low_share(terms: Terms, metric: str) -> jax.Array:
    """How far each response belongs to the low half: 1 or 0, and in between if equal metrics straddle the border."""
    x = terms.row_count() if metric == "length" else jax.lax.stop_gradient(getattr(terms, metric))
    x = (terms.row_mean(x) if x.ndim > 1 else x).astype(terms.rewards.dtype)
    groups = terms.groups(terms.group_ids)
    count, smaller, larger = groups.count(x), groups.rank(x), groups.rank(-x)
    return jnp.clip(numerics.safe_divide(jnp.floor(count / 2.0) - smaller, count - smaller - larger), 0.0, 1.0)


# ----- COPO -------------------------------------------------------------------------------------------------------------


def prompt_advantage(*, ddof: int = 1, epsilon: float = 1e-6) -> LossTransform:
    """Compares each prompt with the others: A = (R - mean R) / (std R + epsilon), R the mean reward of the prompt's group.

    Mean and standard deviation are over the prompts of the batch; all responses to a prompt get the same advantage, so that
    groups of equal rewards still learn. If all prompts have the same return, it is 0.

    Args:
      ddof: 0 or 1; the standard deviation divides by prompts - ddof.
      epsilon: > 0, added to the standard deviation.

    Returns:
      A `LossTransform` reading `rewards` and `group_ids` `[B]` and writing `prompt_advantages` `[B, T]`.

    Raises:
      ValueError: an argument is out of range.

    Han et al., "COPO: Consistency-Aware Policy Optimization", 2025, arXiv 2508.04138.
    """
    checks.option("ddof", ddof, (0, 1))
    checks.positive("epsilon", epsilon)

    def update(terms: Terms) -> Terms:
        groups = terms.groups(terms.group_ids)
        returns = groups.mean(terms.rewards)
        centred = returns - groups.mean_of_groups(returns)
        variance = groups.variance_of_groups(returns, ddof=ddof)
        # Returns that differ by rounding alone are equal.
        centred = jnp.where(variance > 1e-12, centred, 0.0)
        return terms.replace(prompt_advantages=over_tokens(terms, centred / (numerics.safe_sqrt(variance) + epsilon)))

    return loss_transform(
        update,
        reads=("rewards", "group_ids"),
        writes=("prompt_advantages",),
        hyperparameters={"ddof": ddof, "epsilon": epsilon},
    )


def answer_entropies(terms: Terms) -> jax.Array:
    """Entropy of the final answers among the responses to each prompt: H = -sum_a p(a) log p(a).

    Args:
      terms: the record, with `group_ids` and `answer_ids` `[B]`.

    Returns:
      `[B]`, the entropy of each response's group in nats: 0 if all agree, log K if all K differ.

    Han et al., "COPO: Consistency-Aware Policy Optimization", 2025, arXiv 2508.04138 (nats are assumed: log 8 = 2.08 then
    lies above the paper's threshold of 1.5).
    """
    groups = terms.groups(terms.group_ids)
    ones = jnp.ones(terms.group_ids.shape, jnp.float32)
    share = numerics.safe_divide(groups.split(terms.answer_ids).count(ones), groups.count(ones))
    return groups.mean(-jnp.log(jnp.where(share > 0, share, 1.0)))


def consistency_blend(*, gamma: float = 20.0, rho: float = 1.5, separate: bool = False) -> LossTransform:
    """Blends comparison within the prompt and between prompts: A = w A_local + (1 - w) A_prompt.

    w = sigmoid(gamma (H - rho)) with H of `answer_entropies`: where the answers agree, prompts are compared.

    Args:
      gamma: > 0, how sharp the switch is.
      rho: >= 0, the entropy at which both count the same, in nats.
      separate: True weighs `advantages` and `prompt_advantages` and keeps them apart, for `ppo_clip_pair`.

    Returns:
      A `LossTransform` writing `advantages` and, if separate, `prompt_advantages` `[B, T]`; metric `answer_entropy`.

    Raises:
      ValueError: an argument is out of range.

    Han et al., "COPO: Consistency-Aware Policy Optimization", 2025, arXiv 2508.04138, which gives each comparison a clipped
    surrogate of its own; the two forms differ where the comparisons' signs do.
    """
    checks.positive("gamma", gamma)
    checks.non_negative("rho", rho)
    checks.boolean("separate", separate)

    def update(terms: Terms) -> Terms:
        entropies = answer_entropies(terms)
        weights = jax.nn.sigmoid(gamma * (entropies - rho)).astype(terms.advantages.dtype)[:, None]
        local, prompt = weights * terms.advantages, (1.0 - weights) * terms.prompt_advantages
        terms = terms.add_metric("answer_entropy", entropies)
        if separate:
            return terms.replace(advantages=local, prompt_advantages=prompt)
        return terms.replace(advantages=local + prompt)

    return loss_transform(
        update,
        reads=("advantages", "prompt_advantages", "answer_ids", "group_ids"),
        writes=("advantages", "prompt_advantages") if separate else ("advantages",),
        metrics=("answer_entropy",),
        hyperparameters={"gamma": gamma, "rho": rho, "separate": separate},
    )


def ppo_clip_pair(*, low: checks.ScalarOrSchedule = 0.2, high: checks.ScalarOrSchedule = 0.2) -> LossTransform:
    """The sum of two clipped surrogates of the same ratio, for `advantages` and for `prompt_advantages`; see `ppo_clip`.

    Args:
      low: in [0, 1], or a schedule.
      high: >= 0, or a schedule.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`; metric `clip_fraction`, of the first surrogate.

    Raises:
      ValueError: an argument is out of range.

    Han et al., "COPO: Consistency-Aware Policy Optimization", 2025, arXiv 2508.04138.
    """
    clip = ppo_clip(low=low, high=high)

    def update(terms: Terms) -> Terms:
        local: Any = clip.update(terms, ())[0]
        prompt: Any = clip.update(terms.replace(advantages=terms.prompt_advantages), ())[0]
        return local.replace(surrogates=local.surrogates + prompt.surrogates)

    return loss_transform(
        update,
        reads=(*clip.reads, "prompt_advantages"),
        optional_reads=clip.optional_reads,
        writes=clip.writes,
        metrics=clip.metrics,
        hyperparameters=clip.hyperparameters,
    )
