"""Transforms of rewards, before advantages are computed."""

from __future__ import annotations

import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms


def sequence_rewards() -> LossTransform:
    """Sums token rewards into the response's reward: s_i = sum_t token_rewards[i, t].

    Returns:
      A `LossTransform` writing `rewards` `[B]`.
    """

    def update(terms: Terms) -> Terms:
        return terms.replace(rewards=terms.row_sum(terms.token_rewards))

    return loss_transform(update, reads=("token_rewards",), writes=("rewards",))


def reward_on_last_token() -> LossTransform:
    """Puts each response's reward on its last valid token, on top of token rewards that are already there.

    Returns:
      A `LossTransform` writing `token_rewards` `[B, T]`.
    """

    def update(terms: Terms) -> Terms:
        position = jnp.arange(terms.mask.shape[1], dtype=jnp.int32)[None, :]
        last = jnp.max(jnp.where(terms.mask, position, -1), axis=1, keepdims=True)
        placed = jnp.where(position == last, terms.rewards[:, None], 0.0)
        return terms.replace(token_rewards=placed if terms.token_rewards is None else terms.token_rewards + placed)

    return loss_transform(update, reads=("rewards",), writes=("token_rewards",), optional_reads=("token_rewards",))


def overlong_penalty(max_length: int, buffer: int, *, factor: float = 1.0, floor: float | None = -1.0) -> LossTransform:
    """Punishes responses that come close to the length limit, softly.

    With n tokens and the limit L minus buffer b: rewards += max(floor, min(0, factor (L - b - n) / b)).

    Args:
      max_length: L, the longest response, in tokens.
      buffer: b in [1, L], the tokens over which the punishment grows from 0 to `factor`.
      factor: >= 0, the punishment at the limit.
      floor: <= 0, the largest punishment; None for none.

    Returns:
      A `LossTransform` writing `rewards` `[B]`.

    Raises:
      ValueError: an argument is out of range.

    Yu et al., "DAPO: An Open-Source LLM Reinforcement Learning System at Scale", 2025, arXiv 2503.14476, whose floor is -1;
    the released code has none (`floor=None`), which differs only beyond the limit.
    """
    checks.integer("max_length", max_length, least=1)
    checks.integer("buffer", buffer, least=1)
    checks.between("buffer", buffer, 1, max_length)
    checks.non_negative("factor", factor)
    if floor is not None:
        checks.between("floor", floor, -float("inf"), 0.0)

    def update(terms: Terms) -> Terms:
        lengths = terms.row_count().astype(terms.rewards.dtype)
        penalty = jnp.minimum((max_length - buffer - lengths) / buffer * factor, 0.0)
        return terms.replace(rewards=terms.rewards + (penalty if floor is None else jnp.maximum(penalty, floor)))

    settings = {"max_length": max_length, "buffer": buffer, "factor": factor, "floor": floor}
    return loss_transform(update, reads=("rewards",), writes=("rewards",), hyperparameters=settings)


def kl_in_reward(coefficient: checks.ScalarOrSchedule) -> LossTransform:
    """Charges each token for leaving the reference: token_rewards -= coefficient (old_log_probs - ref_log_probs).

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A `LossTransform` writing `token_rewards` `[B, T]`.

    Raises:
      ValueError: the coefficient is negative.

    Ouyang et al., "Training language models to follow instructions with human feedback", 2022, arXiv 2203.02155.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        divergence = terms.old_log_probs - terms.ref_log_probs
        charged = terms.token_rewards - terms.value("coefficient", coefficient) * divergence
        return terms.replace(token_rewards=charged).add_metric("kl_in_reward", divergence)

    return loss_transform(
        update,
        reads=("token_rewards", "old_log_probs", "ref_log_probs"),
        writes=("token_rewards",),
        metrics=("kl_in_reward",),
        hyperparameters={"coefficient": coefficient},
    )
