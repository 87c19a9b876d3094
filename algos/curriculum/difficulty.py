"""Which prompts next, by how hard they are: success rates, rankings of a pool, windows and stages over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core import checks, numerics
from ..core.kinds import Curriculum

# ----- success rates ------------------------------------------------------------------------------------------------------


def gaussian_utility(success: jax.Array, *, mu: float = 0.5, sigma: float = 0.2) -> jax.Array:
    """What a question is worth to the solver: U = exp(-(success - mu)^2 / (2 sigma^2)), without gradient.

    Args:
      success: `[Q]` in [0, 1], share of correct attempts.
      mu: in [0, 1], the most useful success rate.
      sigma: > 0; towards infinity all questions are worth 1.

    Returns:
      `[Q]` in (0, 1]. The generator's loss is `policy.reinforce()` on its questions, with U as their rewards.

    Raises:
      ValueError: an argument is out of range.

    Wang et al., "Socratic-Zero: Bootstrapping Reasoning via Data-Free Agent Co-evolution", 2025, arXiv 2509.24726.
    """
    checks.between("mu", mu, 0.0, 1.0)
    checks.positive("sigma", sigma)
    return jax.lax.stop_gradient(jnp.exp(-0.5 * jnp.square((success - mu) / sigma)))


def zones(success: jax.Array) -> jax.Array:
    """Sorts questions by success: 0 mastered (all attempts correct), 1 learning, 2 too difficult (none correct).

    Args:
      success: `[Q]` in [0, 1], share of correct attempts.

    Returns:
      `[Q]` integers. New questions are made of zones 1 and 0; zone 2 is left for later.

    Wang et al., "Socratic-Zero", 2025, arXiv 2509.24726.
    """
    return jnp.where(success >= 1, 0, jnp.where(success > 0, 1, 2))


# ----- rankings -----------------------------------------------------------------------------------------------------------


class Ranking(NamedTuple):
    """Prompts in an order.

    Attributes:
      scores: `[N]`, the score of each prompt.
      order: `[N]` integers, prompts from the largest score on; ties keep the pool's order.
    """

    scores: jax.Array
    order: jax.Array


def rank_by_variance(history: jax.Array) -> Ranking:
    """Ranks prompts by how much their accuracy varied in an earlier run: the population standard deviation over epochs.

    Args:
      history: `[N, E]` in [0, 1], accuracy of each prompt at each epoch.

    Returns:
      `Ranking`; standard deviation and variance give the same order.

    Raises:
      ValueError: the history is not `[N, E]` with E >= 1.

    Wang et al., "Reinforcement Learning for Reasoning in Large Language Models with One Training Example", 2025, arXiv
    2504.20571.
    """
    history = _history(history)
    epochs = history.shape[1]
    # Relative to the first epoch, with the division last: exact for shares of 2^k samples, so that equal spreads tie.
    change = history - history[:, :1]
    scaled = epochs * jnp.sum(jnp.square(change), axis=1) - jnp.square(jnp.sum(change, axis=1))
    return _ranked(numerics.safe_sqrt(scaled) / epochs)


def rank_by_lim(history: jax.Array) -> Ranking:
    """Ranks prompts by how well their learning follows the pool's: LIM_i = 1 - sum_e (s_ie - m_e)^2 / sum_e (1 - m_e)^2.

    m_e is the mean over prompts at epoch e.

    Args:
      history: `[N, E]` in [0, 1], accuracy of each prompt at each epoch.

    Returns:
      `Ranking`; where every prompt was always solved the scores are 0.

    Raises:
      ValueError: the history is not `[N, E]` with E >= 1.

    Li, Zou, Liu, "LIMR: Less is More for RL Scaling", 2025, arXiv 2502.11886.
    """
    history = _history(history)
    mean = jnp.sum(history, axis=0) / history.shape[0]
    possible = jnp.sum(jnp.square(1.0 - mean))
    distance = jnp.sum(jnp.square(history - mean[None, :]), axis=1)
    return _ranked(numerics.safe_divide(possible - distance, possible))


def repeat_prompts(indices: jax.Array, batch_size: int) -> jax.Array:
    """Fills a batch with copies of a few prompts, in turn.

    Args:
      indices: `[n]` integers, n >= 1.
      batch_size: >= 1.

    Returns:
      `[batch_size]` integers. Each copy is a group of its own: `group_ids` are the positions in the batch.

    Raises:
      ValueError: there is no prompt, or the batch size is less than 1.

    Wang et al., "Reinforcement Learning for Reasoning in Large Language Models with One Training Example", 2025, arXiv
    2504.20571.
    """
    checks.integer("batch_size", batch_size, least=1)
    indices = jnp.asarray(indices)
    if indices.ndim != 1 or indices.shape[0] == 0:
        raise ValueError(f"`indices` must be [n] with n >= 1, got {indices.shape}")
    return indices[jnp.arange(batch_size) % indices.shape[0]]


def _history(history: jax.Array) -> jax.Array:
    history = jnp.asarray(history)
    if history.ndim != 2 or history.shape[1] == 0:
        raise ValueError(f"`history` must be [N, E] with E >= 1, got {history.shape}")
    return history.astype(jnp.float32)


def _ranked(scores: jax.Array) -> Ranking:
    return Ranking(scores, jnp.argsort(-scores, stable=True))


# ----- a window over a ranking --------------------------------------------------------------------------------------------


class WindowFeedback(NamedTuple):
    """What an epoch says of the samples drawn in it.

    Attributes:
      rewards: `[B]`, reward of each sample.
      concentrations: `[B]`, see `measure.angle_concentration`.
      where: `[B]`, true where the sample counts; the others may hold anything.
    """

    rewards: jax.Array
    concentrations: jax.Array
    where: jax.Array


def gaussian_window(
    order: Sequence[int] | jax.Array,
    *,
    std: float = 1000.0,
    step: float = 500.0,
    sensitivity: float = 2.0,
    target: float = 0.5,
    reward_scale: float = 0.5,
    low: float = 0.0,
    high: float = 1000.0,
) -> Curriculum:
    """Draws from a Gaussian window that moves down a ranking as the model learns: p_i prop. exp(-(rank_i - mu)^2 / (2 std^2)).

    After an epoch mu += clip(step tanh(sensitivity (reward_scale r - target)) + step tanh(sensitivity c), low, high), r and c
    the means of the epoch's rewards and concentrations; mu starts at 0. Draw without replacement.

    Args:
      order: `[N]`, the prompts in the order of the ranking.
      std: > 0, in ranks; towards infinity prompts are drawn alike.
      step: >= 0, in ranks.
      sensitivity: >= 0.
      target: any real number.
      reward_scale: > 0; 0.5 for rewards that run to 2, 1 for rewards in [0, 1].
      low: the least move; 0 never moves back.
      high: >= low, the largest.

    Returns:
      A `Curriculum` whose state is mu `[]` and whose feedback is `WindowFeedback`; without any sample mu stays.

    Raises:
      ValueError: `order` is no order of 0..N - 1, or a number is out of range.

    Wang et al., "Angles Don't Lie: Unlocking Training-Efficient RL Through the Model's Own Signals", 2025, arXiv 2506.02281
    (GAIN-RL); the update is that of the released code.
    """
    prompts = np.asarray(order)
    if prompts.ndim != 1 or prompts.size == 0 or not np.array_equal(np.sort(prompts), np.arange(prompts.size)):
        raise ValueError(f"`order` must hold each of 0..N - 1 once, got {prompts}")
    checks.positive("std", std)
    for name, value in (("step", step), ("sensitivity", sensitivity)):
        checks.non_negative(name, value)
    checks.real("target", target)
    checks.positive("reward_scale", reward_scale)
    checks.between("high", high, checks.real("low", low), float("inf"), closed="low")
    ranks = np.argsort(prompts).astype(np.float32)

    def init() -> jax.Array:
        return jnp.zeros([], jnp.float32)

    def weights(mu: jax.Array) -> jax.Array:
        return jax.nn.softmax(-0.5 * jnp.square((ranks - mu) / std))

    def update(mu: jax.Array, feedback: WindowFeedback) -> jax.Array:
        seen = feedback.where.astype(bool)
        reward, concentration = _mean(feedback.rewards, seen), _mean(feedback.concentrations, seen)
        move = jnp.tanh(sensitivity * (reward_scale * reward - target)) + jnp.tanh(sensitivity * concentration)
        return jnp.where(seen.any(), mu + jnp.clip(step * move, low, high), mu)

    return Curriculum(init, weights, update)


def _mean(x: jax.Array, where: jax.Array) -> jax.Array:
    total = jnp.sum(jnp.where(where, x.astype(jnp.float32), 0.0))
    return numerics.safe_divide(total, jnp.sum(where, dtype=jnp.float32))
