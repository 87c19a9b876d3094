"""Markers: what is known of an example, said in its prompt where one likes and always before its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import BatchTransform, checks
from .control import pack_left
from .reasoning import Piece
from .text import TokenBatch

Array = jax.Array


class MarkedText(NamedTuple):
    """Prompts with answers, and up to F markers of each, such as `<domain>Code</domain>`.

    Attributes:
      prompt: tokens and mask `[B, P]`.
      answer: tokens and mask `[B, A]`.
      markers: tokens and mask `[B, F, K]`, in a fixed order, one value a field; a field without tokens is not known.
    """

    prompt: Piece
    answer: Piece
    markers: Piece


def markers(
    begin_tokens: Sequence[int],
    end_tokens: Sequence[int],
    *,
    list_dropout: float = 0.5,
    field_dropout: float = 0.5,
    pad_token: int = 0,
) -> BatchTransform:
    """Marks texts as [prompt, [begin, some markers, end], [begin, all markers, end], answer], learned from the second list on.

    A model learns to write the markers by itself and to obey those it is given. Without dropping lists it would not learn the
    first, without dropping fields not to be given some. Lengths enter as buckets (`jnp.digitize`), scores as `group_buckets`.

    Args:
      begin_tokens: that begin a list of markers.
      end_tokens: that end it.
      list_dropout: in [0, 1], the share of examples whose prompt has no list.
      field_dropout: in [0, 1], the share of the markers left out of the other prompts; a list without any is left out too.
      pad_token: written behind the texts.

    Returns:
      `(key, MarkedText) -> TokenBatch`, of static shapes.

    Raises:
      ValueError: an argument is out of range.

    Source: D'souza et al., "Treasure Hunt: Real-time Targeting of the Long Tail using Training-Time Markers", 2025,
    arXiv 2506.14702.
    """
    begins = [checks.integer("begin_tokens", token, least=0) for token in begin_tokens]
    ends = [checks.integer("end_tokens", token, least=0) for token in end_tokens]
    checks.between("list_dropout", list_dropout, 0.0, 1.0)
    checks.between("field_dropout", field_dropout, 0.0, 1.0)
    checks.integer("pad_token", pad_token, least=0)

    def listed(fields: Piece, kept: Array) -> tuple[Array, Array]:
        """Tokens and mask of a list with the kept fields, `[B, begin + F K + end]`."""
        rows, dtype = kept.shape[0], fields.tokens.dtype
        mask = fields.mask.astype(bool) & kept[..., None]
        some = jnp.any(mask, axis=(1, 2))[:, None]
        front, back = (jnp.broadcast_to(jnp.asarray(x, dtype)[None], (rows, len(x))) for x in (begins, ends))
        tokens = jnp.concatenate([front, fields.tokens.reshape(rows, -1), back], axis=1)
        around = (jnp.broadcast_to(some, x.shape) for x in (front, back))
        return tokens, jnp.concatenate([next(around), mask.reshape(rows, -1), next(around)], axis=1)

    def transform(key: Array, batch: MarkedText) -> TokenBatch:
        list_key, field_key = jax.random.split(key)
        shape = batch.markers.mask.shape[:2]
        given = jax.random.uniform(list_key, (shape[0], 1)) >= list_dropout
        given = given & (jax.random.uniform(field_key, shape) >= field_dropout)
        pieces = (
            batch.prompt,
            listed(batch.markers, given),
            listed(batch.markers, jnp.ones(shape, bool)),
            batch.answer,
        )
        tokens = jnp.concatenate([tokens for tokens, _ in pieces], axis=1)
        mask = jnp.concatenate([mask.astype(bool) for _, mask in pieces], axis=1)
        start = pieces[0][0].shape[1] + pieces[1][0].shape[1]
        learned = mask & (jnp.arange(mask.shape[1]) >= start)[None, :]
        packed, mask, (learned,) = pack_left(tokens, mask, learned, pad_token=pad_token)
        return TokenBatch(packed, mask, packed, learned)

    return transform


def group_buckets(scores: Array, group_ids: Array, *, buckets: int = 4) -> Array:
    """In which part of its group an example's score lies: quartiles of quality within each language.

    Args:
      scores: `[N]`, all finite.
      group_ids: `[N]` integers.
      buckets: K >= 1.

    Returns:
      `[N]` int32 in 0..K - 1, floor(K rank / size of the group); of equal scores the earlier has the lower rank.

    Raises:
      ValueError: the shapes differ, or K is less than 1.

    Source: D'souza et al., 2025, arXiv 2506.14702.
    """
    checks.integer("buckets", buckets, least=1)
    if scores.ndim != 1 or scores.shape != group_ids.shape:
        raise ValueError(f"`scores` and `group_ids` must have one shape [N], got {scores.shape} and {group_ids.shape}")
    order = jnp.lexsort((scores, group_ids))
    ids, places = group_ids[order], jnp.arange(scores.shape[0], dtype=jnp.int32)
    first, behind = (jnp.searchsorted(ids, ids, side=side).astype(jnp.int32) for side in ("left", "right"))
    parts = (places - first) * buckets // jnp.maximum(behind - first, 1)
    return jnp.zeros_like(parts).at[order].set(parts)
