"""Fewer turns at first: episodes cut at a number of turns that grows in training."""

from __future__ import annotations

import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform
from .terms import Terms


def cap_turns(cap: checks.ScalarOrSchedule) -> LossTransform:
    """Cuts dialogues at a number of turns: tokens of the turns from `cap` on leave the mask, and the response is truncated.

    Args:
      cap: >= 1 turns, or a schedule such as `schedules.staged`.

    Returns:
      A `LossTransform` reading `turn_ids`, and where given `truncated`, and writing `mask` `[B, T]` and `truncated` `[B]`;
      metric `capped`, the share of responses cut.

    Raises:
      ValueError: the cap is less than 1.

    Xi et al., "AgentGym-RL", 2025, arXiv 2509.08755 (ScalingInter-RL), which ends the episode itself at the cap.
    """
    checks.schedule("cap", cap, lambda name, value: checks.between(name, value, 1, float("inf"), closed="low"))

    def update(terms: Terms) -> Terms:
        beyond = terms.mask & (terms.turn_ids.astype(jnp.float32) >= terms.value("cap", cap))
        cut = beyond.any(axis=1)
        terms = terms.add_metric("capped", cut.astype(jnp.float32))
        truncated = cut if terms.truncated is None else cut | terms.truncated.astype(bool)
        return terms.replace(mask=terms.mask & ~beyond, truncated=truncated)

    return loss_transform(
        update,
        reads=("turn_ids",),
        writes=("mask", "truncated"),
        optional_reads=("truncated",),
        metrics=("capped",),
        hyperparameters={"cap": cap},
    )


def scaling_inter(cap: checks.ScalarOrSchedule, objective: LossTransform) -> LossTransform:
    """Trains on short interactions first and lengthens them in stages.

    Args:
      cap: >= 1 turns of an episode, or a schedule such as `schedules.staged((5, 8, 10), every=100)`.
      objective: a chain that writes `loss`, such as `grpo(kl_coefficient=0.001)`.

    Returns:
      A chain reading what the objective reads, and `turn_ids`.

    Raises:
      ValueError: the cap is less than 1.

    Example:
      >>> loss = policy.scaling_inter(schedules.staged((5, 8, 10), every=100), policy.grpo())
      >>> loss.requires
      ('turn_ids', ...)

    Xi et al., "AgentGym-RL: Training LLM Agents for Long-Horizon Decision Making through Multi-Turn Reinforcement Learning",
    2025, arXiv 2509.08755.
    """
    return chain(cap_turns(cap), objective, name="scaling_inter")
