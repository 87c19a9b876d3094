"""Span corruption: inputs with holes, targets that fill them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import BatchTransform, checks
from .control import pack_left
from .noise import check_mean_span, span_noise
from .text import Seq2SeqBatch, TokenBatch

Array = jax.Array

MODES = ("sentinels", "drop", "mask")


def hide(
    tokens: Array, mask: Array, noise: Array, mode: str = "sentinels", *, token: int | None = None, pad_token: int = 0
) -> tuple[Array, Array]:
    """Takes the noise out of texts, in one of three ways.

    * `"sentinels"`: each run of noise becomes one sentinel, V - 1, V - 2, ... in order, where `token` is V;
    * `"drop"`: noise is left out;
    * `"mask"`: each token of noise becomes `token`.

    Targets are what `hide` makes of the text with `~noise`: the runs that are kept there are those hidden here.

    Args:
      tokens: `[B, L]` integers.
      mask: `[B, L]` true on tokens, padding on the right.
      noise: `[B, L]` true on tokens to hide.
      mode: one of the three.
      token: the size of the vocabulary for `"sentinels"`, the mask's token for `"mask"`, else None.
      pad_token: written behind the texts.

    Returns:
      Tokens `[B, L]`, packed to the left, and their mask.

    Raises:
      ValueError: an unknown mode, or a token missing or out of place.

    Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2019,
    arXiv 1910.10683.
    """
    checks.option("mode", mode, MODES)
    if (token is None) != (mode == "drop"):
        raise ValueError(f'`token` must be given unless mode="drop", got {token!r} with {mode!r}')
    mask, noise = mask.astype(bool), mask.astype(bool) & noise.astype(bool)
    if mode == "mask":
        checks.integer("token", token, least=0)  # type: ignore[arg-type]
        return jnp.where(mask, jnp.where(noise, jnp.asarray(token, tokens.dtype), tokens), pad_token), mask
    if mode == "drop":
        return pack_left(tokens, mask & ~noise, pad_token=pad_token)[:2]
    size = checks.integer("token", token, least=1)  # type: ignore[arg-type]
    starts = noise & ~jnp.pad(noise, ((0, 0), (1, 0)))[:, :-1]
    sentinels = size - jnp.cumsum(starts, axis=1, dtype=tokens.dtype)
    return pack_left(jnp.where(starts, sentinels, tokens), mask & (~noise | starts), pad_token=pad_token)[:2]


def span_corruption(
    vocabulary_size: int, *, rate: float = 0.15, mean_span: float = 3.0, random_roll: bool = False, pad_token: int = 0
) -> BatchTransform:
    """Random spans of a text are replaced by sentinels in the inputs, and spelt out behind them in the targets.

    A text of L tokens with n tokens of noise in k spans becomes L - n + k inputs and n + k targets.

    Args:
      vocabulary_size: V >= 1; sentinels are V - 1, V - 2, ...
      rate: in [0, 1], share of noise.
      mean_span: >= 1, tokens.
      random_roll: see `span_noise`.
      pad_token: written behind the texts.

    Returns:
      `(key, TokenBatch) -> Seq2SeqBatch`, all `[B, L]`.

    Raises:
      ValueError: an argument is out of range.

    Source: Raffel et al., 2019, arXiv 1910.10683. No end-of-text token is added.
    """
    checks.integer("vocabulary_size", vocabulary_size, least=1)
    checks.between("rate", rate, 0.0, 1.0)
    check_mean_span(mean_span)
    checks.boolean("random_roll", random_roll)
    checks.integer("pad_token", pad_token, least=0)

    def transform(key: Array, batch: TokenBatch) -> Seq2SeqBatch:
        width = batch.tokens.shape[1]
        noise = span_noise(key, batch.lengths, width, rate=rate, mean_span=mean_span, random_roll=random_roll)
        return hidden_pair(batch.tokens, batch.mask, noise, vocabulary_size, pad_token)

    return transform


def hidden_pair(tokens: Array, mask: Array, noise: Array, vocabulary_size: int, pad_token: int) -> Seq2SeqBatch:
    """Inputs and targets of a text whose noise becomes sentinels."""
    inputs = hide(tokens, mask, noise, token=vocabulary_size, pad_token=pad_token)
    return Seq2SeqBatch(*inputs, *hide(tokens, mask, ~noise, token=vocabulary_size, pad_token=pad_token))


def span_lengths(inputs_length: int, *, rate: float = 0.15, mean_span: float = 3.0) -> tuple[int, int]:
    """How long texts must be for span corruption to fill its inputs, one end-of-text token on either side included.

    The largest L, searched upwards from inputs_length - 1, with L - n + k + 1 <= inputs_length; targets have n + k + 1. At a
    rate of one half both are shortened by 1 where the targets would be longer than the inputs.

    Args:
      inputs_length: >= 3, tokens.
      rate: in (0, 1), share of noise.
      mean_span: >= 1, tokens.

    Returns:
      L and the length of the targets.

    Raises:
      ValueError: an argument is out of range, or even the shortest text is too long for the inputs.

    Source: Raffel et al., 2019, arXiv 1910.10683.

    Example:
      >>> pretrain.span_lengths(512)
      (568, 114)
    """
    checks.integer("inputs_length", inputs_length, least=3)
    checks.between("rate", rate, 0.0, 1.0, closed="neither")
    check_mean_span(mean_span)

    def lengths(tokens: int) -> tuple[int, int]:
        noise = min(max(round(tokens * rate), 1), tokens - 1)
        spans = min(max(round(noise / mean_span), 1), tokens - noise)
        return tokens - noise + spans + 1, noise + spans + 1

    tokens = inputs_length - 1
    while lengths(tokens + 1)[0] <= inputs_length:
        tokens += 1
    fitted, targets = lengths(tokens)
    if fitted > inputs_length:
        raise ValueError(f"`inputs_length` = {inputs_length} is too short for a text with noise and its sentinels")
    if rate == 0.5 and targets > inputs_length:
        return tokens - 1, targets - 1
    return tokens, targets
