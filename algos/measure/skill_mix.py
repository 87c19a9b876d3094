"""Whether a text shows several skills at once."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class SkillMix(NamedTuple):
    """Grades of N texts; their means are the benchmark's figures.

    Attributes:
      full_marks: `[N]` bool, all k + 3 points.
      all_skills: `[N]` bool, all k skills and two other points at least.
      skill_fraction: `[N]` float32, the share of skills shown, 0 without all other points.
    """

    full_marks: Array
    all_skills: Array
    skill_fraction: Array


def skill_mix(skill_points: Array, other_points: Array) -> SkillMix:
    """Grades texts that should combine k skills.

    Args:
      skill_points: `[N, k]` 0 or 1: whether each skill is shown; a skill that is only named is not.
      other_points: `[N, 3]` 0 or 1: on topic, making sense, at most k - 1 sentences.

    Returns:
      A `SkillMix`.

    Raises:
      ValueError: the shapes are others.

    Source: Zhao et al., "Can Models Learn Skill Composition from Examples?", 2024, arXiv 2409.19808.
    """
    if skill_points.ndim != 2 or other_points.shape != (skill_points.shape[0], 3):
        raise ValueError(
            f"`skill_points` must be [N, k] and `other_points` [N, 3], got {skill_points.shape}, {other_points.shape}"
        )
    shown, others = skill_points.astype(bool), jnp.sum(other_points.astype(bool), axis=1, dtype=jnp.int32)
    every_skill = jnp.all(shown, axis=1)
    fraction = jnp.sum(shown, axis=1, dtype=jnp.float32) / max(shown.shape[1], 1)
    return SkillMix(every_skill & (others == 3), every_skill & (others >= 2), jnp.where(others == 3, fraction, 0.0))
