"""Valuing the uniform policy: its Q-function as a regression target for the log-probs."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from ..core.distribution import Distribution
from .terms import Terms


def mean_log_softmax(distribution: Distribution, where: jax.Array | None = None) -> jax.Array:
    """The mean log-prob over the vocabulary, (1/V) sum_v log p_v, without an array of the vocabulary's size a position.

    Args:
      distribution: `Logits` or `FactoredLogits` of shape `[...]`.
      where: `[...]` positions outside it see a uniform distribution.

    Returns:
      `[...]`, at most -log V; minus infinity where a token has probability 0.

    He et al., "Random Policy Valuation is Enough for LLM Reasoning with Verifiable Rewards", 2025, arXiv 2509.24981.
    """
    return distribution.map(lambda log_probs: jnp.mean(log_probs, axis=-1), where=where)


def _of_next_token(x: jax.Array, mask: jax.Array) -> jax.Array:
    """`x` at the next valid position, 0 after the last: `[B, T] -> [B, T]`."""

    def back(following, position):
        value, valid = position
        return jnp.where(valid, value, following), following

    _, shifted = jax.lax.scan(back, jnp.zeros_like(x[:, 0]), (x.T, mask.T), reverse=True)
    return shifted.T


def random_policy_target(*, scale: float = 1.0, next_value_scale: float = 1.0) -> LossTransform:
    """The one-step target of the uniform policy's relative Q-function.

    y_t = A_t + next_value_scale * v_{t+1}, v_t = scale (1/V) sum_v [log pi(v | s_t) - log pi_old(v | s_t)], 0 after the last
    token. A is the reward minus its group's mean, on every token; masked positions are skipped.

    Args:
      scale: > 0, rho in the paper.
      next_value_scale: >= 0, how much of the next state's value enters.

    Returns:
      A `LossTransform` reading `advantages`, `distribution` and `old_distribution`, writing `returns` `[B, T]`, without
      gradient.

    Raises:
      ValueError: an argument is out of range.

    He et al., "Random Policy Valuation is Enough for LLM Reasoning with Verifiable Rewards", 2025, arXiv 2509.24981 (ROVER).
    One branch of the released code centres rewards over the batch, with unequal factors; here as in the paper.
    """
    checks.positive("scale", scale)
    checks.non_negative("next_value_scale", next_value_scale)

    def update(terms: Terms) -> Terms:
        current = jax.tree.map(jax.lax.stop_gradient, terms.distribution)
        values = mean_log_softmax(current, terms.mask) - mean_log_softmax(terms.old_distribution, terms.mask)
        following = _of_next_token(scale * values, terms.mask)
        targets = terms.advantages + next_value_scale * following
        return terms.replace(returns=jnp.where(terms.mask, jax.lax.stop_gradient(targets), 0.0))

    return loss_transform(
        update,
        reads=("advantages", "distribution", "old_distribution"),
        writes=("returns",),
        hyperparameters={"scale": scale, "next_value_scale": next_value_scale},
    )


def relative_q(*, scale: float = 1.0) -> LossTransform:
    """Regresses the relative Q-value q_t = scale (log_probs - old_log_probs) to the returns: the surrogate -(q - returns)^2.

    Args:
      scale: > 0, the one of `random_policy_target`.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`.

    Raises:
      ValueError: scale is not positive.

    He et al., "Random Policy Valuation is Enough for LLM Reasoning with Verifiable Rewards", 2025, arXiv 2509.24981 (ROVER).
    """
    checks.positive("scale", scale)

    def update(terms: Terms) -> Terms:
        values = scale * (terms.log_probs - terms.old_log_probs)
        return terms.replace(surrogates=-jnp.square(values - jax.lax.stop_gradient(terms.returns)))

    return loss_transform(
        update, reads=("log_probs", "old_log_probs", "returns"), writes=("surrogates",), hyperparameters={"scale": scale}
    )


def uniform_tree_values(leaf_rewards: jax.Array) -> tuple[jax.Array, ...]:
    """The exact Q-function of the uniform policy on a complete tree whose leaves carry the rewards.

    Q_u(s, a) = mean_{a'} Q_u(s a, a'); acting greedily in it is optimal where rewards are >= 0.

    Args:
      leaf_rewards: `[A, ..., A]`, one axis a depth.

    Returns:
      A tuple whose entry d is Q at depth d, `[A] * (d + 1)`.

    He et al., "Random Policy Valuation is Enough for LLM Reasoning with Verifiable Rewards", 2025, arXiv 2509.24981.
    """
    values = [leaf_rewards]
    while values[0].ndim > 1:
        values.insert(0, jnp.mean(values[0], axis=-1))
    return tuple(values)
