"""The delta learning hypothesis on linear teachers: what the difference of two weak labels teaches."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ..core import numerics

Array = jax.Array


def linear_teacher_delta(chosen: Array, rejected: Array) -> Array:
    """The mean update of preferring one linear teacher's labels to another's: sqrt(2 / pi) (c / ||c|| - r / ||r||).

    It is E[x (sign(c . x) - sign(r . x))] for standard normal x.

    Args:
      chosen: `[D]` weights c of the teacher whose labels are chosen.
      rejected: `[D]` weights r of the teacher whose labels are rejected.

    Returns:
      `[D]`.

    Geng et al., "The Delta Learning Hypothesis: Preference Tuning on Weak Data can Yield Strong Gains", 2025,
    arXiv 2507.06187; the closed form is derived here.
    """
    return math.sqrt(2.0 / math.pi) * (_unit(chosen) - _unit(rejected))


def linear_teacher_gain(chosen: Array, rejected: Array, student: Array, target: Array) -> Array:
    """The slope of the student's cosine with the target along `linear_teacher_delta`, for a student of length 1.

    sqrt(2 / pi) <c / ||c|| - r / ||r||, t - cos(s, t) s>, with unit vectors s and t. It is positive where the chosen teacher is
    nearer to the target, beside the student's own direction, however weak both teachers are.

    Args:
      chosen: `[D]` weights of the chosen teacher.
      rejected: `[D]` weights of the rejected teacher.
      student: `[D]` s.
      target: `[D]` t.

    Returns:
      `[]`.

    Geng et al., "The Delta Learning Hypothesis: Preference Tuning on Weak Data can Yield Strong Gains", 2025,
    arXiv 2507.06187; the closed form is derived here.
    """
    own, goal = _unit(student), _unit(target)
    return jnp.vdot(linear_teacher_delta(chosen, rejected), goal - jnp.vdot(own, goal) * own)


def _unit(x: Array) -> Array:
    return numerics.safe_divide(x, jnp.broadcast_to(jnp.linalg.norm(x), x.shape))
