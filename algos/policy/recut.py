"""Cutting responses at an uncertain token, so that new continuations branch off there."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import BatchTransform, checks


def critical_positions(
    entropies: jax.Array,
    tokens: jax.Array,
    invalid_tokens: jax.Array,
    mask: jax.Array | None = None,
    *,
    top_k: int = 20,
) -> jax.Array:
    """Marks the valid positions of largest entropy in each response; of equal ones the earlier.

    Valid is every position but the first, masked ones and those of invalid tokens.

    Args:
      entropies: `[B, T]` in nats, of the policy at temperature 1.
      tokens: `[B, T]` integers.
      invalid_tokens: `[I]` integers: special tokens, and those whose text is no longer than one character.
      mask: `[B, T]` true on the response; None takes every position.
      top_k: >= 1, the most positions to mark in a response.

    Returns:
      `[B, T]` bool; fewer than top_k where fewer are valid.

    Raises:
      ValueError: top_k is below 1.

    Li et al., "CURE: Critical-Token-Guided Re-Concatenation for Entropy-Collapse Prevention", 2025, arXiv 2508.11016. Released
    code ranks padding too, with entropy 0: leave out `mask` for that.
    """
    checks.integer("top_k", top_k, least=1)
    invalid = jnp.any(tokens[..., None] == jnp.asarray(invalid_tokens, tokens.dtype)[None, None, :], axis=-1)
    valid = ~invalid & (jnp.arange(tokens.shape[1]) > 0)[None, :]
    if mask is not None:
        valid = valid & jnp.asarray(mask, bool)
    order = jnp.argsort(jnp.where(valid, -entropies, jnp.inf), axis=1)
    return valid & (jnp.argsort(order, axis=1) < top_k)


class Rollouts(NamedTuple):
    """First-round responses to cut.

    Attributes:
      prompts: `[B, P]` integers.
      prompt_mask: `[B, P]` true on the prompt's tokens.
      responses: `[B, T]` integers.
      response_mask: `[B, T]` true on the response's tokens.
      entropies: `[B, T]` of the policy that sampled, in nats.
      group_ids: `[B]` integers; responses to one prompt share an id.
    """

    prompts: jax.Array
    prompt_mask: jax.Array
    responses: jax.Array
    response_mask: jax.Array
    entropies: jax.Array
    group_ids: jax.Array


class RecutPrompts(NamedTuple):
    """Prompts to continue, `branches` in a row for each response that was cut.

    Attributes:
      prompts: `[B * branches, P]` integers, on the right edge.
      prompt_mask: `[B * branches, P]` true on tokens.
      group_ids: `[B * branches]` the original prompts' ids.
      cuts: `[B * branches]` how many positions of the response went into the prompt.
    """

    prompts: jax.Array
    prompt_mask: jax.Array
    group_ids: jax.Array
    cuts: jax.Array


def _left_padded(tokens: jax.Array, keep: jax.Array, width: int, pad_token: int) -> tuple[jax.Array, jax.Array]:
    """The last `width` kept tokens of each row, in order and moved to the right edge, and their mask."""
    order = jnp.argsort(keep, axis=1)[:, -width:]  # stable: the others first, the kept ones after them as they were
    kept = jnp.take_along_axis(keep, order, axis=1)
    return jnp.where(kept, jnp.take_along_axis(tokens, order, axis=1), pad_token), kept


def recut(invalid_tokens: jax.Array, *, top_k: int = 20, branches: int = 3, pad_token: int = 0) -> BatchTransform:
    """Makes new prompts of old ones: each with its response up to a random critical position, which is left out.

    The position is drawn uniformly from `critical_positions`; without any, nothing of the response is taken. All branches of
    a response share its cut. The reused prefix is part of the prompt, so the continuation's mask leaves it out by itself.
    Prompt and prefix are shortened from the left to the prompts' width P.

    The two rounds together are one batch for `dapo(max_length=2596, buffer=512)`: the advantages compare all rows with the same
    group id. The paper's second stage is that objective without branches.

    Args:
      invalid_tokens: `[I]` integers at which no cut is made, see `critical_positions`.
      top_k: >= 1, candidates in a response.
      branches: >= 0, continuations of each cut.
      pad_token: written where `prompt_mask` is false.

    Returns:
      `(key, Rollouts) -> RecutPrompts`, jittable and of static shapes.

    Raises:
      ValueError: an argument is out of range.

    Li et al., "CURE: Critical-Token-Guided Re-Concatenation for Entropy-Collapse Prevention", 2025, arXiv 2508.11016.
    """
    checks.integer("top_k", top_k, least=1)
    checks.integer("branches", branches, least=0)
    checks.integer("pad_token", pad_token, least=0)

    def transform(key: jax.Array, batch: Rollouts) -> RecutPrompts:
        prompt_mask, response_mask = batch.prompt_mask.astype(bool), batch.response_mask.astype(bool)
        candidates = critical_positions(batch.entropies, batch.responses, invalid_tokens, response_mask, top_k=top_k)
        drawn = jax.random.categorical(key, jnp.where(candidates, 0.0, -1e9), axis=1)
        cuts = jnp.where(jnp.any(candidates, axis=1), drawn, 0)
        prefix = response_mask & (jnp.arange(response_mask.shape[1])[None, :] < cuts[:, None])
        tokens = jnp.concatenate([batch.prompts, batch.responses.astype(batch.prompts.dtype)], axis=1)
        keep = jnp.concatenate([prompt_mask, prefix], axis=1)
        prompts, kept = _left_padded(tokens, keep, batch.prompts.shape[1], pad_token)
        once = RecutPrompts(prompts, kept, batch.group_ids, cuts)
        return jax.tree.map(lambda x: jnp.repeat(x, branches, axis=0), once)

    return transform
