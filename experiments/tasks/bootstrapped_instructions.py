"""Instructions that a model writes after its own, round after round: what is kept of them, and how good their outputs are."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from algax import curriculum
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

TEMPLATES, WORDS, LENGTH = 2000, 300, 6  # of the grammar, words of the vocabulary, words of a template
MOST = 2  # further words in a template's last slot, from one on
SEEDS, SIZE, ROUNDS, WRITTEN = 20, 300, 6, 200  # instructions at the start, wanted, and written in each of the rounds
COPIED = 0.3  # probability that a demonstration's template is used again
ATTEMPTS, OPTIONS, AGREEMENT = 5, 5, 0.8  # outputs of an instruction, wrong ones to choose from, least share that agrees


def fill_in(key: jax.Array, grammar: jax.Array, templates: jax.Array) -> jax.Array:
    """Instructions `[B, 8]` of templates `[B]`: their words, then one or two others; -1 behind the end."""
    word_key, count_key = jax.random.split(key)
    others = jax.random.randint(word_key, (len(templates), MOST), 0, WORDS)
    counts = jax.random.randint(count_key, (len(templates), 1), 1, MOST + 1)
    return jnp.concatenate([grammar[templates], jnp.where(jnp.arange(MOST)[None] < counts, others, -1)], axis=1)


def write(key: jax.Array, grammar: jax.Array, demonstrations: jax.Array) -> tuple[jax.Array, jax.Array]:
    """New instructions, and their templates `[B]`: those of the demonstrations now and then, else drawn by Zipf's law."""
    copy_key, draw_key, fill_key = jax.random.split(key, 3)
    shares = -jnp.log1p(jnp.arange(TEMPLATES, dtype=jnp.float32))
    drawn = jax.random.categorical(draw_key, shares, shape=demonstrations.shape)
    templates = jnp.where(jax.random.bernoulli(copy_key, COPIED, drawn.shape), demonstrations, drawn)
    return fill_in(fill_key, grammar, templates), templates


def bootstrap(key: jax.Array, grammar: jax.Array, threshold: float) -> jax.Array:
    """Templates `[320]` of the seeds and of what the model wrote after them, -1 where nothing more was accepted."""
    seed_key, fill_key, loop_key = jax.random.split(key, 3)
    room = SEEDS + SIZE
    seeds = jax.random.randint(seed_key, (SEEDS,), 0, TEMPLATES)
    texts = jnp.full([room, LENGTH + MOST], -1).at[:SEEDS].set(fill_in(fill_key, grammar, seeds))
    templates = jnp.full([room], -1).at[:SEEDS].set(seeds)

    def round_(carry, key):
        texts, templates, size = carry
        demo_key, write_key = jax.random.split(key)
        shown = templates[jax.random.randint(demo_key, (WRITTEN,), 0, size)]
        new, of = write(write_key, grammar, shown)
        accepted = curriculum.novelty_filter(jnp.concatenate([texts, new]), threshold=threshold, seeds=room)[room:]
        places = jnp.where(accepted, size + jnp.cumsum(accepted) - 1, room)
        texts, templates = texts.at[places].set(new, mode="drop"), templates.at[places].set(of, mode="drop")
        return (texts, templates, jnp.minimum(size + jnp.sum(accepted), room)), None

    return jax.lax.scan(round_, (texts, templates, jnp.int32(SEEDS)), jax.random.split(loop_key, ROUNDS))[0][1]


def label(key: jax.Array, count: int, agreement: float) -> tuple[jax.Array, jax.Array]:
    """Whether outputs are right, and which stay: those that enough of five further attempts repeat, `[count]` each.

    The model is right at a rate of its own for each instruction, uniform in [0.4, 1]; wrong outputs are one of five.
    """
    rate_key, right_key, option_key = jax.random.split(key, 3)
    rates = jax.random.uniform(rate_key, (count, 1), minval=0.4)
    shape = (count, 1 + ATTEMPTS)
    options = jax.random.randint(option_key, shape, 1, 1 + OPTIONS)
    outputs = jnp.where(jax.random.uniform(right_key, shape) < rates, 0, options)
    same = (outputs[:, 1:] == outputs[:, :1]).astype(jnp.float32)
    return outputs[:, 0] == 0, curriculum.threshold_filter(curriculum.pass_rates(same), agreement, keep="high")


def bootstrapped_instructions(model: Any, method: str = "filtered") -> Task:
    """Instructions of 2000 templates with a slot, some templates far likelier than others.

    Args:
        model: none; the model that writes is a grammar: with probability 0.3 it takes the template of a demonstration from
            the pool, which holds what it wrote before.
        method: "filtered" accepts by `curriculum.novelty_filter` below ROUGE-L 0.7, and outputs by agreement of at least four
            of five; "unfiltered" all.

    Returns:
        a task that answers at once, with the metrics `coverage` (different templates among the first 300 that were accepted,
        as a share of 300) and `right` (share of right outputs among those that stay).
    """
    del model

    def draw(key):
        return {"grammar": jax.random.randint(key, (TEMPLATES, LENGTH), 0, WORDS)}

    def made(problem, key, threshold, agreement):
        pool_key, label_key = jax.random.split(key)
        templates = bootstrap(pool_key, problem["grammar"], threshold)[SEEDS:]
        used = jnp.zeros(TEMPLATES, bool).at[jnp.where(templates < 0, TEMPLATES, templates)].set(True, mode="drop")
        right, kept = label(label_key, SIZE, agreement)
        return jnp.stack([jnp.sum(used, dtype=jnp.float32) / SIZE, jnp.mean(right, where=kept, dtype=jnp.float32)])

    methods = {
        "filtered": functools.partial(made, threshold=0.7, agreement=AGREEMENT),
        "unfiltered": functools.partial(made, threshold=1.01, agreement=0.0),
    }
    return answers(draw, 2, methods, method, lambda answer, problem: {"coverage": answer[0], "right": answer[1]})
