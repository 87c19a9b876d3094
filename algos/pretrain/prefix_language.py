"""Texts as something to read and something to write, for decoders with a prefix and for encoders with a decoder."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import BatchTransform, checks
from .control import pack_left
from .denoising import hide
from .noise import prefix_noise
from .terms import Terms
from .text import Seq2SeqBatch, TokenBatch

Array = jax.Array


class DecoderInputs(NamedTuple):
    """What a decoder reads of inputs followed by targets.

    A `models.Transformer` reads the prefix both ways with `models.decoder_mask(mask, prefix)` for its `attention_mask`.

    Attributes:
      tokens: `[B, T]` integers.
      mask: `[B, T]` true on tokens.
      prefix: `[B, T]` true on inputs, which a non-causal decoder reads both ways; a causal one ignores it.
    """

    tokens: Array
    mask: Array
    prefix: Array


class EncoderDecoderInputs(NamedTuple):
    """What an encoder and its decoder read, in the order in which `models.EncoderDecoder` takes it.

    Attributes:
      source: `[B, S]` integers, for the encoder.
      targets: `[B, T]` integers, for the decoder: the targets one place later, behind the token that starts them.
      source_mask: `[B, S]` true on tokens.
      target_mask: `[B, T]` true on tokens.
      source_segments: `[B, S]` integers, or None; see `Seq2SeqBatch`.
      target_segments: `[B, T]` integers, or None.
    """

    source: Array
    targets: Array
    source_mask: Array
    target_mask: Array
    source_segments: Array | None = None
    target_segments: Array | None = None


def split_text(batch: TokenBatch, prefix: Array, *, pad_token: int = 0) -> Seq2SeqBatch:
    """Cuts texts into what is read and what is written; with nothing read it is ordinary language modelling.

    Args:
      batch: texts `[B, L]`; its `learned` is not read, all that is written counts.
      prefix: `[B, L]` true on what is read.
      pad_token: written behind the texts.

    Returns:
      A `Seq2SeqBatch`, `[B, L]` both.
    """
    inputs = hide(batch.tokens, batch.mask, ~prefix.astype(bool), "drop", pad_token=pad_token)
    return Seq2SeqBatch(*inputs, *hide(batch.tokens, batch.mask, prefix, "drop", pad_token=pad_token))


def prefix_language(*, rate: float = 0.5, pad_token: int = 0) -> BatchTransform:
    """Prefix language modelling: a beginning of random length is read, the rest is written.

    Args:
      rate: in [0, 0.5], see `prefix_noise`; 0.5 makes all cuts equally likely.
      pad_token: written behind the texts.

    Returns:
      `(key, TokenBatch) -> Seq2SeqBatch`, `[B, L]` both.

    Raises:
      ValueError: an argument is out of range.

    Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2019,
    arXiv 1910.10683.
    """
    checks.between("rate", rate, 0.0, 0.5)
    checks.integer("pad_token", pad_token, least=0)

    def transform(key: Array, batch: TokenBatch) -> Seq2SeqBatch:
        prefix = prefix_noise(key, batch.lengths, batch.tokens.shape[1], rate=rate)
        return split_text(batch, prefix, pad_token=pad_token)

    return transform


def packed_prefix_language(*, pad_token: int = 0) -> BatchTransform:
    """Prefix language modelling for an encoder-decoder, two texts a row, so that both sides have the texts' length.

    With texts of L tokens the first is cut at s, uniform on {1, ..., L - 1}, the second at L - s: the encoder reads s + (L - s)
    tokens and the decoder writes as many.

    Args:
      pad_token: written behind the texts.

    Returns:
      `(key, (first, second)) -> Seq2SeqBatch` of two `TokenBatch` `[B, L]`; `[B, L]` both, with segments 1 and 2, 0 on padding.

    Raises:
      ValueError: the pad token is negative, or the texts differ in width.

    Source: Wang et al., "What Language Model Architecture and Pretraining Objective Work Best for Zero-Shot Generalization?",
    2022, arXiv 2204.05832.
    """
    checks.integer("pad_token", pad_token, least=0)

    def transform(key: Array, batch: tuple[TokenBatch, TokenBatch]) -> Seq2SeqBatch:
        first, second = batch
        rows, width = first.tokens.shape
        if second.tokens.shape != first.tokens.shape:
            raise ValueError(f"`batch` must hold texts of one shape, got {first.tokens.shape} and {second.tokens.shape}")
        cut = jax.random.randint(key, (rows, 1), 1, width)
        positions = jnp.arange(width, dtype=cut.dtype)[None, :]
        read = jnp.concatenate([positions < cut, positions < width - cut], axis=1)
        tokens = jnp.concatenate([first.tokens, second.tokens], axis=1)
        there = jnp.concatenate([first.mask, second.mask], axis=1).astype(bool)
        of_second = jnp.broadcast_to(jnp.arange(2 * width)[None, :] >= width, tokens.shape)
        sides = []
        for kept in (there & read, there & ~read):
            packed, mask, (later,) = pack_left(tokens, kept, of_second, pad_token=pad_token)
            segments = jnp.where(mask, 1 + later.astype(jnp.int32), 0)
            sides.append((packed[:, :width], mask[:, :width], segments[:, :width]))
        (inputs, inputs_mask, inputs_segments), (targets, targets_mask, targets_segments) = sides
        return Seq2SeqBatch(inputs, inputs_mask, targets, targets_mask, inputs_segments, targets_segments)

    return transform


def decoder_terms(batch: Seq2SeqBatch, *, pad_token: int = 0) -> Terms:
    """What a decoder learns of inputs and targets: each target, from the inputs and the targets before it.

    Args:
      batch: inputs `[B, I]` and targets `[B, J]`, one text a row.
      pad_token: written behind the texts.

    Returns:
      `Terms` with `DecoderInputs`, tokens and mask `[B, I + J - 1]`. A row without inputs does not learn its first target.

    Raises:
      ValueError: the rows are packed.

    Source: Wang et al., 2022, arXiv 2204.05832. Where inputs begin with a token of their own, as in released code, the prefix
    covers one place more.
    """
    if batch.inputs_segments is not None:
        raise ValueError("`batch` must have one text a row, got packed ones: take encoder_decoder_terms")
    tokens = jnp.concatenate([batch.inputs, batch.targets.astype(batch.inputs.dtype)], axis=1)
    mask = jnp.concatenate([batch.inputs_mask, batch.targets_mask], axis=1).astype(bool)
    written = jnp.broadcast_to(jnp.arange(mask.shape[1])[None, :] >= batch.inputs.shape[1], mask.shape)
    tokens, mask, (written,) = pack_left(tokens, mask, written, pad_token=pad_token)
    inputs = DecoderInputs(tokens[:, :-1], mask[:, :-1], (mask & ~written)[:, :-1])
    return Terms(inputs=inputs, tokens=tokens[:, 1:], mask=written[:, 1:])


def encoder_decoder_terms(batch: Seq2SeqBatch, *, start_token: int = 0) -> Terms:
    """What an encoder-decoder learns of inputs and targets: each target, from all inputs and the targets before it.

    Args:
      batch: inputs `[B, I]` and targets `[B, J]`.
      start_token: read by the decoder in place of the token before the first, of each packed text.

    Returns:
      `Terms` with `EncoderDecoderInputs`, source_mask `[B, I]`, tokens and mask `[B, J]`.

    Raises:
      ValueError: the start token is negative.

    Source: Raffel et al., 2019, arXiv 1910.10683.
    """
    checks.integer("start_token", start_token, least=0)
    begins = jnp.full((batch.targets.shape[0], 1), start_token, batch.targets.dtype)
    targets = jnp.concatenate([begins, batch.targets[:, :-1]], axis=1)
    if batch.targets_segments is not None:
        new = jnp.diff(batch.targets_segments, axis=1, prepend=batch.targets_segments[:, :1]) != 0
        targets = jnp.where(new, begins, targets)
    inputs = EncoderDecoderInputs(
        batch.inputs, targets, batch.inputs_mask, batch.targets_mask, batch.inputs_segments, batch.targets_segments
    )
    return Terms(inputs=inputs, source_mask=batch.inputs_mask, tokens=batch.targets, mask=batch.targets_mask)
