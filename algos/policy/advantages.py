"""Advantage estimators; every one writes `advantages` `[B, T]` without gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .shared import over_tokens
from .terms import Terms


def reward_advantage(*, baseline: str = "none") -> LossTransform:
    """Takes each response's reward as the advantage of all its tokens: A_i = s_i - b.

    Args:
      baseline: "none" for b = 0, or "batch_mean" for the mean reward of the batch.

    Returns:
      A `LossTransform` writing `advantages` `[B, T]`.

    Raises:
      ValueError: an unknown baseline.

    Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.
    """
    checks.option("baseline", baseline, ("none", "batch_mean"))

    def update(terms: Terms) -> Terms:
        rewards = terms.rewards if baseline == "none" else terms.rewards - terms.batch_mean(terms.rewards)
        return terms.replace(advantages=over_tokens(terms, rewards))

    return loss_transform(update, reads=("rewards",), writes=("advantages",), hyperparameters={"baseline": baseline})


def group_advantage(
    *, scale: str = "std", baseline: str = "mean", ddof: int = 1, epsilon: float = 1e-6, singleton: str = "raw"
) -> LossTransform:
    """Compares each response with the others to its prompt: A_i = (s_i - b_i) / (scale + epsilon).

    "mean": b_i = m_g, the group's mean. "leave_one_out": b_i = mean of the group's others, so that
    s_i - b_i = K / (K - 1) (s_i - m_g). "none": b_i = 0. If all rewards of a group are equal, A is exactly 0.

    Args:
      scale: "std" divides by the group's standard deviation, "batch_std" by the batch's, "none" by 1 (without epsilon).
      baseline: "mean", "leave_one_out" or "none".
      ddof: 0 or 1; standard deviations divide by K - ddof.
      epsilon: > 0, added to the standard deviation.
      singleton: a group of one keeps its reward ("raw") or gets 0 ("zero").

    Returns:
      A `LossTransform` reading `rewards` and `group_ids` `[B]` and writing `advantages` `[B, T]`.

    Raises:
      ValueError: an unknown option, or a number out of range.

    Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300 (std); Liu et al., "Understanding R1-Zero-Like Training", 2025,
    arXiv 2503.20783 (no scale); Ahmadian et al., "Back to Basics", 2024, arXiv 2402.14740 (leave one out). Released code
    takes ddof 1 where the first paper's text has the population's; with singletons one library keeps the raw reward,
    another gives 0.
    """
    checks.option("scale", scale, ("std", "batch_std", "none"))
    checks.option("baseline", baseline, ("mean", "leave_one_out", "none"))
    checks.option("ddof", ddof, (0, 1))
    checks.positive("epsilon", epsilon)
    checks.option("singleton", singleton, ("raw", "zero"))

    def update(terms: Terms) -> Terms:
        rewards, groups = terms.rewards, terms.groups(terms.group_ids)
        count = groups.count(rewards)
        # Relative to the group's largest reward equal rewards are exactly 0, whatever their rounding.
        shifted = rewards - groups.max(rewards)
        centred = shifted - numerics.safe_divide(groups.sum(shifted), count)
        advantages = rewards if baseline == "none" else centred
        if baseline == "leave_one_out":
            advantages = centred * numerics.safe_divide(count, count - 1.0)
        if scale == "std":
            variance = numerics.safe_divide(groups.sum(jnp.square(centred)), jnp.maximum(count - ddof, 0.0))
            advantages = advantages / (numerics.safe_sqrt(variance) + epsilon)
        if scale == "batch_std":
            advantages = advantages / (numerics.safe_sqrt(terms.batch_variance(rewards, ddof=ddof)) + epsilon)
        advantages = jnp.where(count > 1, advantages, rewards if singleton == "raw" else 0.0)
        return terms.replace(advantages=over_tokens(terms, advantages))

    settings = {"scale": scale, "baseline": baseline, "ddof": ddof, "epsilon": epsilon, "singleton": singleton}
    return loss_transform(update, reads=("rewards", "group_ids"), writes=("advantages",), hyperparameters=settings)


def return_to_go(*, gamma: float = 1.0) -> LossTransform:
    """Discounted sum of the rewards from each token on: R_t = r_t + gamma R_{t+1}, starting anew at masked positions.

    Args:
      gamma: discount in [0, 1].

    Returns:
      A `LossTransform` reading `token_rewards` and writing `returns` and, equal to them, `advantages` `[B, T]`.

    Raises:
      ValueError: gamma is out of range.

    Hu, "REINFORCE++", 2025, arXiv 2501.03262.
    """
    checks.between("gamma", gamma, 0.0, 1.0)

    def update(terms: Terms) -> Terms:
        def back(following, position):
            reward, valid = position
            following = jnp.where(valid, reward + gamma * following, 0.0)
            return following, following

        positions = (terms.token_rewards.T, terms.mask.T)
        start = jnp.zeros_like(terms.token_rewards[:, 0])
        _, returns = jax.lax.scan(back, start, positions, reverse=True)
        return terms.replace(returns=returns.T, advantages=returns.T)

    return loss_transform(update, reads=("token_rewards",), writes=("returns", "advantages"), hyperparameters={"gamma": gamma})


def generalised_advantage(*, gamma: float = 1.0, trace_decay: float = 0.95) -> LossTransform:
    """Generalised advantage estimation over the valid tokens.

    delta_t = r_t + gamma V_next - V_t;  A_t = delta_t + gamma lambda A_next;  returns = A + V, where next is the next valid
    token: masked positions (tool output, padding) are skipped as if they were not there.

    Args:
      gamma: discount in [0, 1].
      trace_decay: lambda in [0, 1].

    Returns:
      A `LossTransform` reading `token_rewards` and `old_values` and writing `advantages` and `returns` `[B, T]`.

    Raises:
      ValueError: an argument is out of range.

    Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage Estimation", 2015, arXiv 1506.02438.
    Released code whitens the result; `whiten_advantage` does.
    """
    checks.between("gamma", gamma, 0.0, 1.0)
    checks.between("trace_decay", trace_decay, 0.0, 1.0)

    def update(terms: Terms) -> Terms:
        def back(carry, position):
            next_value, next_advantage = carry
            reward, value, valid = position
            advantage = reward + gamma * next_value - value + gamma * trace_decay * next_advantage
            carry = jnp.where(valid, value, next_value), jnp.where(valid, advantage, next_advantage)
            return carry, jnp.where(valid, advantage, 0.0)

        zeros = jnp.zeros_like(terms.token_rewards[:, 0])
        positions = (terms.token_rewards.T, terms.old_values.T, terms.mask.T)
        _, advantages = jax.lax.scan(back, (zeros, zeros), positions, reverse=True)
        return terms.replace(advantages=advantages.T, returns=advantages.T + terms.old_values)

    return loss_transform(
        update,
        reads=("token_rewards", "old_values"),
        writes=("advantages", "returns"),
        hyperparameters={"gamma": gamma, "trace_decay": trace_decay},
    )


def whiten_advantage(*, shift_mean: bool = True, epsilon: float = 1e-8) -> LossTransform:
    """Standardises advantages over the valid tokens of the batch: A <- (A - mean) / sqrt(variance + epsilon).

    Args:
      shift_mean: False leaves the mean where it was.
      epsilon: > 0, added to the unbiased variance.

    Returns:
      A `LossTransform` reading and writing `advantages` `[B, T]`.

    Raises:
      ValueError: epsilon is not positive.

    Andrychowicz et al., "What Matters In On-Policy Reinforcement Learning?", 2020, arXiv 2006.05990.
    """
    checks.boolean("shift_mean", shift_mean)
    checks.positive("epsilon", epsilon)

    def update(terms: Terms) -> Terms:
        mean = terms.batch_mean(terms.advantages)
        variance = terms.batch_variance(terms.advantages, ddof=1)
        whitened = (terms.advantages - mean) * jax.lax.rsqrt(variance + epsilon)
        whitened = whitened if shift_mean else whitened + mean
        return terms.replace(advantages=jnp.where(terms.mask, whitened, 0.0))

    settings = {"shift_mean": shift_mean, "epsilon": epsilon}
    return loss_transform(update, reads=("advantages",), writes=("advantages",), hyperparameters=settings)
