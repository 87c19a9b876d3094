"""Rewards that depend on length: a plain cut, budgets told to the policy, a penalty for the groups that can afford it.

The length of a response is the number of tokens the policy produced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .terms import Terms

# ----- DLER ---------------------------------------------------------------------------------------------------------------


def truncation_reward(limit: int | None = None) -> LossTransform:
    """Judges responses as if generation had been cut: a longer one than the limit gets reward 0 and loses what is beyond it.

    rewards *= 1[length <= L], and the mask keeps the first L tokens.

    Args:
      limit: L >= 1, in tokens; None takes `length_limits`, one for each response, as `difficulty_limits` writes them.

    Returns:
      A `LossTransform` writing `rewards` `[B]` and `mask` `[B, T]`; metric `beyond_limit`, the share of responses cut.

    Raises:
      ValueError: the limit is below 1.

    Liu et al., "DLER: Doing Length pEnalty Right - Incentivizing More Intelligence per Token via Reinforcement Learning", 2025,
    arXiv 2510.15110.
    """
    if limit is not None:
        checks.integer("limit", limit, least=1)

    def update(terms: Terms) -> Terms:
        lengths = terms.row_count()
        limits = terms.length_limits.astype(lengths.dtype) if limit is None else jnp.full(lengths.shape, float(limit))
        beyond = lengths > limits
        kept = jnp.cumsum(terms.mask, axis=1, dtype=lengths.dtype) <= limits[:, None]
        terms = terms.add_metric("beyond_limit", jnp.where(beyond, 1.0, 0.0))
        return terms.replace(rewards=jnp.where(beyond, 0.0, terms.rewards), mask=terms.mask & kept)

    return loss_transform(
        update,
        reads=("rewards", "length_limits") if limit is None else ("rewards",),
        writes=("rewards", "mask"),
        metrics=("beyond_limit",),
        hyperparameters={"limit": limit},
    )


def difficulty_limits(thresholds: Sequence[float] = (0.5,), limits: Sequence[int] = (4000, 2000)) -> LossTransform:
    """Gives easier prompts fewer tokens: L = limits[number of thresholds <= p], p the prompt's success rate.

    Args:
      thresholds: increasing, in [0, 1]; a success rate equal to one counts as reaching it.
      limits: >= 1, in tokens, one more than thresholds, the limit of the hardest prompts first.

    Returns:
      A `LossTransform` reading `success_rates` (of the batch, by `success_rate`, or kept over the batches) and writing
      `length_limits` `[B]`.

    Raises:
      ValueError: an argument is out of range or the numbers do not fit.

    Liu et al., "DLER: Doing Length pEnalty Right - Incentivizing More Intelligence per Token via Reinforcement Learning", 2025,
    arXiv 2510.15110.
    """
    for threshold in thresholds:
        checks.between("thresholds", threshold, 0.0, 1.0)
    if any(b <= a for a, b in zip(thresholds[:-1], thresholds[1:], strict=True)):
        raise ValueError(f"`thresholds` must increase, got {tuple(thresholds)}")
    for limit in limits:
        checks.integer("limits", limit, least=1)
    if len(limits) != len(thresholds) + 1:
        raise ValueError(f"`limits` must have one entry more than the {len(thresholds)} thresholds, got {tuple(limits)}")

    def update(terms: Terms) -> Terms:
        reached = terms.success_rates[:, None] >= jnp.asarray(thresholds, terms.success_rates.dtype)[None, :]
        tier = jnp.sum(reached, axis=1, dtype=jnp.int32)
        return terms.replace(length_limits=jnp.asarray(limits, jnp.float32)[tier])

    return loss_transform(
        update,
        reads=("success_rates",),
        writes=("length_limits",),
        hyperparameters={"thresholds": tuple(thresholds), "limits": tuple(limits)},
    )


# ----- HBPO ---------------------------------------------------------------------------------------------------------------

RELEASED_PI = 3.1416


def assign_budgets(group_ids: jax.Array, budgets: Sequence[int]) -> jax.Array:
    """Splits the responses to each prompt into subgroups with a budget each, in order and of equal size.

    Args:
      group_ids: `[B]` integers; responses to one prompt share an id.
      budgets: k budgets >= 1, in tokens; the j-th of a prompt's n responses gets the floor(j k / n)-th.

    Returns:
      `[B]` float32, for the prompts and for `Terms.budgets`.

    Raises:
      ValueError: no budget, or one below 1.

    Lyu et al., "Hierarchical Budget Policy Optimization for Adaptive Reasoning", 2025, arXiv 2507.15844, whose budgets are
    512, 1024, 2048 and 2560 for 16 responses.
    """
    values = [checks.integer("budgets", budget, least=1) for budget in budgets]
    if not values:
        raise ValueError("`budgets` must hold at least one budget, got none")
    rows = group_ids.shape[0]
    groups = Terms(mask=jnp.ones([rows, 1], bool)).groups(group_ids)
    order = groups.rank(jnp.arange(rows, dtype=jnp.float32)).astype(jnp.int32)
    size = groups.count(jnp.zeros([rows])).astype(jnp.int32)
    return jnp.asarray(values, jnp.float32)[order * len(values) // size]


def _budget_value(terms: Terms, max_length: int, beta: float, pi: float) -> jax.Array:
    """The largest reward under each budget, beta cos(pi b / (2 max_length)): `[B]`."""
    return beta * jnp.cos(pi * terms.budgets.astype(jnp.result_type(float)) / (2.0 * max_length))


def budget_cosine_reward(
    *, max_length: int = 4096, beta: float = 4.0, alpha: float = 1 / 4096, released: bool = False
) -> LossTransform:
    """Rewards a right answer by how its length n keeps to the budget b it was told, small budgets more.

    f(x) = beta cos(pi x / (2 max_length)): s = f(b) if n <= b, f(n) - alpha |n - b| if b < n <= max_length, and 0 for a
    wrong or longer response.

    Args:
      max_length: >= 1, in tokens.
      beta: > 0.
      alpha: >= 0, per token of distance.
      released: True takes min(f(n) - alpha |n - b|, f(b)) up to max_length, which for short n can be less than f(b), with
        pi = 3.1416, as the released code does.

    Returns:
      A `LossTransform` reading `correct` and `budgets` `[B]` and writing `rewards` `[B]`.

    Raises:
      ValueError: an argument is out of range.

    Lyu et al., "Hierarchical Budget Policy Optimization for Adaptive Reasoning", 2025, arXiv 2507.15844.
    """
    checks.integer("max_length", max_length, least=1)
    checks.positive("beta", beta)
    checks.non_negative("alpha", alpha)
    checks.boolean("released", released)
    pi = RELEASED_PI if released else math.pi

    def update(terms: Terms) -> Terms:
        lengths, budgets = (x.astype(jnp.result_type(float)) for x in (terms.row_count(), terms.budgets))
        within = _budget_value(terms, max_length, beta, pi)
        beyond = beta * jnp.cos(pi * lengths / (2.0 * max_length)) - alpha * jnp.abs(lengths - budgets)
        rewards = jnp.minimum(beyond, within) if released else jnp.where(lengths > budgets, beyond, within)
        right = terms.correct.astype(bool) & (lengths <= max_length)
        return terms.replace(rewards=jnp.where(right, rewards, 0.0))

    settings = {"max_length": max_length, "beta": beta, "alpha": alpha, "released": released}
    return loss_transform(update, reads=("correct", "budgets"), writes=("rewards",), hyperparameters=settings)


def subgroup_advantage(
    *, max_length: int = 4096, beta: float = 4.0, coefficient: float = 1.0, released: bool = False
) -> LossTransform:
    """Compares each subgroup with what its budget allows: A += coefficient (mean reward of the subgroup - f(b)).

    f(b) = beta cos(pi b / (2 max_length)) is the largest reward under the budget b, so that the term is <= 0; a subgroup is the
    responses to one prompt with one budget.

    Args:
      max_length: as for `budget_cosine_reward`.
      beta: as for `budget_cosine_reward`.
      coefficient: >= 0.
      released: True takes pi = 3.1416 and adds the term twice, as the released code does.

    Returns:
      A `LossTransform` reading `advantages`, `rewards`, `group_ids` and `budgets` and writing `advantages` `[B, T]`.

    Raises:
      ValueError: an argument is out of range.

    Lyu et al., "Hierarchical Budget Policy Optimization for Adaptive Reasoning", 2025, arXiv 2507.15844.
    """
    checks.integer("max_length", max_length, least=1)
    checks.positive("beta", beta)
    checks.non_negative("coefficient", coefficient)
    checks.boolean("released", released)
    pi, factor = (RELEASED_PI, 2.0 * coefficient) if released else (math.pi, coefficient)

    def update(terms: Terms) -> Terms:
        subgroups = terms.groups(terms.group_ids).split(terms.budgets)
        within = subgroups.mean(terms.rewards) - _budget_value(terms, max_length, beta, pi)
        added = terms.advantages + factor * within[:, None]
        return terms.replace(advantages=jnp.where(terms.mask, added, 0.0))

    return loss_transform(
        update,
        reads=("advantages", "rewards", "group_ids", "budgets"),
        writes=("advantages",),
        hyperparameters={"max_length": max_length, "beta": beta, "coefficient": coefficient, "released": released},
    )


# ----- GRPO-lambda --------------------------------------------------------------------------------------------------------


def top_accuracy_groups(terms: Terms, fraction: float = 0.2) -> jax.Array:
    """The most accurate groups of the batch, max(1, ceil(fraction K)) of K; ties go to the smaller id.

    Args:
      terms: a record with `correct` and `group_ids`.
      fraction: in [0, 1].

    Returns:
      `[B]` booleans, true for the rows of those groups.

    Raises:
      ValueError: the fraction is out of range.

    Dai et al., "Stable Reinforcement Learning for Efficient Reasoning", 2025, arXiv 2505.18086.
    """
    checks.between("fraction", fraction, 0.0, 1.0)
    terms = terms.prepare()
    groups = terms.groups(terms.group_ids)
    accuracy = groups.mean(terms.correct.astype(jnp.float32))
    first, scores, ids = (terms.gather(x) for x in (groups.is_first(accuracy), accuracy, terms.group_ids))
    order = jnp.lexsort((ids, -scores, ~first))  # one row of each group comes first, the last key counting most
    ranks = jnp.zeros(order.shape, jnp.float32).at[order].set(jnp.arange(order.size, dtype=jnp.float32))
    # A product such as 0.2 * 15 must not round up to the next integer.
    count = jnp.maximum(jnp.ceil(fraction * jnp.sum(first, dtype=jnp.float32) - 1e-4), 1.0)
    chosen = terms.local_rows(first & (ranks < count), accuracy.shape[0])
    return groups.max(jnp.where(chosen, 1.0, 0.0)) > 0


def length_sigmoid_reward(alpha: float = 0.2, *, fraction: float = 0.2, epsilon: float = 1e-6) -> LossTransform:
    """Rewards short right answers, only where the policy already answers well: s = 1 - alpha sigmoid(z) in the best groups.

    z = (length - mean) / (std + epsilon) over the right answers of the group (population). In the other groups s = 1; a wrong
    answer gets 0 everywhere.

    Args:
      alpha: in [0, 1), the largest loss of reward; the paper's value is not known to us.
      fraction: in [0, 1], the share of groups with the penalty, see `top_accuracy_groups`; 1 for all.
      epsilon: > 0.

    Returns:
      A `LossTransform` reading `correct` and `group_ids` and writing `rewards` `[B]`; metric `penalised`, the share of
      responses in groups with the penalty.

    Raises:
      ValueError: an argument is out of range.

    Dai et al., "Stable Reinforcement Learning for Efficient Reasoning", 2025, arXiv 2505.18086.
    """
    checks.between("alpha", alpha, 0.0, 1.0, closed="low")
    checks.between("fraction", fraction, 0.0, 1.0)
    checks.positive("epsilon", epsilon)

    def update(terms: Terms) -> Terms:
        correct, lengths = terms.correct.astype(bool), terms.row_count().astype(jnp.result_type(float))
        right = terms.groups(terms.group_ids).only(correct)
        centred = lengths - right.mean(lengths)
        deviation = numerics.safe_sqrt(right.mean(jnp.square(centred)))
        penalised = top_accuracy_groups(terms, fraction)
        shortened = 1.0 - alpha * jax.nn.sigmoid(centred / (deviation + epsilon))
        rewards = jnp.where(correct, jnp.where(penalised, shortened, 1.0), 0.0)
        return terms.replace(rewards=rewards).add_metric("penalised", jnp.where(penalised, 1.0, 0.0))

    return loss_transform(
        update,
        reads=("correct", "group_ids"),
        writes=("rewards",),
        metrics=("penalised",),
        hyperparameters={"alpha": alpha, "fraction": fraction, "epsilon": epsilon},
    )
