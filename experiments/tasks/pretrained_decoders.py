"""Decoders that read a prompt one way or both ways, pretrained on whole texts or on gaps, then tuned on two tasks."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.core import meta

import algax
from algax import models, pretrain
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

TOPICS, WORDS, LENGTH = 4, 24, 24  # topics of six words each, and words of a text
LABEL, CLASSIFY, COPY = WORDS + 1, WORDS + TOPICS + 1, WORDS + TOPICS + 2  # the first label, and what a prompt asks for
VOCABULARY = COPY + 4  # three sentinels
WIDTH, READ, SHOWN, COPIED = 28, 12, 6, 4  # tokens of a row; words of a prompt of either task, and of a copy
RATE, MEAN_SPAN = 0.3, 3.0
STEPS, ADAPTED, TUNED, BATCH, HELD_OUT = 400, 40, 200, 16, 512
LEARNING_RATE = 4e-3  # at first; it falls to a tenth in every stage
TEXTS, GAPS, TASKS = range(3)  # what a batch is of


def draw_texts(key: jax.Array, following: jax.Array, count: int) -> dict[str, jax.Array]:
    """Texts `[count, 24]` and their topics; half of the words are those that follow the last, most others of the topic."""
    topic_key, first_key, next_key = jax.random.split(key, 3)
    topics = jax.random.randint(topic_key, (count,), 0, TOPICS)

    def fresh(key):
        own_key, word_key, any_key = jax.random.split(key, 3)
        own = topics * (WORDS // TOPICS) + jax.random.randint(word_key, (count,), 0, WORDS // TOPICS)
        return jnp.where(jax.random.uniform(own_key, (count,)) < 0.7, own, jax.random.randint(any_key, (count,), 0, WORDS))

    def step(now, key):
        follow_key, word_key = jax.random.split(key)
        follows = jax.random.uniform(follow_key, now.shape) < 0.5
        return jnp.where(follows, following[now], fresh(word_key)), now

    texts = jax.lax.scan(step, fresh(first_key), jax.random.split(next_key, LENGTH))[1].T
    return {"texts": 1 + texts, "topics": topics}


def prompts(texts: jax.Array, topics: jax.Array) -> pretrain.Seq2SeqBatch:
    """Prompts of both tasks in turn: a text whose topic is asked for, or six words of which four are to be copied."""
    copies = (jnp.arange(len(texts)) % 2 == 1)[:, None]
    inputs = jnp.concatenate([jnp.where(copies, COPY, CLASSIFY), texts[:, :READ]], axis=1)
    read = ~copies | (jnp.arange(READ + 1) <= SHOWN)[None]
    targets = jnp.where(copies, texts[:, :COPIED], LABEL + topics[:, None])
    written = copies | (jnp.arange(COPIED) == 0)[None]
    return pretrain.Seq2SeqBatch(jnp.where(read, inputs, 0), read, jnp.where(written, targets, 0), written)


def narrow(batch: pretrain.Seq2SeqBatch) -> pretrain.Terms:
    """What a decoder learns of a batch, in rows of 28 tokens."""
    terms = pretrain.decoder_terms(batch)
    more = ((0, 0), (0, max(0, WIDTH - terms.tokens.shape[1])))
    return jax.tree.map(lambda x: jnp.pad(x, more)[:, :WIDTH], terms)


def pretrained_decoders(model: Any, method: str = "causal") -> Task:
    """Texts that follow topics and pairs of words, and two tasks on such texts: telling the topic, and copying words.

    Args:
        model: a `models.Transformer` over 34 tokens, for rows of 28.
        method: "causal" learns whole texts for 400 steps, "non-causal" to fill spans of 3 after reading all else both ways,
            "adapted" 40 steps of that after those of "causal". Then each is tuned on both tasks for 200 steps.

    Returns:
        a task that answers at once, with the metrics `zero_shot` (log-probability of a word in the last quarter of new texts,
        before tuning), `tuned` (of a target of the tasks, after it) and `recovered` (how much of the way from "causal" to
        "non-causal" the model is in `tuned`; 0 where that way is less than 0.01).
    """
    loss = algax.chain(pretrain.next_token(), pretrain.z_loss())
    corrupt = pretrain.span_corruption(VOCABULARY, rate=RATE, mean_span=MEAN_SPAN)

    def cut(texts, rate):
        last = jnp.arange(LENGTH)[None] >= LENGTH - round(rate * LENGTH)
        return pretrain.split_text(pretrain.token_batch(texts), jnp.broadcast_to(~last, texts.shape))

    def batch(key, of, following):
        text_key, gap_key = jax.random.split(key)
        drawn = draw_texts(text_key, following, BATCH)
        texts = drawn["texts"]
        kinds = (
            lambda: narrow(cut(texts, 1.0)),
            lambda: narrow(corrupt(gap_key, pretrain.token_batch(texts))),
            lambda: narrow(prompts(**drawn)),
        )
        return jax.lax.switch(of, kinds)

    def log_probs(params, terms, both_ways):
        read = terms.inputs
        seen = models.decoder_mask(read.mask, read.prefix & both_ways)
        return algax.Logits(model.apply(params, read.tokens, read.mask, None, None, seen))

    @jax.jit
    def train(params, following, both_ways, of, steps, key):
        def forward(params, terms, key):
            del key
            predicted = log_probs(params, terms, both_ways)
            return terms.replace(distribution=predicted, log_probs=predicted.log_probs(terms.tokens))

        falling = lambda count: LEARNING_RATE * (1.0 - 0.9 * count.astype(jnp.float32) / steps)  # noqa: E731
        tx = optax.chain(algax.gradient(loss, forward), optax.adam(falling))

        def step(number, carry):
            params, state = carry
            terms = batch(jax.random.fold_in(key, number), of, following)
            updates, state = tx.update(None, state, params, terms=terms)
            return optax.apply_updates(params, updates), state

        return jax.lax.fori_loop(0, steps, step, (params, tx.init(params)))[0]

    @jax.jit
    def mean_log_prob(params, terms, both_ways):
        found = log_probs(params, terms, both_ways).log_probs(terms.tokens)
        return jnp.sum(jnp.where(terms.mask, found, 0.0)) / jnp.sum(terms.mask, dtype=jnp.float32)

    def draw(key):
        keys = jax.random.split(key, 6)
        following = jax.random.permutation(keys[0], WORDS)
        start = meta.unbox(model.init(keys[1], jnp.zeros([1, WIDTH], jnp.int32)))
        causal = train(start, following, False, TEXTS, STEPS, keys[2])
        gaps = train(start, following, True, GAPS, STEPS, keys[2])
        adapted = train(causal, following, True, GAPS, ADAPTED, keys[3])
        drawn = draw_texts(keys[4], following, HELD_OUT)
        texts, asked = narrow(cut(drawn["texts"], 0.25)), narrow(prompts(**drawn))
        found = {}
        for name, params, both_ways in (("causal", causal, False), ("non-causal", gaps, True), ("adapted", adapted, True)):
            tuned = train(params, following, both_ways, TASKS, TUNED, keys[5])
            found[name] = jnp.stack([mean_log_prob(params, texts, both_ways), mean_log_prob(tuned, asked, both_ways)])
        way = found["non-causal"][1] - found["causal"][1]
        share = {name: (result[1] - found["causal"][1]) / jnp.maximum(way, 0.01) for name, result in found.items()}
        return {name: jnp.append(result, jnp.where(way > 0.01, share[name], 0.0)) for name, result in found.items()}

    methods = {name: lambda problem, key, name=name: problem[name] for name in ("causal", "non-causal", "adapted")}
    names = ("zero_shot", "tuned", "recovered")
    return answers(draw, 3, methods, method, lambda answer, problem: dict(zip(names, answer, strict=True)))
