"""The pair of functions that a sampler drives a Transformer by."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from .cache import Cache, init_cache
from .transformer import Transformer


class Decoder(NamedTuple):
    """`init_cache(batch_size, length) -> cache` and `step(params, tokens, mask, cache) -> (next logits, cache)`."""

    init_cache: Callable[[int, int], Cache]
    step: Callable[[Any, jax.Array, jax.Array, Cache], tuple[jax.Array, Cache]]


def decoder(module: Transformer) -> Decoder:
    """Returns the functions by which `algax.decode.sample` drives `module`.

    Args:
        module: a Transformer; its parameters are an argument of `step`.

    Returns:
        The pair; `step` takes `[B, T]` tokens and mask and returns the `[B, V]` logits after the last token.
    """

    def step(params: Any, tokens: jax.Array, mask: jax.Array, cache: Cache) -> tuple[jax.Array, Cache]:
        result: Any = module.apply(params, tokens, mask, cache, method="next_logits")
        return result

    return Decoder(lambda batch_size, length: init_cache(module.config, batch_size, length), step)
