"""Tasks told by a description and examples, learned so that a model's outputs follow the distribution of theirs."""

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

DESCRIPTION, INPUT, OUTPUT = range(3)


class SpectrumTask(NamedTuple):
    """Tasks with up to N examples, whose outputs are draws from one distribution; what has no tokens is not there.

    Attributes:
      description: tokens and mask `[B, D]`.
      inputs: tokens and mask `[B, N, I]`, what an output depends on.
      outputs: tokens and mask `[B, N, O]`.
    """

    description: Piece
    inputs: Piece
    outputs: Piece


def trained_messages(roles: Array) -> Array:
    """Which messages are learned: outputs, but not the first one without a description before it, which nobody could know.

    Args:
      roles: `[..., M]` integers: 0 description, 1 input, 2 output, others for no message.

    Returns:
      `[..., M]` bool.

    Source: Sorensen et al., "Spectrum Tuning: Post-Training for Distributional Coverage and In-Context Steerability", 2025,
    arXiv 2510.06084.
    """
    outputs = roles == OUTPUT
    described = jnp.cumsum(roles == DESCRIPTION, axis=-1) > 0
    return outputs & (described | (jnp.cumsum(outputs, axis=-1) > 1))


def spectrum(
    headers: Sequence[Sequence[int]],
    end_token: int,
    *,
    separator: Sequence[int] = (),
    drop_description: float = 0.0,
    width: int | None = None,
    pad_token: int = 0,
) -> BatchTransform:
    """Lays tasks out as conversations [header, text, end, separator]*, a description first, then examples in random order.

    Learned are the texts of outputs and the end after each, see `trained_messages`.

    Args:
      headers: three sequences of tokens, those that begin a description, an input and an output.
      end_token: ends a message.
      separator: tokens between messages, never learned.
      drop_description: in [0, 1], the share of descriptions left out.
      width: >= 1, to which texts are cut at their end (1024 in the paper); left out, all fits.
      pad_token: written behind the texts.

    Returns:
      `(key, SpectrumTask) -> TokenBatch`, of static shapes.

    Raises:
      ValueError: an argument is out of range.

    Source: Sorensen et al., 2025, arXiv 2510.06084.
    """
    if len(headers) != 3:
        raise ValueError(f"`headers` must be three sequences of tokens, got {headers!r}")
    begins = [[checks.integer("headers", token, least=0) for token in header] for header in headers]
    ends = [checks.integer("end_token", end_token, least=0), *(checks.integer("separator", x, least=0) for x in separator)]
    checks.between("drop_description", drop_description, 0.0, 1.0)
    if width is not None:
        checks.integer("width", width, least=1)
    checks.integer("pad_token", pad_token, least=0)

    def transform(key: Array, task: SpectrumTask) -> TokenBatch:
        order_key, drop_key = jax.random.split(key)
        rows, count = task.outputs.tokens.shape[:2]
        order = jnp.argsort(jax.random.uniform(order_key, (rows, count)), axis=1)[..., None]
        inputs, outputs = (Piece(*(_reordered(x, order) for x in piece)) for piece in (task.inputs, task.outputs))
        kept = jax.random.uniform(drop_key, (rows,)) >= drop_description
        described = jnp.any(task.description.mask, axis=-1) & kept
        answered = jnp.any(outputs.mask, axis=-1)
        asked = jnp.any(inputs.mask, axis=-1) & answered
        roles = jnp.concatenate([jnp.where(described, DESCRIPTION, -1)[:, None], jnp.where(answered, OUTPUT, -1)], axis=1)
        trained = trained_messages(roles)
        first = _message(task.description, begins[DESCRIPTION], ends, described, trained[:, 0])
        question = _message(inputs, begins[INPUT], ends, asked, jnp.zeros_like(asked))
        examples = zip(question, _message(outputs, begins[OUTPUT], ends, answered, trained[:, 1:]), strict=True)
        turns = (jnp.concatenate(pair, axis=2).reshape(rows, -1) for pair in examples)
        tokens, mask, learned = (jnp.concatenate(pair, axis=1) for pair in zip(first, turns, strict=True))
        packed, mask, (learned,) = pack_left(tokens, mask, learned, pad_token=pad_token)
        packed, mask, learned = packed[:, :width], mask[:, :width], learned[:, :width]
        return TokenBatch(packed, mask, packed, learned)

    return transform


def _reordered(x: Array, order: Array) -> Array:
    return jnp.take_along_axis(x, order, axis=1)


def _message(piece: Piece, begins: list[int], ends: list[int], present: Array, trained: Array) -> tuple[Array, Array, Array]:
    """Messages [begins, text, ends], of which text and first end are learned: tokens, mask and what is learned, `[..., W]`."""
    lead, dtype = present.shape, piece.tokens.dtype
    front, back = (jnp.broadcast_to(jnp.asarray(x, dtype), (*lead, len(x))) for x in (begins, ends))
    tokens = jnp.concatenate([front, piece.tokens, back], axis=-1)
    around = (jnp.broadcast_to(present[..., None], x.shape) for x in (front, back))
    mask = jnp.concatenate([next(around), piece.mask.astype(bool) & present[..., None], next(around)], axis=-1)
    places = jnp.arange(tokens.shape[-1])
    target = (places >= len(begins)) & (places <= len(begins) + piece.tokens.shape[-1])
    return tokens, mask, mask & trained[..., None] & jnp.broadcast_to(target, mask.shape)
