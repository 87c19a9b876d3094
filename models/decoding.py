"""The pairs of functions that a sampler drives a model by."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .cache import Cache, init_cache
from .encoder_decoder import EncoderDecoder, EncoderDecoderCache
from .transformer import Transformer


class Decoder(NamedTuple):
    """`init_cache(batch_size, length) -> cache` and `step(params, tokens, mask, cache) -> (next logits, cache)`."""

    init_cache: Callable[[int, int], Any]
    step: Callable[[Any, jax.Array, jax.Array, Any], tuple[jax.Array, Any]]


def decoder(module: Transformer, *, prefix: bool = False) -> Decoder:
    """Returns the functions by which `algax.decode.sample` drives `module`.

    Args:
        module: a Transformer; its parameters are an argument of `step`.
        prefix: whether the tokens of one step, which are those of the prompt, see each other both ways.

    Returns:
        The pair; `step` takes `[B, T]` tokens and mask and returns the `[B, V]` logits after the last token.
    """

    def step(params: Any, tokens: jax.Array, mask: jax.Array, cache: Cache) -> tuple[jax.Array, Cache]:
        # Slots not filled yet hold no real tokens, which nobody sees.
        seen = jnp.ones((*tokens.shape, cache.mask.shape[1]), bool) if prefix else None
        result: Any = module.apply(params, tokens, mask, cache, seen, method="next_logits")
        return result

    return Decoder(lambda batch_size, length: init_cache(module.config, batch_size, length), step)


def conditional_decoder(
    module: EncoderDecoder, params: Any, source: jax.Array, source_mask: jax.Array | None = None
) -> Decoder:
    """Returns the functions by which `algax.decode.sample` drives `module` on a source; prompts are the starting token.

    Args:
        module: an EncoderDecoder.
        params: its parameters, by which the source is read when the cache is made.
        source: `[B, S]` integers.
        source_mask: `[B, S]`, nonzero at real tokens; None means all are.

    Returns:
        The pair; B is the number of prompts too.
    """

    def start(batch_size: int, length: int) -> EncoderDecoderCache:
        if batch_size != source.shape[0]:
            raise ValueError(f"`source` must have a row a prompt, {batch_size}, got {source.shape[0]}")
        cache: Any = module.apply(params, source, source_mask, length, method="start")
        return cache

    def step(
        params: Any, tokens: jax.Array, mask: jax.Array, cache: EncoderDecoderCache
    ) -> tuple[jax.Array, EncoderDecoderCache]:
        result: Any = module.apply(params, tokens, mask, cache, method="next_logits")
        return result

    return Decoder(start, step)
