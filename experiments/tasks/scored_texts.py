"""Texts of which some are bad, and a language model that is told which: conditional training in small."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task

SEPARATOR, ALIGNED, MISALIGNED, FIRST = 0, 1, 2, 3  # tokens; characters follow, the last of them bad
BAD_SHARE, BAD_RATE = 0.3, 0.3  # of texts; of characters in a bad text
SHARPNESS = 1.5  # standard deviation of the chain's logits
HELD_OUT = 512


def scored_texts(model: Any, told: bool = True, texts: int = 24, length: int = 12, characters: int = 8) -> Task:
    """Texts of a Markov chain over characters; in 30 % of them 30 % of the characters are bad, at random places.

    Every text begins with a separator and a control token, see `pretrain.control_prefix`.

    Args:
        model: a Linen module, one-hot control and last token `[..., 2 * tokens]` to logits `[..., tokens]`; there are three
            tokens more than characters.
        told: False makes all control tokens that of good texts, which then say nothing; scores are given in any case.
        texts: drawn once, all in every batch.
        length: characters a text.
        characters: at least 3.

    Returns:
        a task with metrics after the control token of good texts: `bad_texts_log` (exact log-probability that a text has a bad
        character) and `good_nll` (held-out good texts, nats a character).
    """
    if characters < 3:
        raise ValueError(f"characters must be at least 3; got {characters}")
    tokens = FIRST + characters
    bad = tokens - 1
    tag = pretrain.control_prefix((ALIGNED, MISALIGNED), max_segments=1, drop_rate=0.0)

    def drawn(key, chain, count, bad_share):
        """Texts `[count, 1 + length]` and whether they are bad `[count]`."""
        kind_key, first_key, place_key, next_key = jax.random.split(key, 4)
        kinds = jax.random.bernoulli(kind_key, bad_share, (count,))
        swapped = jax.random.bernoulli(place_key, BAD_RATE, (length, count)) & kinds[None]
        start = jax.random.randint(first_key, (count,), 0, characters - 1)

        def step(now, given):
            key, swap = given
            following = jax.random.categorical(key, chain[now])
            return following, jnp.where(swap, bad, FIRST + following)

        _, written = jax.lax.scan(step, start, (jax.random.split(next_key, length), swapped))
        return jnp.pad(written.T, ((0, 0), (1, 0)), constant_values=SEPARATOR), jnp.any(swapped, axis=0)

    def logits(params, control, last):
        pair = jnp.concatenate([jax.nn.one_hot(control, tokens), jax.nn.one_hot(last, tokens)], axis=-1)
        return model.apply(params, pair)

    def init(key):
        chain_key, text_key, test_key, model_key = jax.random.split(key, 4)
        chain = SHARPNESS * jax.random.normal(chain_key, (characters - 1, characters - 1))
        written, kinds = drawn(text_key, chain, texts, BAD_SHARE)
        test, _ = drawn(test_key, chain, HELD_OUT, 0.0)
        return model.init(model_key, jnp.zeros([1, 2 * tokens])), {"texts": written, "bad": kinds, "test": test}

    def batch(params, context, step, key):
        del params, step
        scores = jnp.broadcast_to(context["bad"][:, None], context["texts"].shape).astype(jnp.float32)
        starts = jnp.broadcast_to(jnp.arange(1 + length)[None] == 1, context["texts"].shape)  # the first character
        shown = scores if told else jnp.zeros_like(scores)
        scored = pretrain.ScoredText(context["texts"], jnp.ones(starts.shape, bool), starts, shown)
        text = tag(key, scored)
        terms = pretrain.causal_terms(pretrain.token_batch(text.tokens, text.mask))
        return terms.replace(token_scores=scores)

    def forward(params, terms, key):
        del key
        control = jnp.broadcast_to(terms.inputs[:, 1:2], terms.inputs.shape)
        control = jnp.where(jnp.arange(terms.inputs.shape[1])[None] > 0, control, SEPARATOR)  # unread at first
        distribution = algax.Logits(logits(params, control, terms.inputs))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del key
        last = jnp.arange(tokens)
        scores = logits(params, jnp.full_like(last, ALIGNED), last)
        scores = jnp.where((last < FIRST)[None], -jnp.inf, scores)  # control tokens are banned
        table = jax.nn.softmax(scores)
        clean = jnp.where((last == bad)[None], 0.0, table)
        remaining = jnp.ones(tokens)
        for _ in range(length):
            remaining = clean @ remaining
        test = context["test"].at[:, 0].set(ALIGNED)  # what the first character comes after
        return {
            "bad_texts_log": jnp.log1p(-remaining[ALIGNED]),
            "good_nll": -jnp.mean(jnp.log(table[test[:, :-1], test[:, 1:]])),
        }

    return Task(init, batch, forward, evaluate)
