"""A generator learns from other domains to turn texts into questions, and writes those of a new one to learn it from."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax import decode, models, pretrain
from algax.experiments.resolve import nearest
from algax.experiments.tasks.answers import on_host
from algax.experiments.tasks.fitting import fit
from algax.experiments.tasks.task import Task

FACTS, FILLERS, PASSAGE = 16, 6, 6  # of a domain: keys with a value each; other words; words of a passage
KEYS, VALUES = ([f"{kind}{i}" for i in range(FACTS)] for kind in ("key", "value"))
CONTEXT, END = [f"[{i}]" for i in range(PASSAGE)], "[end]"
READING = pretrain.task_prompt("exqa", " ".join(CONTEXT)).split()
ASKING = pretrain.GeneratedTask("what is [key] ?", "[value]")
WRITING = [*pretrain.render_task(ASKING, " ".join(CONTEXT)).split(), END]
SLOTS = [*CONTEXT, "[key]", "[value]"]
NAMES = [f"filler{i}" for i in range(FILLERS)]
WORDS = [*KEYS, *VALUES, *NAMES, *dict.fromkeys(w for w in [*READING, *WRITING] if w not in SLOTS)]
QUESTION = len(ASKING.instruction.split()) + 1  # words of a question and its answer
WINDOW = PASSAGE + len(WRITING)  # words that the generator sees, so that a passage stays in sight
NEAR = 5  # words that the student sees
PHRASINGS = ((1, 4), (3, 0), (2, 5))  # places of key and value in a passage
OTHERS, PASSAGES = 512, 96  # passages of other domains, and of the new one
GENERATOR_STEPS, GENERATOR_RATE = 300, 0.05  # of Adam, as of the student's own start
BASE_STEPS, BASE_RATE, BATCH = 200, 0.01, 32
TEMPERATURE, TOP_P = 0.5, 0.95


def fill(template: list[str], slots: jax.Array) -> jax.Array:
    """A template's words `[B, words]`, with those of the `SLOTS` `[B, 8]`."""
    words = np.array([-1 if word in SLOTS else WORDS.index(word) for word in template])[None]
    places = np.array([SLOTS.index(word) if word in SLOTS else 0 for word in template])
    return jnp.where(words < 0, slots[:, places], words)


def draw_passages(key: jax.Array, facts: jax.Array, keys: jax.Array) -> jax.Array:
    """Passages that state the fact of each key `[B]`, given the values of all keys `[B, 16]`: what fills `SLOTS`, `[B, 8]`."""
    phrase_key, filler_key = jax.random.split(key)
    values = FACTS + jnp.take_along_axis(facts, keys[:, None], axis=1)[:, 0]
    places = jnp.array(PHRASINGS)[jax.random.randint(phrase_key, keys.shape, 0, len(PHRASINGS))]
    words = 2 * FACTS + jax.random.randint(filler_key, (len(keys), PASSAGE), 0, FILLERS)
    columns = jnp.arange(PASSAGE)[None]
    words = jnp.where(columns == places[:, :1], keys[:, None], jnp.where(columns == places[:, 1:], values[:, None], words))
    return jnp.concatenate([words, keys[:, None], values[:, None]], axis=1)


def other_domains(key: jax.Array, count: int) -> jax.Array:
    """Passages as `draw_passages` does, each of a domain of its own."""
    fact_key, choice_key, text_key = jax.random.split(key, 3)
    facts = jax.vmap(lambda key: jax.random.permutation(key, FACTS))(jax.random.split(fact_key, count))
    return draw_passages(text_key, facts, jax.random.randint(choice_key, (count,), 0, FACTS))


def windows(tokens: jax.Array, width: int) -> jax.Array:
    """The last `width` words up to each, -1 before the first: `[B, L] -> [B, L, width]`."""
    padded = jnp.pad(tokens, ((0, 0), (width - 1, 0)), constant_values=-1)
    return jnp.stack([padded[:, i : i + tokens.shape[1]] for i in range(width)], axis=2)


def logits(model: Any, params: Any, seen: jax.Array) -> jax.Array:
    """Of the word after each window `[..., width]`, which the model reads one-hot."""
    return model.apply(params, jax.nn.one_hot(seen, len(WORDS)).reshape(*seen.shape[:-1], -1))


def parse(passages: Any, written: Any) -> list[list[int]]:
    """Questions and answers, `[B, 5]`, of what a generator wrote `[B, 7]`; -1 where it is none of this form."""
    tasks = []
    for passage, tokens in zip(passages, written, strict=True):
        text, _, _ = " ".join(WORDS[i] for i in tokens).partition(END)
        task = pretrain.parse_task(text, " ".join(WORDS[i] for i in passage))
        words = [] if task is None else [*task.instruction.split(), *task.response.split()]
        tasks.append([WORDS.index(w) for w in words] if len(words) == QUESTION else [-1] * QUESTION)
    return tasks


def lesson(batch: pretrain.TokenBatch, width: int, last: int = 0) -> pretrain.Terms:
    """What a model that sees `width` words learns of texts: all, or the `last` words alone if there is such a number."""
    terms = pretrain.causal_terms(batch)
    terms = terms.replace(inputs=windows(terms.inputs, width))
    return jax.tree.map(lambda x: x[:, -last:], terms)


def forward_of(model: Any) -> Any:
    """The forward pass of a model that reads windows."""
    return pretrain.forward(lambda params, seen: logits(model, params, seen))


def generate(key: jax.Array, slots: jax.Array) -> jax.Array:
    """What a generator, trained on other domains, writes of passages `[B, 8]`: questions with answers `[B, 5]`, see `parse`."""
    data_key, train_key, sample_key = jax.random.split(key, 3)
    texts = fill([*READING, *WRITING], other_domains(data_key, OTHERS))

    def batch(key):
        rows = jax.random.randint(key, (BATCH,), 0, OTHERS)
        return lesson(pretrain.token_batch(texts[rows]), WINDOW, last=len(WRITING))

    generator = models.MLP((len(WORDS),))
    params = generator.init(train_key, jnp.zeros([1, WINDOW * len(WORDS)]))
    loss, forward = pretrain.next_token(), forward_of(generator)
    params = fit(loss, forward, params, batch, steps=GENERATOR_STEPS, rate=GENERATOR_RATE, key=train_key)

    def step(params, tokens, mask, cache):
        del mask
        cache = jnp.concatenate([cache, tokens], axis=1)[:, -WINDOW:]
        return logits(generator, params, cache), cache

    written = decode.sample(
        (lambda rows, length: jnp.full([rows, WINDOW], -1), step),
        params,
        fill(READING, slots),
        jnp.ones([len(slots), len(READING)], bool),
        sample_key,
        max_new_tokens=len(WRITING),
        temperature=TEMPERATURE,
        logits_transform=decode.top_p(TOP_P),
        stop_token=WORDS.index(END),
    ).tokens
    return on_host(parse, (len(slots), QUESTION), slots[:, :PASSAGE], written).astype(jnp.int32)


def questions(slots: jax.Array) -> jax.Array:
    """The questions and answers `[B, 5]` that passages `[B, 8]` give."""
    return fill([*ASKING.instruction.split(), "[value]"], slots)


def answers_learned(tokens: jax.Array) -> pretrain.TokenBatch:
    """Questions with answers as wide as passages, of which the answers alone are learned; -1 throughout is none."""
    there = jnp.pad(tokens >= 0, ((0, 0), (0, PASSAGE - QUESTION)))
    tokens = jnp.pad(jnp.maximum(tokens, 0), ((0, 0), (0, PASSAGE - QUESTION)))
    return pretrain.token_batch(tokens, there, jnp.broadcast_to((jnp.arange(PASSAGE) == QUESTION - 1)[None], tokens.shape))


def written_tasks(model: Any, train: str = "written tasks") -> Task:
    """Passages that state one fact each, a key and its value among other words, in three phrasings; questions for the value.

    The student starts from passages and questions of other domains, whose facts are others.

    Args:
        model: a Linen module, the last five words one-hot `[..., 250]` to logits `[..., 50]`, for the student.
        train: what it learns of the new domain: "passages", word for word, or "written tasks", the answers of the questions
            that a generator makes of these passages.

    Returns:
        a task with the metrics `accuracy` (greedy answers to the 16 questions of the domain), and of what the generator wrote
        `parsed` (share that is a question) and `right` (share that asks for a fact and answers it).

    Raises:
        ValueError: an unknown kind of training.
    """
    if train not in ("passages", "written tasks"):
        raise ValueError(f"unknown train {train!r}: {nearest(train, ('passages', 'written tasks'))}")
    forward = forward_of(model)

    def base(key, params):
        def batch(key):
            slots = other_domains(key, BATCH)
            both = pretrain.token_batch(slots[:, :PASSAGE]), answers_learned(questions(slots))
            return lesson(jax.tree.map(lambda x, y: jnp.concatenate([x, y]), *both), NEAR)

        return fit(pretrain.next_token(), forward, params, batch, steps=BASE_STEPS, rate=BASE_RATE, key=key)

    def init(key):
        model_key, base_key, fact_key, text_key, generator_key = jax.random.split(key, 5)
        facts = jax.random.permutation(fact_key, FACTS)
        keys = jnp.arange(PASSAGES) % FACTS
        slots = draw_passages(text_key, jnp.broadcast_to(facts[None], (PASSAGES, FACTS)), keys)
        context = {
            "passages": slots[:, :PASSAGE],
            "written": generate(generator_key, slots),
            "right": questions(slots),
        }
        params = model.init(model_key, jnp.zeros([1, NEAR * len(WORDS)]))
        return base(base_key, params), context

    def batch(params, context, step, key):
        del params, step
        rows = jax.random.randint(key, (BATCH,), 0, PASSAGES)
        if train == "passages":
            return lesson(pretrain.token_batch(context["passages"][rows]), NEAR)
        return lesson(answers_learned(context["written"][rows]), NEAR)

    def evaluate(params, context, key):
        del key
        asked = context["right"][:FACTS]
        said = jnp.argmax(logits(model, params, windows(asked[:, :-1], NEAR)[:, -1]), axis=-1)
        written = context["written"]
        return {
            "accuracy": jnp.mean(said == asked[:, -1], dtype=jnp.float32),
            "parsed": jnp.mean(written[:, 0] >= 0, dtype=jnp.float32),
            "right": jnp.mean(jnp.all(written == context["right"], axis=1), dtype=jnp.float32),
        }

    return Task(init, batch, forward, evaluate)
