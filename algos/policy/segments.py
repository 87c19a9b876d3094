"""Tokens of different kinds: an average and a weight for each kind, key tokens of tool calls, dropped thoughts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import BatchTransform, LossTransform, checks, loss_transform, numerics
from .rollout_masks import TOKEN_FLAGS
from .shared import scale_weights
from .terms import Terms

REST = "rest"


def segment_weights(coefficients: Mapping[str, float], *, norm: str = "batch") -> LossTransform:
    """Gives kinds of tokens averages of their own, so that a single decisive token is not diluted by hundreds of others.

    With the segments s and their tokens m_s the reduction that follows becomes, for surrogates x,
    "batch", before `token_mean`: L = -sum_s c_s (mean of x over all tokens of s in the batch);
    "sequence", before `sequence_mean_token_mean`: L = -mean_i sum_s c_s (mean of x over the tokens of s in row i).
    Penalties are averaged as before. Put it after the filters, because it counts what they leave.

    Args:
      coefficients: name of a field `[B, T]` of truth values, such as "control_tokens", -> c_s >= 0; "rest" names the tokens in
        none of the others. Tokens in no segment get weight 0.
      norm: "batch" or "sequence".

    Returns:
      A `LossTransform` multiplying `weights` `[B, T]`, without gradient.

    Raises:
      ValueError: an unknown field or norm, no segment, or a negative coefficient.

    Fang et al., "Thinkless: LLM Learns When to Think", 2025, arXiv 2505.13379, whose text has "sequence", its code "batch".
    """
    if not isinstance(coefficients, Mapping) or not coefficients:
        raise ValueError(f"`coefficients` must be a mapping with at least one segment, got {coefficients!r}")
    for name, coefficient in coefficients.items():
        checks.option("coefficients", name, (*TOKEN_FLAGS, REST))
        checks.non_negative("coefficients", coefficient)
    checks.option("norm", norm, ("batch", "sequence"))
    fields = tuple(name for name in coefficients if name != REST)

    def update(terms: Terms) -> Terms:
        named = {field: terms.mask & getattr(terms, field).astype(bool) for field in fields}
        rest = terms.mask
        for inside in named.values():
            rest = rest & ~inside
        factors = jnp.zeros(terms.mask.shape, jnp.result_type(float))
        for name, coefficient in coefficients.items():
            inside = named.get(name, rest)
            factors += coefficient * jnp.where(inside, _share(terms, inside, norm), 0.0)
        return scale_weights(terms, factors)

    return loss_transform(
        update,
        reads=fields,
        writes=("weights",),
        optional_reads=("weights",),
        hyperparameters={"coefficients": dict(coefficients), "norm": norm},
    )


def _share(terms: Terms, inside: jax.Array, norm: str) -> jax.Array:
    """All tokens that count over those of the segment, in the batch `[1, 1]` or in each row `[B, 1]`."""
    members = jnp.where(inside, 1.0, 0.0)
    if norm == "batch":
        ratio = numerics.safe_divide(terms.batch_sum(jnp.ones_like(members)), terms.batch_sum(members))
        return ratio.reshape(1, 1)
    return numerics.safe_divide(terms.row_count().astype(members.dtype), jnp.sum(members, axis=1))[:, None]


def key_token_weights(*, max_weight: float = 9.0) -> LossTransform:
    """Weighs the tokens that decide which tool is called: before `token_mean`, L = sum_t w_t x_t / sum_t w_t.

    With n_k key tokens and n_o tokens that are neither key nor end of a parameter, key tokens have
    w = min(n_o / n_k, max_weight) if 0 < n_k < n_o, else 1; all others have w = 1. Counts are over the batch.

    Args:
      max_weight: >= 1, the largest weight; 1 is the plain mean.

    Returns:
      A `LossTransform` reading `key_tokens` and `parameter_ends` `[B, T]` and multiplying `weights` `[B, T]` by w N / sum w
      over N tokens; chain(log_likelihood(), key_token_weights(), token_mean()) is the weighted cross-entropy.

    Raises:
      ValueError: max_weight is below 1.

    Ye et al., "TL-Training: A Task-Feature-Based Framework for Training Large Language Models in Tool Use", 2024, arXiv
    2412.15495. Released code divides by 0 without key tokens.
    """
    checks.between("max_weight", max_weight, 1.0, float("inf"))

    def update(terms: Terms) -> Terms:
        key = terms.key_tokens.astype(bool)
        other = ~key & ~terms.parameter_ends.astype(bool)
        keys, others = (terms.batch_sum(jnp.where(x, 1.0, 0.0)) for x in (key, other))
        weight = jnp.where(keys < others, jnp.minimum(numerics.safe_divide(others, keys), max_weight), 1.0)
        weights = jnp.where(terms.mask, jnp.where(key, weight, 1.0), 0.0)
        return scale_weights(terms, numerics.safe_divide(weights, terms.batch_mean(weights)))

    return loss_transform(
        update,
        reads=("key_tokens", "parameter_ends"),
        writes=("weights",),
        optional_reads=("weights",),
        hyperparameters={"max_weight": max_weight},
    )


# ----- thoughts to be dropped from demonstrations ----------------------------------------------------------------------------


class ThoughtSpans(NamedTuple):
    """Demonstrations with a thought each, valid tokens first.

    Attributes:
      tokens: `[B, T]` integers.
      lengths: `[B]` integers, how many tokens are valid.
      starts: `[B]` integers, the first token of the thought, between its tags.
      ends: `[B]` integers, one past its last token; equal to the start for an empty thought.
    """

    tokens: jax.Array
    lengths: jax.Array
    starts: jax.Array
    ends: jax.Array


def empty_thoughts(batch: ThoughtSpans, drop: jax.Array, *, empty_tokens: Sequence[int], pad_token: int = 0) -> ThoughtSpans:
    """Replaces thoughts by an empty one and closes the gap.

    Args:
      batch: the demonstrations.
      drop: `[B]`, true where the thought goes.
      empty_tokens: what stands for an empty thought, such as the token of two newlines; at least one.
      pad_token: >= 0, written behind the end.

    Returns:
      The demonstrations, of the same shapes, with length - (end - start) + number of empty tokens where the thought went; what
      would exceed T is cut.

    Raises:
      ValueError: a token is negative, or there is no empty token.

    Wang et al., "Think or Not? Selective Reasoning via Reinforcement Learning for Vision-Language Models", 2025, arXiv
    2505.16854.
    """
    empty = jnp.asarray(_check_empty(empty_tokens, pad_token), batch.tokens.dtype)
    capacity, size = batch.tokens.shape[1], empty.shape[0]
    drop, position = drop.astype(bool), jnp.arange(capacity)[None, :]
    starts, ends = batch.starts, jnp.where(drop, batch.starts + size, batch.ends)
    shift = jnp.where(drop, batch.ends - ends, 0)
    lengths = jnp.clip(batch.lengths - shift, 0, capacity)
    source = jnp.where(drop[:, None] & (position >= ends[:, None]), position + shift[:, None], position)
    moved = jnp.take_along_axis(batch.tokens, jnp.clip(source, 0, capacity - 1), axis=1)
    emptied = drop[:, None] & (position >= starts[:, None]) & (position < ends[:, None])
    filled = jnp.where(emptied, empty[jnp.clip(position - starts[:, None], 0, size - 1)], moved)
    tokens = jnp.where(position < lengths[:, None], filled, pad_token)
    return ThoughtSpans(tokens, lengths, jnp.minimum(starts, capacity), jnp.minimum(ends, capacity))


def _check_empty(empty_tokens: Sequence[int], pad_token: int) -> list[int]:
    checks.integer("pad_token", pad_token, least=0)
    if len(empty_tokens) == 0:
        raise ValueError("`empty_tokens` must hold at least one token, got none")
    return [checks.integer("empty_tokens", token, least=0) for token in empty_tokens]


def thought_dropout(empty_tokens: Sequence[int], *, rate: float = 0.5, pad_token: int = 0) -> BatchTransform:
    """Empties the thoughts of a random share of demonstrations, so that a policy learns the form of skipping them.

    Reinforcement learning on outcomes alone, such as `grpo` with correctness plus format as the reward, then finds out where
    skipping is safe.

    Args:
      empty_tokens: see `empty_thoughts`.
      rate: in [0, 1], probability of each demonstration, independently; 0.2 to 0.8 are usual.
      pad_token: see `empty_thoughts`.

    Returns:
      `(key, ThoughtSpans) -> ThoughtSpans`, jittable and of static shapes.

    Raises:
      ValueError: an argument is out of range.

    Wang et al., "Think or Not? Selective Reasoning via Reinforcement Learning for Vision-Language Models", 2025, arXiv
    2505.16854 (TON).
    """
    checks.between("rate", rate, 0.0, 1.0)
    _check_empty(empty_tokens, pad_token)

    def transform(key: jax.Array, batch: ThoughtSpans) -> ThoughtSpans:
        drop = jax.random.bernoulli(key, rate, batch.lengths.shape)
        return empty_thoughts(batch, drop, empty_tokens=empty_tokens, pad_token=pad_token)

    return transform
