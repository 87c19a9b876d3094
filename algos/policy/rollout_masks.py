"""Which responses and tokens take part: filters by groups, flags and token kinds, and choices of prompts and samples.

As for every filter the place in the chain is the scope: before the advantages what is dropped leaves the statistics of its
group too, after them only the loss. Filters compose by `chain`, in any order.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .terms import Terms

ROW_FLAGS = (
    "correct",
    "truncated",
    "demonstrations",
    "has_answer",
    "consistent",
    "well_formed",
    "regularising",
    "rehearsal",
    "thinking",
    "needs_thought",
)
TOKEN_FLAGS = ("step_ends", "separators", "guided_tokens", "thoughts", "control_tokens", "key_tokens", "parameter_ends")


def drop_uniform_groups(*, tolerance: float = 0.0, ddof: int = 0) -> LossTransform:
    """Drops groups whose rewards hardly differ: keep a group iff the standard deviation of its rewards is > tolerance.

    A group of one stays, other than with `dynamic_filter`.

    Args:
      tolerance: >= 0; with 0 groups of equal rewards are dropped, whatever their rounding.
      ddof: 0 or 1, the standard deviation divides by K - ddof.

    Returns:
      A `LossTransform` reading `rewards` and `group_ids`, writing `mask` `[B, T]`; metric `informative_rows`, the share that
      stays.

    Raises:
      ValueError: an argument is out of range.

    Liu et al., "DLER: Doing Length pEnalty Right", 2025, arXiv 2510.15110, where new groups are sampled until enough are kept.
    """
    checks.non_negative("tolerance", tolerance)
    checks.option("ddof", ddof, (0, 1))

    def update(terms: Terms) -> Terms:
        groups = terms.groups(terms.group_ids)
        count = groups.count(terms.rewards)
        shifted = terms.rewards - groups.max(terms.rewards)  # exactly 0 where all are equal
        squares = groups.sum(jnp.square(shifted - groups.mean(shifted)))
        deviation = numerics.safe_sqrt(numerics.safe_divide(squares, jnp.maximum(count - ddof, 0.0)))
        keep = (count <= 1) | (deviation > tolerance)
        terms = terms.add_metric("informative_rows", keep.astype(terms.rewards.dtype))
        return terms.replace(mask=terms.mask & keep[:, None])

    return loss_transform(
        update,
        reads=("rewards", "group_ids"),
        writes=("mask",),
        metrics=("informative_rows",),
        hyperparameters={"tolerance": tolerance, "ddof": ddof},
    )


def accuracy_band(low: float, high: float) -> LossTransform:
    """Drops groups that are too hard or too easy: keep a group iff low <= its mean reward <= high.

    Args:
      low: the least mean reward.
      high: the largest, >= low.

    Returns:
      A `LossTransform` reading `rewards` and `group_ids`, writing `mask` `[B, T]`; metric `in_band`, the share that stays.

    Raises:
      ValueError: high is below low.

    Wei et al., "Advancing Multimodal Reasoning via Reinforcement Learning with Cold Start", 2025, arXiv 2505.22334 (prompts
    always or never solved are left out).
    """
    checks.real("low", low)
    checks.between("high", high, low, float("inf"))

    def update(terms: Terms) -> Terms:
        mean = terms.groups(terms.group_ids).mean(terms.rewards)
        keep = (mean >= low) & (mean <= high)
        terms = terms.add_metric("in_band", keep.astype(mean.dtype))
        return terms.replace(mask=terms.mask & keep[:, None])

    return loss_transform(
        update,
        reads=("rewards", "group_ids"),
        writes=("mask",),
        metrics=("in_band",),
        hyperparameters={"low": low, "high": high},
    )


def drop_flagged(flag: str, *, value: bool = True) -> LossTransform:
    """Drops the responses whose flag has a value, such as truncated ones.

    Args:
      flag: a field `[B]` of truth values, such as "truncated", "demonstrations" or "well_formed".
      value: drop where the flag is true, or where it is false.

    Returns:
      A `LossTransform` reading the flag and writing `mask` `[B, T]`.

    Raises:
      ValueError: an unknown flag.
    """
    checks.option("flag", flag, ROW_FLAGS)
    checks.boolean("value", value)

    def update(terms: Terms) -> Terms:
        keep = getattr(terms, flag).astype(bool) != value
        return terms.replace(mask=terms.mask & keep[:, None])

    return loss_transform(update, reads=(flag,), writes=("mask",), hyperparameters={"flag": flag, "value": value})


def keep_tokens(tokens: str) -> LossTransform:
    """Keeps only tokens of one kind.

    Args:
      tokens: a field `[B, T]` of truth values, such as "thoughts" or "control_tokens".

    Returns:
      A `LossTransform` reading the field and writing `mask` `[B, T]`.

    Raises:
      ValueError: an unknown field.
    """
    return _token_filter("keep_tokens", tokens, True)


def mask_tokens(tokens: str) -> LossTransform:
    """Leaves tokens of one kind out.

    With "control_tokens" this is selective loss masking: the token that decides whether to reason takes no part in the policy
    loss, so that data on which reasoning always pays does not teach to reason always. Put it after the advantages and after
    `value_loss`, which then still see the token.

    Args:
      tokens: a field `[B, T]` of truth values, such as "control_tokens" or "separators".

    Returns:
      A `LossTransform` reading the field and writing `mask` `[B, T]`.

    Raises:
      ValueError: an unknown field.

    Lou et al., "AdaCoT: Pareto-Optimal Adaptive Chain-of-Thought Triggering via Reinforcement Learning", 2025, arXiv
    2505.11896.
    """
    return _token_filter("mask_tokens", tokens, False)


def _token_filter(name: str, tokens: str, keep: bool) -> LossTransform:
    checks.option("tokens", tokens, TOKEN_FLAGS)
    return loss_transform(
        lambda terms: terms.replace(mask=terms.mask & (getattr(terms, tokens).astype(bool) == keep)),
        name=name,
        reads=(tokens,),
        writes=("mask",),
        hyperparameters={"tokens": tokens},
    )


def drop_failed_turns() -> LossTransform:
    """Leaves the tokens of turns out whose tool call failed, so that imitation does not learn the mistake.

    Returns:
      A `LossTransform` reading `turn_ids` `[B, T]` and `turn_failed` `[B, S]` and writing `mask` `[B, T]`.

    Ye et al., "TL-Training: A Task-Feature-Based Framework for Training Large Language Models in Tool Use", 2024, arXiv
    2412.15495, where a call has failed if the tool's answer holds an error phrase.
    """

    def update(terms: Terms) -> Terms:
        turns = terms.turn_failed.shape[1]
        inside = (terms.turn_ids >= 0) & (terms.turn_ids < turns)
        owner = jnp.clip(terms.turn_ids, 0, turns - 1).astype(jnp.int32)
        failed = jnp.take_along_axis(terms.turn_failed.astype(bool), owner, axis=1) & inside
        return terms.replace(mask=terms.mask & ~failed)

    return loss_transform(update, reads=("turn_ids", "turn_failed"), writes=("mask",))


# ----- choices outside the loss -------------------------------------------------------------------------------------------


def rejection_sample(correct: jax.Array, group_ids: jax.Array, *, per_group: int) -> jax.Array:
    """Chooses samples to imitate: the first correct ones of every prompt.

    Args:
      correct: `[B]`, true where a response is right.
      group_ids: `[B]` integers; responses to one prompt share an id.
      per_group: >= 1, the most responses a prompt contributes.

    Returns:
      `[B]` booleans, true for the chosen rows.

    Raises:
      ValueError: per_group is out of range, or the shapes differ.

    Wei et al., "Advancing Multimodal Reasoning via Reinforcement Learning with Cold Start", 2025, arXiv 2505.22334.
    """
    checks.integer("per_group", per_group, least=1)
    if correct.ndim != 1 or correct.shape != group_ids.shape:
        raise ValueError(f"`correct` and `group_ids` must have one shape [B], got {correct.shape} and {group_ids.shape}")
    rows, right = correct.shape[0], correct.astype(bool)
    groups = Terms(mask=jnp.ones([rows, 1], bool)).groups(group_ids)
    before = groups.only(right).rank(jnp.arange(rows, dtype=jnp.float32))
    return right & (before < per_group)


def match_difficulty(solve_rates: jax.Array, *, low: float = 0.1, high: float = 0.9) -> jax.Array:
    """Chooses prompts that the initial policy solves in part: low <= solve rate <= high.

    Args:
      solve_rates: `[N]` in [0, 1], share of the initial policy's responses that are right.
      low: in [0, high].
      high: in [0, 1].

    Returns:
      `[N]` booleans, true for the prompts to keep.

    Raises:
      ValueError: a bound is out of range.

    Zeng et al., "SimpleRL-Zoo: Investigating and Taming Zero Reinforcement Learning for Open Base Models in the Wild", 2025,
    arXiv 2503.18892.
    """
    checks.between("high", high, 0.0, 1.0)
    checks.between("low", low, 0.0, high)
    return (solve_rates >= low) & (solve_rates <= high)
