"""How far the hidden states of a prompt's tokens point the same way."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics


class AngleConcentration(NamedTuple):
    """Mean cosines between the hidden states of a prompt's tokens.

    Attributes:
      intra: `[]`, between tokens of the question.
      inter: `[]`, between tokens of the question and the tokens before it.
      score: `[]`, intra + inter_weight inter: prompts are ranked by it, the largest first.
    """

    intra: jax.Array
    inter: jax.Array
    score: jax.Array


def angle_concentration(
    hidden: jax.Array,
    start: jax.Array | int,
    stop: jax.Array | int,
    *,
    inter_weight: float = 8.0,
    causal: bool = True,
    columns: str = "question",
) -> AngleConcentration:
    """How far a prompt's hidden states point the same way; such prompts have larger gradients and are learnt first.

    With c_ij = x_i . x_j of the normalised states: intra = mean of c_ij over i, j in start..stop - 1, inter = mean over i there
    and j < start. Means are over all pairs, those that `causal` zeroes included; a mean over nothing is 0.

    Args:
      hidden: `[L, D]`, inputs of the last layer's MLP.
      start: number of tokens before the question (system prompt, template), may be traced.
      stop: where the question ends, <= L, may be traced.
      inter_weight: >= 0.
      causal: True zeroes c_ij for j > i + 1.
      columns: "question" as above. "all" gives the score of the released code, which slices the rows twice and so takes the
        columns of all L tokens, for intra with the rows 2 start..2 stop - L - 1, for inter with start..2 start - 1.

    Returns:
      `AngleConcentration`; use `jax.vmap` for many prompts.

    Raises:
      ValueError: an argument is out of range.

    Wang et al., "Angles Don't Lie: Unlocking Training-Efficient RL Through the Model's Own Signals", 2025, arXiv 2506.02281
    (GAIN-RL), whose overview has inter_weight = 1.
    """
    checks.non_negative("inter_weight", inter_weight)
    checks.boolean("causal", causal)
    checks.option("columns", columns, ("question", "all"))
    if hidden.ndim != 2:
        raise ValueError(f"`hidden` must be [L, D], got {hidden.shape}")
    states = numerics.at_least_float32(hidden)
    states = numerics.safe_divide(states, numerics.safe_sqrt(jnp.sum(jnp.square(states), axis=1, keepdims=True)))
    cosines = jnp.matmul(states, states.T, precision=jax.lax.Precision.HIGHEST)
    position = jnp.arange(hidden.shape[0], dtype=jnp.int32)
    if causal:
        cosines = jnp.where(position[None, :] <= position[:, None] + 1, cosines, 0.0)
    start, stop = jnp.asarray(start, jnp.int32), jnp.asarray(stop, jnp.int32)
    question, before = (position >= start) & (position < stop), position < start
    if columns == "question":
        intra, inter = _mean(cosines, question, question), _mean(cosines, question, before)
    else:
        everywhere = jnp.ones_like(question)
        late = (position >= 2 * start) & (position < 2 * stop - hidden.shape[0])
        intra, inter = _mean(cosines, late, everywhere), _mean(cosines, question & (position < 2 * start), everywhere)
    return AngleConcentration(intra, inter, intra + inter_weight * inter)


def _mean(matrix: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    chosen = rows[:, None] & columns[None, :]
    return numerics.safe_divide(jnp.sum(jnp.where(chosen, matrix, 0.0)), jnp.sum(chosen, dtype=jnp.float32))
