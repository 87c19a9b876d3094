"""Measures of sampled responses: pass@k, cut lengths, how often a policy reasons, patterns, fronts."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics


class TruncationStats(NamedTuple):
    """How a batch of responses meets the length limit.

    Attributes:
      clip_ratio: `[]` share of responses cut at the limit.
      stopped_length: `[]` mean length of the others, 0 where there is none.
    """

    clip_ratio: jax.Array
    stopped_length: jax.Array


def truncation_stats(lengths: jax.Array, limit: int) -> TruncationStats:
    """The share of responses cut at the limit, and the mean length of those that stopped by themselves.

    Args:
      lengths: `[B]` in tokens.
      limit: >= 1; a response of that length counts as cut.

    Returns:
      `TruncationStats`, float32.

    Raises:
      ValueError: the limit is below 1, or the lengths are not `[B]`.

    Zeng et al., "SimpleRL-Zoo: Investigating and Taming Zero Reinforcement Learning for Open Base Models in the Wild", 2025,
    arXiv 2503.18892.
    """
    checks.integer("limit", limit, least=1)
    _require_one_shape(lengths=lengths)
    return TruncationStats(_mean(lengths >= limit), _mean(lengths, lengths < limit))


def pass_at_k(num_samples: int, num_correct: jax.Array, k: int) -> jax.Array:
    """Estimates without bias how likely one of k samples is right: 1 - C(n - c, k) / C(n, k).

    Args:
      num_samples: n >= 1, samples of each item.
      num_correct: `[...]` c in [0, n], how many of an item's samples are right.
      k: in [1, n].

    Returns:
      `[...]` float32 in [0, 1], one estimate an item; with k = 1 it is c / n.

    Raises:
      ValueError: n or k is out of range.

    Chen et al., "Evaluating Large Language Models Trained on Code", 2021, arXiv 2107.03374.
    """
    checks.integer("num_samples", num_samples, least=1)
    checks.between("k", checks.integer("k", k), 1, num_samples)
    drawn = jnp.arange(k, dtype=jnp.float32)
    wrong = num_samples - jnp.asarray(num_correct).astype(jnp.float32)[..., None]
    factors = jnp.maximum(wrong - drawn.reshape((1,) * (wrong.ndim - 1) + (k,)), 0.0)
    return 1.0 - jnp.prod(factors / (num_samples - drawn).reshape((1,) * (wrong.ndim - 1) + (k,)), axis=-1)


def trigger_rate(thinking: jax.Array, weights: jax.Array | None = None) -> jax.Array:
    """How often a policy reasons: the (weighted) share of responses with a non-empty thought; 1 minus it is the skip ratio.

    Args:
      thinking: `[B]`, true where a response holds a thought.
      weights: `[B]` >= 0, such as those of a mixture of test sets; None for equal ones.

    Returns:
      `[]` float32 in [0, 1]; 0 for weights that are all 0.

    Raises:
      ValueError: the shapes differ or are not `[B]`.

    Lou et al., "AdaCoT: Pareto-Optimal Adaptive Chain-of-Thought Triggering via Reinforcement Learning", 2025, arXiv
    2505.11896; Wang et al., "Think or Not?", 2025, arXiv 2505.16854 (skip ratio).
    """
    weights = jnp.ones(thinking.shape, jnp.float32) if weights is None else weights.astype(jnp.float32)
    _require_one_shape(thinking=thinking, weights=weights)
    return numerics.safe_divide(jnp.sum(jnp.where(thinking.astype(bool), weights, 0.0)), jnp.sum(weights))


def trigger_f1(thinking: jax.Array, needs_thought: jax.Array) -> jax.Array:
    """The F1 score of reasoning where it is needed: 2 TP / (2 TP + FP + FN).

    Args:
      thinking: `[B]`, true where a response holds a thought.
      needs_thought: `[B]`, true where the prompt needs one.

    Returns:
      `[]` float32 in [0, 1]; 0 where there is neither thought nor need.

    Raises:
      ValueError: the shapes differ or are not `[B]`.

    Lou et al., "AdaCoT: Pareto-Optimal Adaptive Chain-of-Thought Triggering via Reinforcement Learning", 2025, arXiv
    2505.11896.
    """
    _require_one_shape(thinking=thinking, needs_thought=needs_thought)
    thinks, needs = thinking.astype(bool), needs_thought.astype(bool)
    hits = jnp.sum(thinks & needs, dtype=jnp.float32)
    return numerics.safe_divide(2.0 * hits, 2.0 * hits + jnp.sum(thinks != needs, dtype=jnp.float32))


def pareto_front(costs: jax.Array, scores: jax.Array) -> jax.Array:
    """The points that no other beats: none costs as little and scores as much, with one of the two better.

    Args:
      costs: `[N]`, the less the better.
      scores: `[N]`, the more the better.

    Returns:
      `[N]` booleans; equal points are all on the front, or none is.

    Raises:
      ValueError: the shapes differ or are not `[N]`.

    Lou et al., "AdaCoT: Pareto-Optimal Adaptive Chain-of-Thought Triggering via Reinforcement Learning", 2025, arXiv
    2505.11896 (rate of reasoning against accuracy).
    """
    _require_one_shape(costs=costs, scores=scores)
    as_good = (costs[:, None] <= costs[None, :]) & (scores[:, None] >= scores[None, :])
    better = (costs[:, None] < costs[None, :]) | (scores[:, None] > scores[None, :])
    return ~(as_good & better).any(axis=0)


class PatternRate(NamedTuple):
    """How a pattern goes along with correctness.

    Attributes:
      correct: `[]` share of the right responses that show it, 0 where there is none.
      wrong: `[]` share of the wrong responses that show it, 0 where there is none.
      phi: `[]` correlation of the two in [-1, 1], 0 where one of them is constant.
    """

    correct: jax.Array
    wrong: jax.Array
    phi: jax.Array


def pattern_rate(flags: jax.Array, correct: jax.Array) -> PatternRate:
    """Whether a pattern, such as words of reflection, says anything about correctness.

    Args:
      flags: `[B]`, true where a response shows the pattern.
      correct: `[B]`, true where it is right.

    Returns:
      `PatternRate`, float32.

    Raises:
      ValueError: the shapes differ or are not `[B]`.

    Wei et al., "Advancing Multimodal Reasoning via Reinforcement Learning with Cold Start", 2025, arXiv 2505.22334.
    """
    _require_one_shape(flags=flags, correct=correct)
    shown, right = flags.astype(bool), correct.astype(bool)
    both, some, rights = (jnp.sum(x, dtype=jnp.float32) for x in (shown & right, shown, right))
    count = float(flags.shape[0])
    spread = numerics.safe_sqrt(some * (count - some)) * numerics.safe_sqrt(rights * (count - rights))
    phi = numerics.safe_divide(count * both - some * rights, spread)
    return PatternRate(_mean(shown, right), _mean(shown, ~right), phi)


def _mean(x: jax.Array, where: jax.Array | None = None) -> jax.Array:
    """Mean over the chosen entries, 0 where there is none."""
    where = jnp.ones(x.shape, bool) if where is None else where
    return numerics.safe_divide(jnp.sum(jnp.where(where, x.astype(jnp.float32), 0.0)), jnp.sum(where, dtype=jnp.float32))


def _require_one_shape(**arrays: jax.Array) -> None:
    shapes = {name: tuple(array.shape) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"{', '.join(f'`{name}`' for name in shapes)} must have one shape of rank 1, got {shapes}")
