"""A language of a random Markov chain of order 2, of which as many sentences as wanted may be fresh."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task

HELD_OUT = 256


def sentences(keys: jax.Array, table: jax.Array, length: int) -> jax.Array:
    """A sentence a key, `[B, length + 1]`; table holds the logits of the next token after each pair, `[V, V, V]`."""

    def sentence(key):
        def step(pair, key):
            token = jax.random.categorical(key, table[pair[0], pair[1]])
            return (pair[1], token), token

        zero = jnp.zeros([], jnp.int32)
        return jax.lax.scan(step, (zero, zero), jax.random.split(key, length + 1))[1]

    return jax.vmap(sentence)(keys).astype(jnp.int32)


def walk(key: jax.Array, table: jax.Array, count: int, length: int) -> jax.Array:
    """Sentences `[count, length]` of a chain of order 1, whose table holds the logits of the next token, `[V, V]`."""
    first_key, next_key = jax.random.split(key)

    def step(now, key):
        return jax.random.categorical(key, table[now]), now

    start = jax.random.randint(first_key, (count,), 0, len(table))
    return jax.lax.scan(step, start, jax.random.split(next_key, length))[1].T


def windows(tokens: jax.Array, context: int, vocabulary: int) -> jax.Array:
    """The last tokens up to each, one-hot, 0 before the sentence: `[B, L] -> [B, L, context * vocabulary]`."""
    one_hot = jax.nn.one_hot(tokens, vocabulary)
    padded = jnp.pad(one_hot, ((0, 0), (context - 1, 0), (0, 0)))
    return jnp.concatenate([padded[:, start : start + one_hot.shape[1]] for start in range(context)], axis=-1)


def markov(
    model: Any,
    vocabulary: int = 8,
    length: int = 16,
    context: int = 4,
    examples: int = 6400,
    batch_size: int = 8,
    sharpness: float = 1.5,
) -> Task:
    """Next-token prediction on sentences of a chain, each seed with its own.

    Args:
        model: a Linen module, the last tokens as one-hot vectors `[B, length, context * vocabulary]` to logits
            `[B, length, vocabulary]`.
        vocabulary: at least 2.
        length: predicted tokens a sentence, at least 2.
        context: tokens the model sees, at least 2, of which the chain depends on two.
        examples: training sentences, repeated in order once all were seen.
        batch_size: sentences a step.
        sharpness: standard deviation of the chain's logits.

    Returns:
        a task with the metrics `nll` (fresh sentences) and `excess`, how far it is above the chain's own, in nats a token.
    """
    options = (("vocabulary", vocabulary, 2), ("length", length, 2), ("context", context, 2), ("examples", examples, 1))
    for name, value, least in options:
        if value < least:
            raise ValueError(f"{name} must be at least {least}; got {value}")
    if not 1 <= batch_size <= examples:
        raise ValueError(f"batch_size must be between 1 and examples={examples}; got {batch_size}")

    def predict(params, rows):
        return algax.Logits(model.apply(params, windows(rows[:, :-1], context, vocabulary)))

    def init(key):
        table_key, data_key, test_key, model_key = jax.random.split(key, 4)
        table = sharpness * jax.random.normal(table_key, (vocabulary,) * 3)
        test = sentences(jax.random.split(test_key, HELD_OUT), table, length)
        params = model.init(model_key, windows(test[:1, :-1], context, vocabulary))
        return params, {"table": table, "data": data_key, "test": test}

    def batch(params, frozen, step, key):
        del params, key
        numbers = (step * batch_size + jnp.arange(batch_size)) % examples
        keys = jax.vmap(lambda number: jax.random.fold_in(frozen["data"], number))(numbers)
        rows = sentences(keys, frozen["table"], length)
        return pretrain.Terms(inputs=rows, tokens=rows[:, 1:], mask=jnp.ones((batch_size, length), bool))

    def forward(params, terms, key):
        del key
        distribution = predict(params, terms.inputs)
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, frozen, key):
        del key
        rows = frozen["test"]
        nll = -jnp.mean(predict(params, rows).log_probs(rows[:, 1:])[:, 1:])
        own = algax.Logits(frozen["table"][rows[:, :-2], rows[:, 1:-1]]).log_probs(rows[:, 2:])
        return {"nll": nll, "excess": nll + jnp.mean(own)}

    return Task(init, batch, forward, evaluate)
