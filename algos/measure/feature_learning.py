"""Why large learning rates learn weak features: the dynamics of a strong and a weak one."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks


class TwoFeatureRun(NamedTuple):
    """A run on one example with two features.

    Attributes:
      strong: `[T + 1]`, the weights' overlap with the strong feature before each step and at the end.
      weak: `[T + 1]`, with the weak one.
      errors: `[T]`, 1 - f before each step; where they settle at 0 learning ends, where their sum grows the weak feature does.
    """

    strong: jax.Array
    weak: jax.Array
    errors: jax.Array


def two_feature_dynamics(
    learning_rate: jax.Array | float, *, steps: int, strong_norm: float = 1.0, weak_norm: float = 0.15, start: float = 0.05
) -> TwoFeatureRun:
    """Gradient descent on one unit with squared-ReLU activation, f = a^2 + b^2, towards 1.

    With e = 1 - f: a <- a (1 + 2 eta e |v|^2), b <- b (1 + 2 eta e |u|^2). Beyond eta |v|^2 = 1/2 the fit f = 1 is unstable: a
    oscillates, so that the errors stay positive on average and b grows without end; below, they sum to little and b stays.

    Args:
      learning_rate: eta >= 0, a number or `[]`.
      steps: T >= 1.
      strong_norm: |v| >= 0.
      weak_norm: |u| >= 0.
      start: > 0, the weights' component along each feature's direction, so that a_0 = start |v|, b_0 = start |u|.

    Returns:
      A `TwoFeatureRun`.

    Raises:
      ValueError: an argument is out of range.

    Source: Lu et al., "Benign Oscillation of Stochastic Gradient Descent with Large Learning Rates", 2023, arXiv 2310.17074,
    reduced to one example.
    """
    if isinstance(learning_rate, int | float):
        checks.non_negative("learning_rate", learning_rate)
    checks.integer("steps", steps, least=1)
    checks.non_negative("strong_norm", strong_norm)
    checks.non_negative("weak_norm", weak_norm)
    checks.positive("start", start)
    rate = jnp.asarray(learning_rate, jnp.float32)
    growths = 2.0 * rate * jnp.asarray([strong_norm**2, weak_norm**2], jnp.float32)

    def step(overlaps: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        error = 1.0 - jnp.sum(overlaps**2)
        return overlaps * (1.0 + growths * error), (overlaps, error)

    first = start * jnp.asarray([strong_norm, weak_norm], jnp.float32)
    last, (before, errors) = jax.lax.scan(step, first, None, length=steps)
    overlaps = jnp.concatenate([before, last[None]])
    return TwoFeatureRun(overlaps[:, 0], overlaps[:, 1], errors)


def feature_overlap(weights: jax.Array, feature: jax.Array) -> jax.Array:
    """How much the units of a layer have learnt of a feature: <w_r, u> / |u|.

    Args:
      weights: `[..., d]`, a vector for each unit.
      feature: u, `[d]`, not zero.

    Returns:
      `[...]`, one number a unit.

    Raises:
      ValueError: the shapes do not fit.

    Source: as for `two_feature_dynamics`.
    """
    if feature.ndim != 1 or weights.shape[-1:] != feature.shape:
        raise ValueError(f"`weights` and `feature` must be [..., d] and [d], got {weights.shape}, {feature.shape}")
    return weights @ (feature / jnp.linalg.norm(feature))
