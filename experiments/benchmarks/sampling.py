"""`decode.sample` against recomputing the whole row for every token, and against a Python loop over the cached step."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from algax import decode, models
from algax.experiments.benchmarks.measure import Row, fastest

VOCABULARY = 512
NUM_HEADS = 4


def draw(logits: jax.Array, key: jax.Array, index: jax.Array | int) -> jax.Array:
    """The `index`-th tokens `[B]` by the rule of `decode.sample`, so that equal logits give equal tokens."""
    return jax.random.categorical(jax.random.fold_in(key, index), jax.nn.log_softmax(logits)).astype(jnp.int32)


def cached(model: models.Transformer, new_tokens: int) -> Callable:
    """The library's way: one compiled program with a cache."""

    def run(params, prompts, key):
        mask = jnp.ones(prompts.shape, bool)
        return decode.sample(models.decoder(model), params, prompts, mask, key, max_new_tokens=new_tokens).tokens

    return jax.jit(run)


def recomputing(model: models.Transformer, new_tokens: int) -> Callable:
    """One compiled program without a cache: for every token the model sees the whole row, padded to its final length."""

    def run(params, prompts, key):
        length = prompts.shape[1]

        def step(tokens, index):
            # Attention is causal, so the padding on the right is never seen.
            logits = model.apply(params, tokens)
            last = jax.lax.dynamic_index_in_dim(logits, length + index - 1, axis=1, keepdims=False)
            drawn = draw(last, key, index)
            return jax.lax.dynamic_update_slice_in_dim(tokens, drawn[:, None], length + index, axis=1), None

        tokens, _ = jax.lax.scan(step, jnp.pad(prompts, ((0, 0), (0, new_tokens))), jnp.arange(new_tokens))
        return tokens[:, length:]

    return jax.jit(run)


def looping(model: models.Transformer, new_tokens: int) -> Callable:
    """The same cached step, compiled by itself and called from Python; the cache is updated in place."""
    init_cache, step = models.decoder(model)

    @functools.partial(jax.jit, donate_argnames="cache")
    def advance(params, tokens, cache, key, index):
        logits, cache = step(params, tokens, jnp.ones(tokens.shape, bool), cache)
        return draw(logits, key, index), cache

    def run(params, prompts, key):
        tokens, drawn = prompts, []
        cache = init_cache(prompts.shape[0], prompts.shape[1] + new_tokens - 1)
        for index in range(new_tokens):
            row, cache = advance(params, tokens, cache, key, index)
            tokens = row[:, None]
            drawn.append(tokens)
        return jnp.concatenate(drawn, axis=1)

    return run


def rows(
    batch_size: int = 16,
    prompt_length: int = 32,
    new_tokens: int = 96,
    hidden_size: int = 128,
    num_layers: int = 2,
    rounds: int = 3,
) -> list[Row]:
    """Tokens a second of the three ways, which draw the same tokens.

    Raises:
        ValueError: if they do not.
    """
    length = prompt_length + new_tokens
    config = models.TransformerConfig(
        vocabulary_size=VOCABULARY, hidden_size=hidden_size, num_layers=num_layers, num_heads=NUM_HEADS, max_length=length
    )
    model = models.Transformer(config)
    init_key, prompt_key, key = jax.random.split(jax.random.key(0), 3)
    prompts = jax.random.randint(prompt_key, (batch_size, prompt_length), 0, VOCABULARY)
    arguments = jax.jit(model.init)(init_key, prompts), prompts, key
    ways = {"cached": cached, "recomputing": recomputing, "looping": looping}
    programs = {name: way(model, new_tokens) for name, way in ways.items()}
    # Accelerators round products to fewer bits by default, and a draw that falls between two roundings may differ.
    with jax.default_matmul_precision("float32"):
        tokens = {name: np.asarray(program(*arguments)) for name, program in programs.items()}
        for name in programs:
            if not np.array_equal(tokens["cached"], tokens[name]):
                raise ValueError(f"sampling by {name} draws other tokens than decode.sample")
        seconds = fastest(programs, arguments, rounds)
    size = f"{batch_size} x ({prompt_length} + {new_tokens}), {num_layers} layers of {hidden_size}"
    rates = {name: f"{batch_size * new_tokens / value:.0f} tokens/s" for name, value in seconds.items()}
    others = {"recomputing": "full-context recomputation", "looping": "Python loop over the cached step"}
    return [
        Row(f"decode.sample / {what}", size, "rate", rates["cached"], rates[name], seconds[name] / seconds["cached"], ">= 1")
        for name, what in others.items()
    ]
