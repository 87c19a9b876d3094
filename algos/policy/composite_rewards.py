"""Rewards put together from parts, some of which count only where another is earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform
from .presets import grpo
from .terms import Terms


def composite_reward(weights: Sequence[float], gates: Mapping[int, int] | None = None) -> LossTransform:
    """Adds up the parts of the reward: s = sum_r weights[r] g_r parts[r], g_r = 1[part gates[r] is full] or 1.

    Args:
      weights: one a part.
      gates: part -> the part that must be 1 for it to count, such as the arguments of an action -> its type.

    Returns:
      A `LossTransform` reading `reward_parts` `[B, R]` in [0, 1], writing `rewards` `[B]`.

    Raises:
      ValueError: no weights, a weight that is no number, or a gate between parts that do not exist.

    Nong et al., "CRAFT-GUI: Curriculum-Reinforced Agent For GUI Tasks", 2025, arXiv 2508.11360.
    """
    numbers = [float(checks.real("weights", weight)) for weight in weights]
    if not numbers:
        raise ValueError("`weights` must hold at least one number, got none")
    gates = dict(gates or {})
    for part, gate in gates.items():
        if not (0 <= part < len(numbers) and 0 <= gate < len(numbers) and part != gate):
            raise ValueError(f"`gates` must lead from a part to another of the {len(numbers)}, got {part} -> {gate}")

    def update(terms: Terms) -> Terms:
        parts = terms.reward_parts
        if parts.shape[1] != len(numbers):
            raise ValueError(f"`reward_parts` must have {len(numbers)} parts, one a weight, got {parts.shape[1]}")
        total = jnp.zeros_like(parts[:, 0])
        for part, weight in enumerate(numbers):
            earned = parts[:, part] if part not in gates else jnp.where(parts[:, gates[part]] >= 1, parts[:, part], 0.0)
            total = total + weight * earned
        return terms.replace(rewards=total)

    return loss_transform(
        update, reads=("reward_parts",), writes=("rewards",), hyperparameters={"weights": tuple(numbers), "gates": gates}
    )


def craft(
    weights: Sequence[float] = (0.1, 0.4, 0.5), *, kl_coefficient: checks.ScalarOrSchedule = 0.04
) -> LossTransform:
    """CRAFT: GRPO on a reward for the format, the type and the arguments of an action, which count only if the type is right.

    Draw the trajectories with `curriculum.difficulty_stages`.

    Args:
      weights: of format, type and arguments; placeholders, as the source states none.
      kl_coefficient: >= 0, or a schedule.

    Returns:
      A chain reading `reward_parts` `[B, 3]` and what `grpo` reads.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> policy.craft(kl_coefficient=0.0).requires
      ('reward_parts', 'group_ids', 'log_probs', 'old_log_probs')

    Nong et al., "CRAFT-GUI: Curriculum-Reinforced Agent For GUI Tasks", 2025, arXiv 2508.11360; inferred from its abstract.
    """
    if len(weights) != 3:
        raise ValueError(f"`weights` must be three, of format, type and arguments, got {len(weights)}")
    return chain(composite_reward(weights, gates={2: 1}), grpo(kl_coefficient=kl_coefficient), name="craft")
