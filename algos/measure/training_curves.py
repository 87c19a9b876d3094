"""What the curves of a run show: collapses, recoveries, and what is learnt after saturation."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics


def length_collapse(lengths: jax.Array, window: int) -> jax.Array:
    """How much shorter answers become early in training: 1 - min_{t <= window} length_t / length_0.

    Args:
      lengths: `[T]`, mean length of the answers at each step, > 0.
      window: steps after the first to look at, >= 0; those beyond the end are left out.

    Returns:
      `[]` in [0, 1]; 0 if answers are never shorter than at first.

    Raises:
      ValueError: the window is negative, or lengths are not `[T]` with T >= 1.

    Zheng et al., "Balanced Actor Initialization", 2025, arXiv 2509.00309.
    """
    checks.integer("window", window, least=0)
    lengths = _curve("lengths", lengths)
    return 1.0 - numerics.safe_divide(jnp.min(lengths[: window + 1]), lengths[0])


class HockeyStick(NamedTuple):
    """A fall of the reward and the return from it.

    Attributes:
      depth: `[]`, first reward - least reward, >= 0.
      recovery: `[]` integer, first step from the least reward on with at least the first reward; -1 if there is none.
    """

    depth: jax.Array
    recovery: jax.Array


def hockey_stick(rewards: jax.Array) -> HockeyStick:
    """How far the reward falls before it rises, and when it is back.

    Args:
      rewards: `[T]`, mean reward at each step.

    Returns:
      `HockeyStick`; both are 0 if the reward never falls below the first.

    Raises:
      ValueError: rewards are not `[T]` with T >= 1.

    Zheng et al., "Balanced Actor Initialization", 2025, arXiv 2509.00309.
    """
    rewards = _curve("rewards", rewards)
    lowest = jnp.argmin(rewards)
    back = (jnp.arange(rewards.shape[0]) >= lowest) & (rewards >= rewards[0])
    return HockeyStick(rewards[0] - rewards[lowest], jnp.where(back.any(), jnp.argmax(back), -1))


def post_saturation_gain(train_accuracy: jax.Array, test_accuracy: jax.Array, *, level: float = 0.99) -> jax.Array:
    """What the test accuracy gains after the training accuracy has saturated.

    Args:
      train_accuracy: `[T]` in [0, 1].
      test_accuracy: `[T]` in [0, 1].
      level: in (0, 1], the training accuracy that counts as saturated.

    Returns:
      `[]`: the last test accuracy - that of the first step at which the training accuracy is at least `level`; 0 if there is
      none.

    Raises:
      ValueError: the level is out of range, or the curves are not both `[T]`.

    Wang et al., "Reinforcement Learning for Reasoning in Large Language Models with One Training Example", 2025, arXiv
    2504.20571.
    """
    checks.between("level", level, 0.0, 1.0, closed="high")
    train, test = _curve("train_accuracy", train_accuracy), _curve("test_accuracy", test_accuracy)
    if train.shape != test.shape:
        raise ValueError(f"`test_accuracy` must have the shape of `train_accuracy`, got {test.shape} and {train.shape}")
    saturated = train >= level
    return jnp.where(saturated.any(), test[-1] - test[jnp.argmax(saturated)], 0.0)


def _curve(name: str, values: jax.Array) -> jax.Array:
    curve = jnp.asarray(values).astype(jnp.float32)
    if curve.ndim != 1 or curve.shape[0] == 0:
        raise ValueError(f"`{name}` must be [T] with T >= 1, got {curve.shape}")
    return curve
