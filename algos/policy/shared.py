"""What many transforms and presets of the room do in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, numerics
from ..core.terms import Groups
from .terms import Terms


def over_tokens(terms: Terms, per_row: jax.Array) -> jax.Array:
    """Puts a value of each response on all its tokens: `[B] -> [B, T]`, 0 behind the mask."""
    return jnp.where(terms.mask, per_row[:, None], 0.0)


def penalise(terms: Terms, coefficient: Any, x: jax.Array) -> Terms:
    """Adds coefficient * x to the penalties, where absent ones are 0."""
    penalty = coefficient * x
    return terms.replace(penalties=penalty if terms.penalties is None else terms.penalties + penalty)


def scale_weights(terms: Terms, factors: jax.Array) -> Terms:
    """Multiplies the weights of the surrogates, where absent ones are 1."""
    return terms.replace(weights=factors if terms.weights is None else terms.weights * factors)


def centred_in_groups(groups: Groups, x: jax.Array) -> jax.Array:
    """X minus its group's mean, exactly 0 where all of a group is equal: `[B] -> [B]`."""
    shifted = x - groups.max(x)
    return shifted - groups.mean(shifted)


def std_in_groups(groups: Groups, x: jax.Array) -> jax.Array:
    """The unbiased standard deviation within each group, 0 for a group of one: `[B] -> [B]`."""
    squares = groups.sum(jnp.square(centred_in_groups(groups, x)))
    return numerics.safe_sqrt(numerics.safe_divide(squares, jnp.maximum(groups.count(x) - 1.0, 0.0)))


def unless_zero(
    name: str, coefficient: checks.ScalarOrSchedule, factory: Callable[[checks.ScalarOrSchedule], LossTransform]
) -> tuple[LossTransform, ...]:
    """Leaves a step with coefficient 0 out, so that its fields are not required."""
    is_zero = not callable(coefficient) and checks.non_negative(name, coefficient) == 0
    return () if is_zero else (factory(coefficient),)
