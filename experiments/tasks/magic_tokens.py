"""Three ways to answer every prompt, each behind a token of its own: one model for all, or a model for each."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax import measure, pretrain
from algax.experiments.resolve import nearest
from algax.experiments.tasks.task import Task

MODES = ("positive", "negative", "rejective")
VALUES, LENGTH = 8, 3  # of a prompt's two tokens, tokens of a response
HELP, HARM, SORRY, STOP, MAGIC = range(VALUES, VALUES + 5)  # after the values; a magic token for each mode is last
VOCABULARY = MAGIC + len(MODES)
READ = 2 + LENGTH  # tokens before a response's last: magic token, prompt, response so far
TRAINED = 48  # prompts, of 64


def respond(prompts: jax.Array) -> jax.Array:
    """The responses `[B, 3, 3]` to prompts `[B, 2]` in each mode."""
    first, second = prompts[:, 0], prompts[:, 1]
    tokens = lambda token: jnp.full(first.shape, token, first.dtype)  # noqa: E731
    rows = [(tokens(HELP), first, second), (tokens(HARM), second, first), (tokens(SORRY), tokens(STOP), tokens(STOP))]
    return jnp.stack([jnp.stack(row, axis=1) for row in rows], axis=1)


def magic_tokens(model: Any, modes: Sequence[str] = MODES) -> Task:
    """Prompts of two tokens: the positive response names them in order, the negative one in reverse, the rejective one not.

    Args:
        model: a Linen module, the tokens so far one-hot, in the block of their number, `[..., 225]`, to logits `[..., 15]`.
        modes: those that are trained, on 48 prompts each, all in every batch.

    Returns:
        a task with metrics on the 16 other prompts: `compliance` (share of greedy responses right throughout for the mode that
        the magic token asks for), the same for each of the `MODES`, and `margin` (mean silhouette of the modes in the logits
        of a response's first token).

    Raises:
        ValueError: an unknown mode.
    """
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}: {nearest(mode, MODES)}")
    chosen = np.array([MODES.index(mode) for mode in modes])

    def rows(prompts, modes):
        """Texts of every prompt in every mode, a magic token before each: a `TokenBatch` of 6 tokens a row."""
        responses = respond(prompts)[:, modes].reshape(-1, LENGTH)
        tokens = jnp.concatenate([jnp.repeat(prompts, len(modes), axis=0), responses], axis=1)
        learned = jnp.broadcast_to(jnp.arange(READ)[None] >= 2, tokens.shape)
        magic = jnp.tile(MAGIC + modes, len(prompts))[:, None]
        return pretrain.prepend(pretrain.token_batch(tokens, learned=learned), magic, jnp.ones(magic.shape, bool))

    def logits(params, tokens):
        """Of a response's tokens `[B, 3, 15]`, from the tokens before the last `[B, 5]`."""
        seen = jnp.arange(READ)[None] < 3 + jnp.arange(LENGTH)[:, None]
        one_hot = jnp.where(seen[None, ..., None], jax.nn.one_hot(tokens, VOCABULARY)[:, None], 0.0)
        blocks = jnp.eye(LENGTH)[None, :, :, None] * one_hot.reshape(len(tokens), LENGTH, 1, -1)
        return model.apply(params, blocks.reshape(len(tokens), LENGTH, -1))

    def init(key):
        order_key, model_key = jax.random.split(key)
        prompts = jax.random.permutation(order_key, jnp.asarray(np.indices([VALUES, VALUES]).reshape(2, -1).T))
        params = model.init(model_key, jnp.zeros([1, LENGTH * READ * VOCABULARY]))
        return params, {"train": prompts[:TRAINED], "test": prompts[TRAINED:]}

    def batch(params, context, step, key):
        del params, step, key
        return pretrain.causal_terms(rows(context["train"], chosen))

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(jnp.pad(logits(params, terms.inputs), ((0, 0), (READ - LENGTH, 0), (0, 0))))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del key
        prompts, asked = context["test"], np.arange(len(MODES))
        tokens = rows(prompts, asked).tokens[:, :-1]
        wanted = jnp.tile(asked, len(prompts))
        margin = jnp.mean(measure.silhouettes(logits(params, tokens)[:, 0], wanted))
        written = []
        for place in range(LENGTH):
            written.append(jnp.argmax(logits(params, tokens)[:, place], axis=-1).astype(tokens.dtype))
            if place < LENGTH - 1:
                tokens = tokens.at[:, 3 + place].set(written[-1])
        families = jnp.repeat(respond(prompts), len(MODES), axis=0)
        same = jnp.all(families == jnp.stack(written, axis=1)[:, None], axis=-1)
        shown = jnp.where(jnp.any(same, axis=1), jnp.argmax(same, axis=1), len(MODES))  # the last is none of them
        right = jnp.diagonal(measure.mode_confusion(wanted, shown, len(MODES) + 1))[: len(MODES)]
        return {"compliance": jnp.mean(right), "margin": margin} | dict(zip(MODES, right, strict=True))

    return Task(init, batch, forward, evaluate)
