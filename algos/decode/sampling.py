"""Sampling of continuations with a cache."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks
from . import logits as logits_transforms

Cache = Any
Params = Any


class Decoder(NamedTuple):
    """The two functions a sampler drives a model by; any pair of such functions will do.

    Attributes:
        init_cache: `(batch_size, length) -> cache`: an empty cache with room for `length` tokens, a pytree of static
            shape.
        step: `(params, tokens [B, T], mask [B, T] bool, cache) -> (logits [B, V], cache)`: appends tokens and returns
            the logits of the token after the last one. Where `mask` is False a token must not be seen by later ones.
    """

    init_cache: Callable[[int, int], Cache]
    step: Callable[[Params, jax.Array, jax.Array, Cache], tuple[jax.Array, Cache]]


class Samples(NamedTuple):
    """Sampled continuations.

    Attributes:
        tokens: `[B, N]` int32; after a stop token, the padding token.
        mask: `[B, N]` bool, True up to and including the stop token.
        log_probs: `[B, N]` float32 log-probabilities of the tokens under the distribution they were drawn from, that is
            after temperature and transform; 0 where `mask` is False, and for greedy tokens, which are certain.
        lengths: `[B]` int32 number of True entries of `mask`.
    """

    tokens: jax.Array
    mask: jax.Array
    log_probs: jax.Array
    lengths: jax.Array


def sample(
    decoder: tuple[Callable, Callable],
    params: Params,
    prompts: jax.Array,
    prompt_mask: jax.Array,
    key: jax.Array,
    *,
    max_new_tokens: int,
    temperature: float | jax.Array = 1.0,
    stop_token: int | None = None,
    pad_token: int = 0,
    logits_transform: logits_transforms.LogitsTransform | None = None,
) -> Samples:
    """Draws one continuation for each prompt.

    The prompt is processed once, then one token a step for `max_new_tokens - 1` steps of a `lax.scan`. A loop that ends
    when every row has stopped would have to select the whole cache at every step under `vmap` over seeds, and has no
    reverse-mode derivative; a scan has neither trouble, at the price of computing padding for rows that have stopped.

    Args:
        decoder: `Decoder` or a pair of the same functions, such as `algax.models.decoder(module)`.
        params: handed to `decoder.step`.
        prompts: `[B, P]` integers, padded on the left.
        prompt_mask: `[B, P]`, nonzero at real tokens; the last column must be real.
        key: typed key; draw i uses `fold_in(key, i)`, so a longer run begins with the shorter one.
        max_new_tokens: number N of tokens, at least 1.
        temperature: scalar of at least 0, applied before `logits_transform`; 0 takes the arg-max. It may be traced.
        stop_token: token in [0, V) after which a row holds padding; None never stops.
        pad_token: token in [0, V) that follows the stop token.
        logits_transform: maps `[B, V]` float32 logits to the same shape, for example `top_p(0.9)`; None keeps them.

    Returns:
        `Samples`.

    Raises:
        TypeError: `prompts` or an integer argument is not of integers.
        ValueError: a shape is wrong, or `max_new_tokens`, `temperature`, `stop_token` or `pad_token` is out of bounds.
    """
    _check(prompts, prompt_mask, max_new_tokens)
    init_cache, step = decoder
    transform = logits_transforms.chain_logits(
        logits_transforms.temperature(temperature), *([] if logits_transform is None else [logits_transform])
    )
    batch_size, prompt_length = prompts.shape

    def draw(index: jax.Array | int, logits: jax.Array, alive: jax.Array) -> tuple[jax.Array, ...]:
        log_probs = jax.nn.log_softmax(transform(logits), axis=-1)
        drawn = jax.random.categorical(jax.random.fold_in(key, index), log_probs, axis=-1).astype(jnp.int32)
        drawn_log_probs = jnp.take_along_axis(log_probs, drawn[:, None], axis=-1)[:, 0]
        tokens = jnp.where(alive, drawn, jnp.int32(pad_token))
        return tokens, alive, jnp.where(alive, drawn_log_probs, 0.0)

    def advance(carry: tuple, index: jax.Array) -> tuple[tuple, tuple]:
        tokens, alive, cache = carry
        logits, cache = step(params, tokens[:, None], alive[:, None], cache)
        if stop_token is not None:
            alive = alive & (tokens != stop_token)
        drawn = draw(index, logits, alive)
        return (drawn[0], alive, cache), drawn

    cache = init_cache(batch_size, prompt_length + max_new_tokens - 1)
    logits, cache = step(params, prompts, prompt_mask.astype(bool), cache)
    _check_tokens(logits.shape[-1], stop_token=stop_token, pad_token=pad_token)
    first = draw(0, logits, jnp.ones(batch_size, bool))
    _, rest = jax.lax.scan(advance, (first[0], first[1], cache), jnp.arange(1, max_new_tokens))
    tokens, mask, log_probs = (jnp.concatenate([head[:, None], tail.T], axis=1) for head, tail in zip(first, rest, strict=True))
    return Samples(tokens, mask, log_probs, jnp.sum(mask, axis=-1, dtype=jnp.int32))


def _check(prompts: jax.Array, prompt_mask: jax.Array, max_new_tokens: int) -> None:
    if prompts.ndim != 2 or prompts.shape[1] < 1:
        raise ValueError(f"`prompts` must have shape [B, P] with P at least 1, got {prompts.shape}")
    if not jnp.issubdtype(prompts.dtype, jnp.integer):
        raise TypeError(f"`prompts` must be integers, got {prompts.dtype}")
    if prompt_mask.shape != prompts.shape:
        raise ValueError(f"`prompt_mask` must have the shape of `prompts`, {prompts.shape}, got {prompt_mask.shape}")
    checks.integer("max_new_tokens", max_new_tokens, least=1)


def _check_tokens(vocabulary_size: int, **tokens: int | None) -> None:
    for name, token in tokens.items():
        if token is not None and checks.integer(name, token, least=0) >= vocabulary_size:
            raise ValueError(f"`{name}` must be below the number of logits, {vocabulary_size}, got {token}")
