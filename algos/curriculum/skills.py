"""Curricula that aim at the skills a student lacks."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core import checks, numerics
from ..core.kinds import Curriculum


def difficult_questions(
    step_scores: jax.Array, num_steps: jax.Array, *, least_score: float = 0.85, least_step: float = 0.7
) -> jax.Array:
    """Which questions a student finds hard, by the process rewards of its answer.

    Hard is an answer whose last step or mean step scores <= least_score, or of which an earlier step scores <= least_step.

    Args:
      step_scores: `[V, S]` in [0, 1], process reward of each step.
      num_steps: `[V]` integers in 1..S, steps of each answer; scores behind them do not count.
      least_score: in [0, 1].
      least_step: in [0, 1].

    Returns:
      `[V]` booleans.

    Raises:
      ValueError: a threshold is out of range.

    He et al., "Skill-Targeted Adaptive Training", 2025, arXiv 2510.10023 (STAT); the thresholds are assumed.
    """
    checks.between("least_score", least_score, 0.0, 1.0)
    checks.between("least_step", least_step, 0.0, 1.0)
    position, steps = jnp.arange(step_scores.shape[1], dtype=jnp.int32)[None, :], num_steps.astype(jnp.int32)[:, None]
    there, last = position < steps, position == steps - 1
    total = jnp.sum(jnp.where(there, step_scores, 0.0), axis=1)
    mean = numerics.safe_divide(total, num_steps.astype(total.dtype))
    weak_end = (last & (step_scores <= least_score)).any(axis=1)
    weak_step = (there & ~last & (step_scores <= least_step)).any(axis=1)
    return weak_end | (mean <= least_score) | weak_step


def skill_profile(difficult: jax.Array, missing: jax.Array) -> jax.Array:
    """How often each skill is lacking: the number of difficult questions whose answer lacks it.

    Args:
      difficult: `[V]`, see `difficult_questions`.
      missing: `[V, S]`, true where a teacher finds that the answer lacks the skill.

    Returns:
      `[S]` float32.

    He et al., "Skill-Targeted Adaptive Training", 2025, arXiv 2510.10023.
    """
    return jnp.sum(difficult.astype(bool)[:, None] & missing.astype(bool), axis=0, dtype=jnp.float32)


def skill_weights(counts: jax.Array, skill_map: jax.Array) -> jax.Array:
    """Draws examples in proportion to what is lacking: p_x prop. sum over the skills s of x of counts_s / |P_s|.

    P_s are the examples that need skill s; a skill without any is skipped.

    Args:
      counts: `[S]` >= 0, see `skill_profile`.
      skill_map: `[N, S]`, true where an example needs a skill.

    Returns:
      `[N]` probabilities, uniform where nothing is lacking.

    He et al., "Skill-Targeted Adaptive Training", 2025, arXiv 2510.10023.
    """
    needs = skill_map.astype(jnp.float32)
    shares = numerics.safe_divide(counts.astype(jnp.float32), jnp.sum(needs, axis=0))
    scores = jnp.matmul(needs, shares, precision=jax.lax.Precision.HIGHEST)
    total = jnp.sum(scores)
    return jnp.where(total > 0, numerics.safe_divide(scores, total), 1.0 / needs.shape[0])


class SkillFeedback(NamedTuple):
    """What an evaluation says of the student's skills.

    Attributes:
      counts: `[S]` >= 0, see `skill_profile`.
      where: `[S]`, true where a skill was looked at; the others may hold anything.
    """

    counts: jax.Array
    where: jax.Array


def skills(skill_map: jax.Array | np.ndarray) -> Curriculum:
    """Draws examples by `skill_weights` of all counts so far; at first uniformly.

    Args:
      skill_map: `[N, S]`, true where an example needs a skill.

    Returns:
      A `Curriculum` whose state is the counts `[S]` and whose feedback is `SkillFeedback`.

    Raises:
      ValueError: the map is not `[N, S]` with N >= 1.

    He et al., "Skill-Targeted Adaptive Training", 2025, arXiv 2510.10023.
    """
    needs = jnp.asarray(skill_map)
    if needs.ndim != 2 or needs.shape[0] == 0:
        raise ValueError(f"`skill_map` must be [N, S] with N >= 1, got {needs.shape}")

    def init() -> jax.Array:
        return jnp.zeros(needs.shape[1:], jnp.float32)

    def weights(counts: jax.Array) -> jax.Array:
        return skill_weights(counts, needs)

    def update(counts: jax.Array, feedback: SkillFeedback) -> jax.Array:
        return counts + jnp.where(feedback.where.astype(bool), feedback.counts.astype(jnp.float32), 0.0)

    return Curriculum(init, weights, update)


def majority_filter(answers: jax.Array, *, min_agree: int = 2) -> jax.Array:
    """Keeps the solutions with a question's most frequent answer, if enough of them agree.

    Args:
      answers: `[Q, R]` integers; equal answers share an id, a negative one is no answer.
      min_agree: >= 1, solutions that must agree.

    Returns:
      `[Q, R]` booleans; a row without any is a question to drop. Of equally frequent answers the first one counts.

    Raises:
      ValueError: min_agree is less than 1.

    He et al., "Skill-Targeted Adaptive Training", 2025, arXiv 2510.10023 (three solutions to a new question).
    """
    checks.integer("min_agree", min_agree, least=1)
    alike = (answers[:, :, None] == answers[:, None, :]) & (answers >= 0)[:, None, :]
    votes = jnp.sum(alike, axis=2)
    first = jnp.argmax(votes, axis=1)[:, None]
    return jnp.take_along_axis(alike, first[..., None], axis=1)[:, 0] & (jnp.take_along_axis(votes, first, axis=1) >= min_agree)
