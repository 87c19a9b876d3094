"""Answers of models that fill gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from ..core import checks
from .control import pack_left
from .reasoning import Piece

Array = jax.Array


def sequential_prompting(
    fill_fn: Callable[[Array, Array], tuple[Array, Array]],
    prompts: Array,
    prompt_mask: Array,
    *,
    vocabulary_size: int,
    stop_tokens: Sequence[int],
    max_new_tokens: int,
    chunk: int | None = 1,
    word_starts: Array | None = None,
    num_sentinels: int = 100,
    pad_token: int = 0,
) -> Piece:
    """Makes a model of span corruption follow prompts: it fills a gap at the end, the beginning of that is kept, and again.

    The model reads [prompt, answer so far, V - 1]; of what it writes in the gap, up to the next sentinel, the first `chunk`
    tokens (or words) are appended. A row ends with a stop token, which is its last one, with an empty fill, or when it is full.

    Args:
      fill_fn: tokens and mask `[B, L]`, padding on the right -> tokens and mask `[B, F]` written after the first sentinel.
      prompts: `[B, P]` integers; answered examples in the same form may stand before the question.
      prompt_mask: `[B, P]` true on tokens.
      vocabulary_size: V; sentinels are its last tokens.
      stop_tokens: that end an answer.
      max_new_tokens: N >= 1.
      chunk: >= 1, how much of each fill is kept; None takes one fill, all of it.
      word_starts: `[V]` true on tokens that begin a word, for `chunk` to count words (1 in the paper) and not tokens.
      num_sentinels: in [1, V).
      pad_token: written behind the answers.

    Returns:
      Tokens and mask `[B, N]`, without sentinels.

    Raises:
      ValueError: an argument is out of range.

    Source: Patel et al., "Bidirectional Language Models Are Also Few-shot Learners", 2022, arXiv 2209.14500.
    """
    checks.integer("max_new_tokens", max_new_tokens, least=1)
    checks.between("num_sentinels", checks.integer("num_sentinels", num_sentinels, least=1), 1, vocabulary_size - 1)
    checks.integer("pad_token", pad_token, least=0)
    if chunk is not None:
        checks.integer("chunk", chunk, least=1)
    stops = jnp.asarray([checks.integer("stop_tokens", token, least=0) for token in stop_tokens], prompts.dtype)
    rows = prompts.shape[0]
    gap = jnp.full((rows, 1), vocabulary_size - 1, prompts.dtype)

    def advance(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        answers, mask, alive = state
        context = jnp.concatenate([prompts, answers, gap], axis=1)
        there = jnp.concatenate([prompt_mask.astype(bool), mask, jnp.ones((rows, 1), bool)], axis=1)
        fill, fill_mask = fill_fn(*pack_left(context, there, pad_token=pad_token)[:2])
        usable = fill_mask.astype(bool) & (fill < vocabulary_size - num_sentinels)
        stopping = jnp.isin(fill, stops)
        kept = _beginning(fill, usable, stopping, chunk, word_starts)
        longer = jnp.concatenate([answers, fill.astype(answers.dtype)], axis=1)
        longer_mask = jnp.concatenate([mask, kept & alive[:, None]], axis=1)
        answers, mask, _ = pack_left(longer, longer_mask, pad_token=pad_token)
        answers, mask = answers[:, :max_new_tokens], mask[:, :max_new_tokens]
        goes_on = alive & jnp.any(kept, axis=1) & ~jnp.any(kept & stopping, axis=1) & ~mask[:, -1]
        return answers, mask, goes_on & (chunk is not None)

    empty = jnp.full((rows, max_new_tokens), pad_token, prompts.dtype)
    start = (empty, jnp.zeros(empty.shape, bool), jnp.ones([rows], bool))
    answers, mask, _ = jax.lax.while_loop(lambda state: jnp.any(state[2]), advance, start)
    return Piece(answers, mask)


def _beginning(fill: Array, usable: Array, stopping: Array, chunk: int | None, word_starts: Array | None) -> Array:
    """Which tokens of a fill are kept, `[B, F]`: usable ones without a gap, up to a stop token, and `chunk` at most."""
    kept = jnp.cumsum(~usable, axis=1) == 0
    kept = kept & (jnp.cumsum(stopping, axis=1) - stopping.astype(jnp.int32) == 0)
    if chunk is None:
        return kept
    begins = jnp.ones(fill.shape, bool) if word_starts is None else jnp.asarray(word_starts, bool)[fill]
    return kept & (jnp.cumsum(begins.at[:, 0].set(True), axis=1) <= chunk)
