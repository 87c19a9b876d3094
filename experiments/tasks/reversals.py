"""Sequences to be reversed by an encoder and a decoder: contrast of source and target, and what it tells apart."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task

LENGTH, TOKENS = 5, 8
WIDTH, PROJECTED = 16, 16  # of states, and of what is compared
HELD_OUT = 64


def reversals(model: Any, pairs: int = 500, batch_size: int = 32) -> Task:
    """Five tokens to be written backwards. The encoder sees a token and its place, the decoder all states and the last token.

    Args:
        model: a Linen module, all states of the encoder, the place and the last token one-hot, `[..., 93]`, to states
            `[..., 16]` of the decoder.
        pairs: training examples.
        batch_size: examples a step, drawn with replacement.

    Returns:
        a task with the metrics `accuracy` (test tokens, given those before) and `told_apart`: mean cosine of a test source
        and the distant positive, less that of the source and the hard negative, see `pretrain.perturb_states`.
    """
    inputs_size = LENGTH * WIDTH + LENGTH + TOKENS

    def drawn(key, count):
        return jax.random.randint(key, (count, LENGTH), 0, TOKENS)

    def init(key):
        keys = jax.random.split(key, 7)
        params = {
            "decoder": model.init(keys[0], jnp.zeros([1, inputs_size])),
            "tokens": jax.random.normal(keys[1], (TOKENS, WIDTH)),
            "places": jax.random.normal(keys[2], (LENGTH, WIDTH)),
            "head": jax.random.normal(keys[3], (WIDTH, TOKENS)) / WIDTH**0.5,
            "projection": jax.random.normal(keys[4], (WIDTH, PROJECTED)) / WIDTH**0.5,
            "bias": jnp.zeros(PROJECTED),
        }
        return params, {"train": drawn(keys[5], pairs), "test": drawn(keys[6], HELD_OUT)}

    def terms_of(sources):
        return pretrain.Terms(inputs=sources, tokens=sources[:, ::-1], mask=jnp.ones(sources.shape, bool))

    def batch(params, context, step, key):
        del params, step
        return terms_of(context["train"][jax.random.randint(key, (batch_size,), 0, pairs)])

    def forward(params, terms, key):
        del key
        rows = len(terms.inputs)
        encoded = jnp.tanh(params["tokens"][terms.inputs] + params["places"][None])
        before = jax.nn.one_hot(jnp.pad(terms.tokens[:, :-1], ((0, 0), (1, 0)), constant_values=-1), TOKENS)
        places = jnp.broadcast_to(jnp.eye(LENGTH)[None], (rows, LENGTH, LENGTH))
        read = jnp.broadcast_to(encoded.reshape(rows, 1, -1), (rows, LENGTH, LENGTH * WIDTH))
        hidden = model.apply(params["decoder"], jnp.concatenate([read, places, before], axis=-1))
        return terms.replace(
            log_probs=algax.Logits(hidden @ params["head"]).log_probs(terms.tokens),
            hidden=hidden,
            head_kernel=params["head"],
            source_hidden=encoded,
            projection_kernel=params["projection"],
            projection_bias=params["bias"],
        )

    def evaluate(params, context, key):
        terms = forward(params, terms_of(context["test"]), key)
        perturbed = pretrain.perturb_states(terms)

        def pooled(states):
            compared = jnp.mean(jax.nn.relu(states @ params["projection"] + params["bias"][None, None]), axis=1)
            return compared / jnp.maximum(jnp.linalg.norm(compared, axis=1, keepdims=True), 1e-6)

        sources = pooled(terms.source_hidden)
        cosine = lambda states: jnp.mean(jnp.sum(sources * pooled(states), axis=1))  # noqa: E731
        said = jnp.argmax(terms.hidden @ params["head"], axis=-1)
        return {
            "accuracy": jnp.mean(said == terms.tokens, dtype=jnp.float32),
            "told_apart": cosine(perturbed.positive) - cosine(perturbed.negative),
        }

    return Task(init, batch, forward, evaluate)
