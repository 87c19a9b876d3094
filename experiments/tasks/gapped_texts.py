"""A decoder that reads texts with gaps, or beginnings of texts, and writes what is missing."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.markov import walk
from algax.experiments.tasks.task import Task

CHARACTERS, LENGTH = 8, 64  # values of a text's tokens, which are 1..8, and tokens of a text
MODES = (9, 10, 11)
GAPS = 11  # sentinels, enough for half of a text in spans of 3
VOCABULARY = 1 + CHARACTERS + len(MODES) + GAPS
WRITTEN = LENGTH // 2 + GAPS  # tokens of targets at most
LONGEST = 16  # from so many written tokens on, the model does not count them
SIZES = (CHARACTERS + 1, CHARACTERS + 1, GAPS, LONGEST + 1, len(MODES))
WIDTH = sum(SIZES)
EXAMPLES, HELD_OUT = 1024, 128
TESTS = {
    "log_infilling": pretrain.Denoiser(3.0, 0.15, "regular"),
    "log_continuation": pretrain.Denoiser(None, 0.25, "sequential"),
}


def described(read: pretrain.DecoderInputs) -> jax.Array:
    """What the model is told at every place, five integers, `[B, T, 5]`.

    The last character (of the inputs, right after a sentinel), the one behind the gap that is being filled, 0 for none, the
    gap's number, -1 for none, how many tokens were written in it, or since the inputs ended, and the mode.
    """
    tokens, prefix = read.tokens, read.prefix
    places = jnp.broadcast_to(jnp.arange(tokens.shape[1])[None], tokens.shape)
    sentinels = tokens >= VOCABULARY - GAPS
    begun = jax.lax.cummax(jnp.where(sentinels & ~prefix, places, -1), axis=1)
    filling = begun >= 0
    gap = jnp.where(filling, jnp.take_along_axis(tokens, jnp.maximum(begun, 0), axis=1), -1)
    hole = jnp.argmax(prefix[:, None] & (tokens[:, None] == gap[..., None]), axis=-1)
    before = jnp.take_along_axis(tokens, jnp.maximum(hole - 1, 0), axis=1)
    behind = jnp.take_along_axis(jnp.where(prefix, tokens, 0), hole + 1, axis=1)
    since = places - jnp.where(filling, begun, jnp.sum(prefix, axis=1, keepdims=True, dtype=places.dtype) - 1)
    parts = (
        jnp.where(sentinels & ~prefix, before, tokens),
        jnp.where(filling, behind, 0),
        jnp.where(filling, VOCABULARY - 1 - gap, -1),
        jnp.clip(since, 0, LONGEST),
        jnp.broadcast_to(tokens[:, :1] - MODES[0], tokens.shape),
    )
    return jnp.stack(parts, axis=-1)


def features(parts: jax.Array) -> jax.Array:
    """What `described` gives, one-hot, `[..., 49]`."""
    return jnp.concatenate([jax.nn.one_hot(parts[..., i], size) for i, size in enumerate(SIZES)], axis=-1)


@jax.jit
def examples(batch: pretrain.Seq2SeqBatch) -> dict[str, jax.Array]:
    """What the model is told where it writes, `[B, 43, 5]`, what it should write, and where that counts."""
    terms = pretrain.decoder_terms(batch)
    width = terms.tokens.shape[1]
    places = jnp.sum(terms.inputs.prefix, axis=1, keepdims=True, dtype=jnp.int32) - 1 + jnp.arange(WRITTEN)[None]
    there = jnp.minimum(places, width - 1)
    told = jnp.take_along_axis(described(terms.inputs), there[..., None], axis=1).astype(jnp.int8)
    tokens, mask = (jnp.take_along_axis(x, there, axis=1) for x in (terms.tokens, terms.mask))
    return {"inputs": told, "tokens": tokens, "mask": mask & (places < width)}


def gapped_texts(
    model: Any,
    denoisers: Sequence[pretrain.Denoiser] = pretrain.DENOISERS,
    rates: Sequence[float] | None = None,
    batch_size: int = 8,
    sharpness: float = 3.0,
) -> Task:
    """1024 texts of a Markov chain, each corrupted once by one of several denoisers; see `described` for what the model sees.

    Args:
        model: a Linen module, `[..., 49]` to logits `[..., 23]`.
        denoisers: of the training data, see `pretrain.ul2`.
        rates: how often each is drawn; None for all alike.
        batch_size: texts a step, drawn with replacement.
        sharpness: standard deviation of the chain's logits.

    Returns:
        a task with the metrics `log_infilling` and `log_continuation`: logarithms of the loss on new texts without spans of 3,
        or without their last quarter, in nats a token of the targets, with the mode that is best for it.
    """
    corrupt = pretrain.ul2(VOCABULARY, MODES, denoisers=denoisers, rates=rates)
    tests = {name: pretrain.ul2(VOCABULARY, MODES, denoisers=(denoiser,)) for name, denoiser in TESTS.items()}

    def drawn(key, chain, count):
        return pretrain.token_batch(1 + walk(key, chain, count, LENGTH))

    def init(key):
        chain_key, text_key, test_key, gap_key, model_key = jax.random.split(key, 5)
        chain = sharpness * jax.random.normal(chain_key, (CHARACTERS, CHARACTERS))
        test = drawn(test_key, chain, HELD_OUT)
        context = {"texts": drawn(text_key, chain, EXAMPLES), "key": gap_key}
        context |= {name: examples(change(gap_key, test)) for name, change in tests.items()}
        return model.init(model_key, jnp.zeros([1, WIDTH])), context

    def batch(params, context, step, key):
        del params, step
        rows = jax.random.randint(key, (batch_size,), 0, EXAMPLES)
        return pretrain.Terms(**jax.tree.map(lambda x: x[rows], context["memory"]))

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(model.apply(params, features(terms.inputs)))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def nll(params, held, mode):
        """Of all targets, with the token of a mode before the inputs."""
        terms = forward(params, pretrain.Terms(**{**held, "inputs": held["inputs"].at[..., -1].set(mode)}), None)
        return -jnp.sum(jnp.where(terms.mask, terms.log_probs, 0.0)) / jnp.sum(terms.mask, dtype=jnp.float32)

    def evaluate(params, context, key):
        del key
        modes = jnp.arange(len(MODES), dtype=jnp.int8)
        per_mode = {name: jax.vmap(lambda mode, name=name: nll(params, context[name], mode))(modes) for name in TESTS}
        return {name: jnp.log(jnp.min(losses)) for name, losses in per_mode.items()}

    def memory(context):
        return examples(corrupt(context["key"], context["texts"]))

    return Task(init, batch, forward, evaluate, memory, lambda context, terms: context["memory"])
