"""A mixture of denoisers, and a token that tells which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import BatchTransform, checks
from .denoising import hidden_pair, span_lengths
from .mixtures import mixture
from .noise import check_mean_span, prefix_noise, span_noise, suffix_noise
from .prefix_language import split_text
from .text import Seq2SeqBatch, TokenBatch

Array = jax.Array

MODES = ("regular", "extreme", "sequential")


class Denoiser(NamedTuple):
    """A way to take tokens out of a text.

    Attributes:
      mean_span: >= 1, tokens in a span of noise; None for one span at the end, the targets being the text itself.
      rate: in (0, 1), share of noise.
      mode: `"regular"`, `"extreme"` (long spans or much noise) or `"sequential"` (the end of the text).
    """

    mean_span: float | None
    rate: float
    mode: str


DENOISERS = (
    Denoiser(3.0, 0.15, "regular"),
    Denoiser(8.0, 0.15, "regular"),
    Denoiser(3.0, 0.5, "extreme"),
    Denoiser(8.0, 0.5, "extreme"),
    Denoiser(64.0, 0.15, "extreme"),
    Denoiser(64.0, 0.5, "extreme"),
    Denoiser(None, 0.25, "sequential"),
)


def ul2(
    vocabulary_size: int,
    mode_tokens: tuple[int, int, int] | None = None,
    *,
    denoisers: Sequence[Denoiser] = DENOISERS,
    rates: Sequence[float] | None = None,
    uniform_prefix: bool = False,
    inputs_length: int | None = None,
    pad_token: int = 0,
) -> BatchTransform:
    """Mixture of denoisers: each text is corrupted by one of several, and its inputs begin with the token of its mode.

    The result suits an encoder-decoder (`encoder_decoder_terms`) and a decoder with a prefix (`decoder_terms`). At fine-tuning
    put the token of the mode wanted before the inputs.

    Args:
      vocabulary_size: V >= 1; sentinels are V - 1, V - 2, ...
      mode_tokens: of the regular, the extreme and the sequential mode, all different; None for none.
      denoisers: at least one; left out, the paper's seven.
      rates: how often each is drawn, >= 0 and not all 0; left out, all alike. (0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.2) is common.
      uniform_prefix: whether sequential denoisers cut anywhere with equal probability, as in the function that the paper
        prints, where its table has a quarter of the text at the end.
      inputs_length: >= 4: texts are cut for each denoiser so that its inputs, its mode's token and one end-of-text token fit;
        None takes texts whole.
      pad_token: written behind the texts.

    Returns:
      `(key, TokenBatch [B, L]) -> Seq2SeqBatch`: inputs `[B, L + 1]`, `[B, L]` without mode tokens, at most `inputs_length`
      wide; targets `[B, L]`.

    Raises:
      ValueError: an argument is out of range.

    Source: Tay et al., "UL2: Unifying Language Learning Paradigms", 2022, arXiv 2205.05131.
    """
    checks.integer("vocabulary_size", vocabulary_size, least=1)
    tokens = None if mode_tokens is None else [checks.integer("mode_tokens", token, least=0) for token in mode_tokens]
    if tokens is not None and (len(tokens) != 3 or len(set(tokens)) != 3):
        raise ValueError(f"`mode_tokens` must be three different tokens, got {mode_tokens}")
    checks.boolean("uniform_prefix", uniform_prefix)
    if inputs_length is not None:
        checks.integer("inputs_length", inputs_length, least=4)
    checks.integer("pad_token", pad_token, least=0)
    if not denoisers:
        raise ValueError("`denoisers` must be at least one, got none")
    for denoiser in denoisers:
        _check(denoiser)

    def denoise(denoiser: Denoiser) -> BatchTransform:
        room = None if inputs_length is None else inputs_length - (tokens is not None)

        def transform(key: Array, batch: TokenBatch) -> Seq2SeqBatch:
            width = batch.tokens.shape[1]
            if room is not None:
                longest = _longest(denoiser, room, uniform_prefix)
                batch = batch._replace(mask=batch.mask.astype(bool) & (jnp.arange(width) < longest)[None, :])
            if denoiser.mean_span is not None:
                noise = span_noise(key, batch.lengths, width, rate=denoiser.rate, mean_span=denoiser.mean_span)
                result = hidden_pair(batch.tokens, batch.mask, noise, vocabulary_size, pad_token)
            else:
                if uniform_prefix:
                    prefix = prefix_noise(key, batch.lengths, width)
                else:
                    prefix = ~suffix_noise(batch.lengths, width, rate=denoiser.rate)
                result = split_text(batch, prefix, pad_token=pad_token)
            result = result if tokens is None else _marked(result, tokens[MODES.index(denoiser.mode)])
            return result._replace(inputs=result.inputs[:, :inputs_length], inputs_mask=result.inputs_mask[:, :inputs_length])

        return transform

    shares = [1.0] * len(denoisers) if rates is None else rates
    return mixture([denoise(denoiser) for denoiser in denoisers], shares)


def _check(denoiser: Denoiser) -> None:
    if denoiser.mean_span is not None:
        check_mean_span(denoiser.mean_span)
    checks.between("rate", denoiser.rate, 0.0, 1.0, closed="neither")
    checks.option("mode", denoiser.mode, MODES)


def _longest(denoiser: Denoiser, room: int, uniform_prefix: bool) -> int:
    """How long texts may be for their inputs and an end-of-text token to fit."""
    if denoiser.mean_span is not None:
        return span_lengths(room, rate=denoiser.rate, mean_span=denoiser.mean_span)[0]
    if uniform_prefix:
        return room
    length = room
    while length + 1 - min(max(round((length + 1) * denoiser.rate), 1), length) + 1 <= room:
        length += 1
    return length


def _marked(batch: Seq2SeqBatch, token: int) -> Seq2SeqBatch:
    """The batch with a token before its inputs."""
    front = jnp.full((batch.inputs.shape[0], 1), token, batch.inputs.dtype)
    inputs = jnp.concatenate([front, batch.inputs], axis=1)
    return batch._replace(inputs=inputs, inputs_mask=jnp.concatenate([jnp.ones(front.shape, bool), batch.inputs_mask], axis=1))
