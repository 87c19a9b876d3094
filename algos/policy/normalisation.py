"""Advantages from statistics of the batch: a density of success rates, quantiles of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from ..core.terms import Groups
from .shared import centred_in_groups, over_tokens, std_in_groups
from .terms import Terms

# Beyond it the density at the mode has lost its digits in float32.
MOST_CONCENTRATED = 1e4
GRID = tuple(round(0.05 * i, 2) for i in range(1, 20))  # levels of the tracked quantiles


# ----- BNPO -------------------------------------------------------------------------------------------------------------


def beta_normalise(*, min_value: float = 0.0, max_value: float = 1.0, weight_max: float = 1e6) -> LossTransform:
    """Divides centred binary rewards by a Beta density at the prompt's success rate: A <- A min(1 / Beta(p), weight_max).

    p is the group's mean reward, mapped to [0, 1] (0 for a group of one). With mean m and unbiased variance v of p over the
    groups: kappa = m (1 - m) / v - 1, a = kappa m, b = kappa (1 - m), density Beta(p; max(1 + a / 3, 1), max(1 + b / 3, 1)),
    which has the least variance if the success rates are Beta(a, b). Equal success rates or one group leave a and b
    undetermined: then the density is uniform and the weight 1. kappa is at most 1e4.

    Args:
      min_value: the reward of a wrong response.
      max_value: that of a right one, > min_value; advantages are divided by the difference.
      weight_max: > 0, the largest weight.

    Returns:
      A `LossTransform` for advantages that `group_advantage(scale="none")` wrote `[B, T]`; metrics `beta_alpha`, `beta_beta`.

    Raises:
      ValueError: an argument is out of range.

    Xiao et al., "BNPO: Beta Normalization Policy Optimization", 2025, arXiv 2506.02864. Released code takes m = 0, v = 1 for
    one group, which is the uniform density too. p = 0 gives a group of one up to `weight_max` times its reward: take
    `group_advantage(singleton="zero")` where there may be such groups, as `bnpo` does.
    """
    checks.real("min_value", min_value)
    checks.between("max_value", max_value, min_value, float("inf"), closed="neither")
    checks.positive("weight_max", weight_max)

    def update(terms: Terms) -> Terms:
        groups = terms.groups(terms.group_ids)
        success = jnp.clip((groups.mean(terms.rewards) - min_value) / (max_value - min_value), 0.0, 1.0)
        success = jnp.where(groups.count(terms.rewards) > 1, success, 0.0)
        alpha, beta = _fit_beta(groups, success)
        weights = jnp.minimum(jnp.exp(-_log_beta_density(success, alpha, beta)), weight_max) / (max_value - min_value)
        terms = terms.add_metric("beta_alpha", alpha).add_metric("beta_beta", beta)
        return terms.replace(advantages=terms.advantages * weights[:, None])

    return loss_transform(
        update,
        reads=("advantages", "rewards", "group_ids"),
        writes=("advantages",),
        metrics=("beta_alpha", "beta_beta"),
        hyperparameters={"min_value": min_value, "max_value": max_value, "weight_max": weight_max},
    )


def _fit_beta(groups: Groups, success: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean, variance = groups.mean_of_groups(success), groups.variance_of_groups(success, ddof=1)
    determined = variance > 1e-10  # below it the success rates differ by rounding alone
    concentration = mean * (1.0 - mean) / jnp.where(determined, variance, 1.0) - 1.0
    third = jnp.where(determined, jnp.minimum(concentration, MOST_CONCENTRATED), 0.0) / 3.0
    return jnp.maximum(1.0 + third * mean, 1.0), jnp.maximum(1.0 + third * (1.0 - mean), 1.0)


def _log_beta_density(x: jax.Array, alpha: jax.Array, beta: jax.Array) -> jax.Array:
    """-inf where the density is 0."""
    return (
        jax.scipy.special.xlogy(alpha - 1.0, x)
        + jax.scipy.special.xlog1py(beta - 1.0, -x)
        - jax.scipy.special.betaln(alpha, beta)
    )


def average_parts(advantage: LossTransform) -> LossTransform:
    """The mean of an advantage over the parts of the reward: A = (1 / R) sum_r A(reward_parts[:, r]).

    So each part is compared and scaled by its own statistics before the parts are weighed against each other.

    Args:
      advantage: a transform or chain without state that reads `rewards` and writes `advantages`; its metrics are averaged.

    Returns:
      A `LossTransform` reading `reward_parts` `[B, R]` in place of `rewards`, writing `advantages` `[B, T]`.

    Raises:
      ValueError: advantage reads no rewards, writes anything but advantages, or has a state.

    Xiao et al., "BNPO: Beta Normalization Policy Optimization", 2025, arXiv 2506.02864 (advantage decomposition).
    """
    if not isinstance(advantage, LossTransform):
        raise TypeError(f"`advantage` must be a LossTransform, got {advantage!r}")
    if "rewards" not in advantage.reads or set(advantage.writes) != {"advantages"} or jax.tree.leaves(advantage.init()):
        raise ValueError(f"`advantage` must read rewards, write advantages alone and have no state, got {advantage.name}")

    def update(terms: Terms) -> Terms:
        parts: list[Any] = [
            advantage.update(terms.replace(rewards=rewards), advantage.init())[0] for rewards in terms.reward_parts.T
        ]
        for name in advantage.metrics:
            terms = terms.add_metric(name, _average([part.metrics[name].value for part in parts]))
        return terms.replace(advantages=_average([part.advantages for part in parts]))

    return loss_transform(
        update,
        reads=("reward_parts", *(field for field in advantage.reads if field != "rewards")),
        optional_reads=advantage.optional_reads,
        writes=("advantages",),
        metrics=advantage.metrics,
        hyperparameters={"advantage": advantage.name},
        couples_batch=advantage.couples_batch,
    )


def _average(arrays: list[jax.Array]) -> jax.Array:
    return jnp.sum(jnp.stack(arrays), axis=0) / len(arrays)


# ----- RiskPO -----------------------------------------------------------------------------------------------------------


class QuantileState(NamedTuple):
    """What `mixed_value_at_risk` tracks.

    Attributes:
      values: `[L]` the quantiles of the scores at its levels.
      started: `[]` false until the first batch has set them.
    """

    values: jax.Array
    started: jax.Array


def bundle_papers(group_ids: jax.Array, bundle_ids: jax.Array) -> jax.Array:
    """Numbers the papers of every bundle: the k-th responses to the questions of one bundle form one.

    A helper for building a batch, because it goes by the order of the rows.

    Args:
      group_ids: `[B]` integers, the question of each response.
      bundle_ids: `[B]` integers, the bundle of each response's question.

    Returns:
      `paper_ids` `[B]`: numbers from 0 on, different for papers of different bundles.

    Ren et al., "RiskPO: Risk-based Policy Optimization via Verifiable Reward for LLM Post-Training", 2025, arXiv 2510.00911.
    """
    rows = group_ids.shape[0]
    terms = Terms(mask=jnp.ones([rows, 1], bool))
    turns = terms.groups(group_ids).rank(jnp.arange(rows, dtype=jnp.float32))
    return terms.groups(bundle_ids).split(turns).segment_ids


def mixed_value_at_risk(
    *,
    low: float = 0.2,
    high: float = 0.9,
    omega: float = 1.5,
    quantiles: str = "tracked",
    credit: str = "std",
    scale: str = "std",
    baseline: str = "none",
    epsilon: float = 1e-6,
    learning_rate: float = 0.1,
    levels: Sequence[float] = GRID,
) -> LossTransform:
    """Weighs the worst scores of bundles of questions most: the advantage of a mixed value-at-risk of the score.

    A paper is one response to each question of a bundle and has the score S, the sum of their rewards. With the quantiles
    q_low and q_high of S: A = (omega below + between) / (omega + 1), below = -max(q_low - S, 0) / (low + epsilon),
    between = (clip(S, q_low, q_high) - q_high) / (high - low + epsilon); so A <= 0, and 0 from q_high on.

    Tracked quantiles start as those of the first batch and follow q <- q + learning_rate (level - mean 1[S < q]); a batch is
    judged by the quantiles of those before it.

    Args:
      low: level in (0, 1).
      high: level in (low, 1).
      omega: >= 0, weight of the scores below q_low.
      quantiles: "tracked" at the nearest of `levels`, "bundle" for those of the bundle's own papers, "mixed" for their mean.
      credit: "uniform" gives A to every response of the paper; "std" divides it by the standard deviation of the rewards for
        the response's question (if above 1e-3); "score" multiplies it by 0.5 for a reward > 0 and 1.5 else.
      scale: "std" divides by the standard deviation of the bundle's scores + epsilon, "none" by 1.
      baseline: subtracted from A before it is scaled: "none"; "bundle_mean", its mean over the bundle's papers; "tracked", its
        mean over the tracked quantiles (trapezoid rule over `levels`).
      epsilon: > 0.
      learning_rate: > 0, of the tracked quantiles.
      levels: increasing numbers in (0, 1), at least two.

    Returns:
      A `LossTransform` with state (`QuantileState`) reading `rewards`, `group_ids`, `bundle_ids` and `paper_ids` `[B]` (see
      `bundle_papers`) and writing `advantages` `[B, T]`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Ren et al., "RiskPO: Risk-based Policy Optimization via Verifiable Reward for LLM Post-Training", 2025, arXiv 2510.00911.
    The released code has no baseline by default. Then every score below q_high is punished, and with scale "std" a bundle whose
    scores are all equal and low gets advantages of the order of 1 / epsilon; "bundle_mean" gives such a bundle 0.
    """
    checks.between("low", low, 0.0, 1.0, closed="neither")
    checks.between("high", high, low, 1.0, closed="neither")
    checks.non_negative("omega", omega)
    checks.option("quantiles", quantiles, ("tracked", "bundle", "mixed"))
    checks.option("credit", credit, ("uniform", "std", "score"))
    checks.option("scale", scale, ("std", "none"))
    checks.option("baseline", baseline, ("none", "bundle_mean", "tracked"))
    checks.positive("epsilon", epsilon)
    checks.positive("learning_rate", learning_rate)
    levels = _increasing_levels(levels)
    nearest = [_nearest(levels, level) for level in (low, high)]

    def risk(scores: jax.Array, lower: jax.Array, upper: jax.Array) -> jax.Array:
        between = jax.nn.relu(scores - lower) - jax.nn.relu(scores - upper) + lower - upper
        below = -jax.nn.relu(lower - scores)
        return (omega * below / (low + epsilon) + between / (high - low + epsilon)) / (omega + 1.0)

    def update(terms: Terms, state: QuantileState) -> tuple[Terms, QuantileState]:
        papers = terms.groups(terms.paper_ids)
        scores = papers.sum(terms.rewards)
        one_each = papers.is_first(scores)
        bundles = terms.groups(terms.bundle_ids).only(one_each)
        tracked, state = _track(state, terms.gather(scores), bundles.valid)
        bounds = [jnp.broadcast_to(tracked[i], scores.shape) for i in nearest]
        if quantiles != "tracked":
            own = [bundles.quantile(scores, level) for level in (low, high)]
            bounds = own if quantiles == "bundle" else [0.5 * (a + b) for a, b in zip(bounds, own, strict=True)]
        advantages = risk(scores, *bounds)
        if baseline == "bundle_mean":
            advantages = centred_in_groups(bundles, advantages)
        if baseline == "tracked":
            risks = risk(tracked, tracked[nearest[0]], tracked[nearest[1]])
            advantages -= jnp.trapezoid(risks, jnp.asarray(levels, risks.dtype)) / (levels[-1] - levels[0])
        if scale == "std":
            advantages = advantages / (std_in_groups(bundles, scores) + epsilon)
        if credit == "std":
            spread = std_in_groups(terms.groups(terms.group_ids), terms.rewards)
            advantages = advantages / jnp.where(spread > 1e-3, spread, 1.0)
        if credit == "score":
            advantages = advantages * jnp.where(terms.rewards > 0, 0.5, 1.5)
        return terms.replace(advantages=over_tokens(terms, advantages)), state

    def _track(state: QuantileState, scores: jax.Array, where: jax.Array) -> tuple[jax.Array, QuantileState]:
        at, count = jnp.asarray(levels, scores.dtype), jnp.sum(where, dtype=scores.dtype)
        values = jnp.where(state.started, state.values.astype(scores.dtype), numerics.masked_quantiles(scores, where, at))
        below = jnp.sum(where[None] & (scores[None] < values[:, None]), axis=1, dtype=scores.dtype)
        moved = values + learning_rate * (at - numerics.safe_divide(below, count))
        moved = jnp.where(state.started & (count > 0), moved, values)
        return values, QuantileState(moved.astype(state.values.dtype), state.started | (count > 0))

    settings = {"low": low, "high": high, "omega": omega, "quantiles": quantiles, "credit": credit, "scale": scale}
    return loss_transform(
        update,
        init=lambda: QuantileState(jnp.zeros([len(levels)], jnp.float32), jnp.zeros([], bool)),
        reads=("rewards", "bundle_ids", "paper_ids", *(("group_ids",) if credit == "std" else ())),
        writes=("advantages",),
        hyperparameters={
            **settings,
            "baseline": baseline,
            "epsilon": epsilon,
            "learning_rate": learning_rate,
            "levels": levels,
        },
    )


def _increasing_levels(levels: Sequence[float]) -> tuple[float, ...]:
    for level in levels:
        checks.between("levels", level, 0.0, 1.0, closed="neither")
    if len(levels) < 2 or any(b <= a for a, b in zip(levels[:-1], levels[1:], strict=True)):
        raise ValueError(f"`levels` must be at least two increasing numbers, got {tuple(levels)}")
    return tuple(float(level) for level in levels)


def _nearest(levels: Sequence[float], level: float) -> int:
    return min(range(len(levels)), key=lambda i: abs(levels[i] - level))
