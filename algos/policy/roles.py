"""Several copies of a policy in different roles: whose reward counts for whom, and when they exchange."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core import checks


def shared_rewards(rewards: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """What each role is rewarded for: R'_i = sum_j weights[i, j] R_j.

    Args:
      rewards: `[R, B]`, the task's reward of each role's response.
      weights: `[R, R]`; None for ones, the cooperative setting. The identity makes the roles independent, (1, -1), (-1, 1)
        sets two against each other.

    Returns:
      `[R, B]`; row i is `rewards` of the `policy.Terms` of role i.

    Raises:
      ValueError: the shapes do not fit.

    Ma et al., "Coevolving with the Other You: Fine-Tuning LLM with Sequential Cooperative Multi-Agent Reinforcement Learning",
    2024, arXiv 2410.06101 (CORY), where each role trains with `ppo` and its KL in the reward.
    """
    roles = rewards.shape[0]
    matrix = jnp.ones([roles, roles], rewards.dtype) if weights is None else jnp.asarray(weights, rewards.dtype)
    if rewards.ndim != 2 or matrix.shape != (roles, roles):
        raise ValueError(f"`weights` must be [R, R] for `rewards` [R, B], got {matrix.shape} and {rewards.shape}")
    return jnp.matmul(matrix, rewards, precision=jax.lax.Precision.HIGHEST)


def exchange_roles(step: jax.Array | int, pair: tuple[Any, Any], *, every: int = 5) -> tuple[Any, Any]:
    """Which parameters play which role at an update: exchanged in every other stretch of `every` updates.

    Args:
      step: `[]` integer from 0, the number of the update.
      pair: two trees of the same structure, the parameters that begin in the first and in the second role.
      every: >= 1, updates between exchanges.

    Returns:
      The parameters in the first and in the second role. Called again with the same step it puts them back in their places.

    Raises:
      ValueError: `every` is less than 1.

    Ma et al., "Coevolving with the Other You", 2024, arXiv 2410.06101, whose released code starts the optimisers anew at an
    exchange.
    """
    checks.integer("every", every, least=1)
    exchanged = (jnp.asarray(step) // every) % 2 == 1
    first, second = pair
    return (
        jax.tree.map(lambda a, b: jnp.where(exchanged, b, a), first, second),
        jax.tree.map(lambda a, b: jnp.where(exchanged, a, b), first, second),
    )
