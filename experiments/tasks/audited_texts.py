"""Language of six years with toxic texts in it, and a model of word pairs: the age of its data, and a filter of them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from algax import curriculum, measure
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

YEARS, LENGTH = 6, 20  # length of a text
COMMON, RARE, TOXIC = 30, 150, 40  # words, in this order
WORDS = COMMON + RARE + TOXIC
TEXTS, NEW, PROBES, TESTED = 400, 30, 40, 500  # texts of a year, of fine-tuning, with labels for the detector, of its test
PROMPTS, SAMPLES = 100, 8  # continuations of as many words as a text has
SHARPNESS, DRIFT = 1.5, 0.5  # standard deviations of a chain's logits, and of their change in a year
SELDOM = -2.0  # added to the logits of rare words
TOXIC_TEXTS, USUAL, OFTEN = 0.3, -6.0, -0.5  # share of texts; added to the logits of toxic words in the others and in these
MOST_TOXIC, CALLED_TOXIC = 0.1, 0.25  # shares of toxic words that a text may have to stay, and of a toxic continuation
PRIOR, SPREAD = 10.0, 1.5  # transitions that a row's random start counts for, and the deviation of its logits
OLD = 0.1  # weight of the old counts in fine-tuning
DETECTOR_STEPS, DETECTOR_RATE = 200, 5.0


def draw_texts(key: jax.Array, chain: jax.Array, toxic: jax.Array) -> jax.Array:
    """Texts `[N, 20]` from a chain's logits `[W, W]`, where `toxic` `[N]` with toxic words in them."""
    first_key, next_key = jax.random.split(key)
    words = jnp.arange(WORDS)[None]
    added = jnp.where(words < COMMON, 0.0, jnp.where(words < COMMON + RARE, SELDOM, jnp.where(toxic[:, None], OFTEN, USUAL)))
    now = jax.random.randint(first_key, toxic.shape, 0, COMMON)

    def step(now, key):
        return jax.random.categorical(key, chain[now] + added), now

    return jax.lax.scan(step, now, jax.random.split(next_key, LENGTH))[1].T


def count(texts: jax.Array, kept: jax.Array) -> jax.Array:
    """How often each word follows each other one in the texts that are kept, `[W, W]`."""
    pairs = jnp.broadcast_to(kept[:, None], texts[:, 1:].shape).astype(jnp.float32)
    return jnp.zeros([WORDS, WORDS]).at[texts[:, :-1], texts[:, 1:]].add(pairs)


def is_toxic(texts: jax.Array) -> jax.Array:
    """Which words are toxic, 1.0 or 0.0."""
    return (texts >= WORDS - TOXIC).astype(jnp.float32)


def audited_texts(model: Any, method: str = "plain") -> Task:
    """Chains over 220 words, most of them rare, that drift from year to year; three texts in ten hold many of the toxic ones.

    Args:
        model: none; a model is a table of word pairs, whose rows start at random and are worth ten transitions then.
        method: "plain" trains on a year's texts; "fine-tuned" then on 30 of the year of the evaluation; "filtered" only on
            texts with at most a tenth of toxic words.

    Returns:
        a task that answers at once, with the metrics `slope` and `correlation` of `measure.temporal_degradation` over all
        pairs of years, `toxic_rate` (`measure.worst_of_samples`: share of prompts with one of eight continuations a quarter of
        whose words are toxic) and `detection` (accuracy of a detector of toxic texts that reads the table's rows, from 40
        labelled texts), both of the last year.
    """
    del model

    def draw(key):
        keys = jax.random.split(key, 7)
        start = SHARPNESS * jax.random.normal(keys[0], (1, WORDS, WORDS))
        changes = DRIFT * jax.random.normal(keys[1], (YEARS - 1, WORDS, WORDS))
        chains = jnp.cumsum(jnp.concatenate([start, changes]), axis=0)
        toxic = jax.random.bernoulli(keys[2], TOXIC_TEXTS, (TEXTS + NEW + PROBES + TESTED,))
        texts = jax.vmap(lambda key, chain: draw_texts(key, chain, toxic))(jax.random.split(keys[3], YEARS), chains)
        rows = jax.nn.softmax(SPREAD * jax.random.normal(keys[4], (WORDS, WORDS)))
        return {"chains": chains, "texts": texts, "toxic": toxic, "rows": rows, "key": keys[5]}

    def tables(problem, fine_tuned, filtered):
        """Models of each year of training, and of each year of evaluation if fine-tuned: `[6, 1 or 6, W, W]`."""

        def counts(texts):
            shares = jnp.mean(is_toxic(texts), axis=1)
            return count(texts, curriculum.threshold_filter(shares, MOST_TOXIC if filtered else jnp.inf))

        old = jax.vmap(counts)(problem["texts"][:, :TEXTS])[:, None]
        if fine_tuned:
            new = jax.vmap(lambda texts: count(texts, jnp.ones(NEW, bool)))(problem["texts"][:, TEXTS : TEXTS + NEW])
            old = OLD * old + new[None]
        totals = PRIOR * problem["rows"][None, None] + old
        return totals / jnp.sum(totals, axis=-1, keepdims=True)

    def scores(problem, tables):
        """Accuracy of the likeliest next word, of each model in each year `[6, 6]`."""
        texts = problem["texts"][:, TEXTS + NEW :]
        said = jnp.argmax(jnp.broadcast_to(tables, (YEARS, YEARS, WORDS, WORDS)), axis=-1)
        right = jax.vmap(jax.vmap(lambda said, texts: said[texts[:, :-1]] == texts[:, 1:]), (0, None))(said, texts)
        return jnp.mean(right, axis=(2, 3), dtype=jnp.float32)

    def toxicity(table, key):
        now = jnp.repeat(jnp.arange(PROMPTS) % COMMON, SAMPLES)
        _, written = jax.lax.scan(
            lambda now, key: (jax.random.categorical(key, jnp.log(table)[now]),) * 2, now, jax.random.split(key, LENGTH)
        )
        shares = jnp.mean(is_toxic(written), axis=0).reshape(PROMPTS, SAMPLES)
        return measure.worst_of_samples(shares, threshold=CALLED_TOXIC).rate

    def detection(problem, table):
        """Logistic regression on the mean row of a text's words."""
        features = jnp.mean(jnp.sqrt(table)[problem["texts"][-1, TEXTS + NEW :]], axis=1)
        features = features - jnp.mean(features[:PROBES], axis=0, keepdims=True)
        features = jnp.concatenate([features, jnp.ones([len(features), 1])], axis=1)
        labels = problem["toxic"][TEXTS + NEW :]
        given, target = features[:PROBES], labels[:PROBES].astype(jnp.float32)

        def step(weights, _):
            gradient = given.T @ (jax.nn.sigmoid(given @ weights) - target) / PROBES
            return weights - DETECTOR_RATE * gradient, None

        weights, _ = jax.lax.scan(step, jnp.zeros(features.shape[1]), None, DETECTOR_STEPS)
        return jnp.mean((features[PROBES:] @ weights > 0) == labels[PROBES:], dtype=jnp.float32)

    def audited(problem, key, fine_tuned=False, filtered=False):
        del key
        models = tables(problem, fine_tuned, filtered)
        years = jnp.arange(YEARS)
        aged = measure.temporal_degradation(years, years, scores(problem, models))
        last = models[-1, -1]
        return jnp.stack([aged.slope, aged.correlation, toxicity(last, problem["key"]), detection(problem, last)])

    methods = {
        "plain": audited,
        "fine-tuned": functools.partial(audited, fine_tuned=True),
        "filtered": functools.partial(audited, filtered=True),
    }
    names = ("slope", "correlation", "toxic_rate", "detection")
    return answers(draw, 4, methods, method, lambda answer, problem: dict(zip(names, answer, strict=True)))
