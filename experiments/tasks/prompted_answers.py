"""A small frozen language model asked for an opinion by five prompts: one at a time, together, and calibrated."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax import pretrain
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.fitting import fit
from algax.experiments.tasks.task import Task

PROMPTS = (
    ("{text_a}", "It was {label} ."),
    ("{text_a}", "All in all {label} !"),
    ("Just {label} :", "{text_a}"),
    ("{text_a}", "I call that {label} ."),
    ("{label} stuff .", "{text_a}"),
)
LABEL_WORDS = ((0, 1), (2, 3))  # a bad and a good opinion, two words each
OPINIONS, NEUTRAL = 10, 20  # words of either opinion, and of none
TEXT_WORDS, OPINIONATED, HONEST = 12, 0.4, 0.85  # of a text; share of opinions among them, and of the text's own among these
AROUND = 3  # words of the prompt that the model reads on either side of the answer
READ, TAUGHT, TESTED = 400, 100, 1000  # texts of training a prompt, of which so many tell the wrong opinion; texts of the test
STEPS, RATE = 200, 0.01  # of Adam, on all texts
BIAS = 6.0  # nats, planted on the words for a good opinion


def frames() -> np.ndarray:
    """The words around the answer in each prompt, `[5, 6]`: numbers from 1 on, 0 where there is none or the text begins."""
    found, numbers = np.zeros([len(PROMPTS), 2 * AROUND], np.int32), {}
    for row, parts in enumerate(PROMPTS):
        words = pretrain.render(parts, {"text_a": "[X]", "label": "[Z]"}).split()
        slot = words.index("[Z]")
        places = [*range(slot - AROUND, slot), *range(slot + 1, slot + 1 + AROUND)]
        for column, place in enumerate(places):
            if 0 <= place < len(words) and words[place] != "[X]":
                found[row, column] = numbers.setdefault(words[place], len(numbers) + 1)
    return found


def draw_texts(key: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Texts of 12 words as counts of the 40 words: `[count, 40]`; and their opinions `[count]`, 0 or 1."""
    label_key, kind_key, honest_key, word_key = jax.random.split(key, 4)
    labels = jax.random.bernoulli(label_key, 0.5, (count, 1)).astype(jnp.int32)
    told = jnp.where(jax.random.bernoulli(honest_key, HONEST, (count, TEXT_WORDS)), labels, 1 - labels)
    draws = jax.random.uniform(word_key, told.shape)
    opinions = told * OPINIONS + jnp.floor(draws * OPINIONS).astype(jnp.int32)
    neutral = 2 * OPINIONS + jnp.floor(draws * NEUTRAL).astype(jnp.int32)
    words = jnp.where(jax.random.uniform(kind_key, told.shape) < OPINIONATED, opinions, neutral)
    return jnp.sum(jax.nn.one_hot(words, 2 * OPINIONS + NEUTRAL), axis=1), labels[:, 0]


def prompted_answers(model: Any, method: str = "ensemble") -> Task:
    """Texts of opinions; the model has read 400 texts with each prompt, and a word in it that is wrong a quarter of the time.

    Args:
        model: a Linen module, a text's words in the light of each word around the answer, `[..., 41 * 13]`, to logits
            `[..., 4]` of label words; it is trained once and then frozen.
        method: "single" asks by one prompt at a time; "ensemble" by all, see `pretrain.ensemble_prompts`; "calibrated" too,
            with every prompt divided by what it says of an empty text, see `pretrain.calibrate`.

    Returns:
        a task that answers at once, with the metrics `accuracy` on 1000 new texts, the mean over prompts if they are single,
        and `biased_accuracy`, with 6 nats planted on the words for a good opinion.
    """
    around = frames()
    around = np.eye(1 + around.max(), dtype=np.float32)[around].sum(1)[:, 1:]
    words = np.array(LABEL_WORDS)

    def logits(params, texts):
        """Of the label words after each prompt: `[5, B, 4]` for texts `[B, 40]`, or for `[5, B, 40]` of each prompt."""
        texts = jnp.broadcast_to(texts, (len(PROMPTS), *texts.shape[-2:]))
        asked = jnp.broadcast_to(around[:, None], (*texts.shape[:2], around.shape[1]))
        read = asked[..., None] * jnp.pad(texts, ((0, 0), (0, 0), (0, 1)), constant_values=1.0)[..., None, :]
        return model.apply(params, read.reshape(*texts.shape[:2], -1))

    def draw(key):
        text_key, model_key, word_key, wrong_key, test_key = jax.random.split(key, 5)
        texts, labels = jax.vmap(lambda key: draw_texts(key, READ))(jax.random.split(text_key, len(PROMPTS)))
        wrong = jax.vmap(lambda key: jax.random.permutation(key, READ) < TAUGHT)(jax.random.split(wrong_key, len(PROMPTS)))
        told = jnp.asarray(words)[jnp.where(wrong, 1 - labels, labels), jax.random.randint(word_key, labels.shape, 0, 2)]
        params = model.init(model_key, jnp.zeros([1, (texts.shape[-1] + 1) * around.shape[1]]))

        def forward(params, terms, key):
            del key
            return terms.replace(log_probs=algax.Logits(logits(params, terms.inputs)).log_probs(terms.tokens))

        terms = pretrain.Terms(inputs=texts, tokens=told, mask=jnp.ones(told.shape, bool))
        loss, key = pretrain.next_token(), jax.random.key(0)  # every batch is the whole
        params = fit(loss, forward, params, lambda key: terms, steps=STEPS, rate=RATE, key=key)
        return {"params": params, "test": draw_texts(test_key, TESTED)}

    def accuracy(problem, bias, together, calibrated):
        texts, labels = problem["test"]
        planted = jnp.zeros(words.size).at[words[1]].set(bias)

        def scores(texts):
            said = logits(problem["params"], texts) + planted[None, None]
            return jnp.log(jax.vmap(lambda said: pretrain.verbalize(said, words))(said))

        found = scores(texts)
        if calibrated:
            found = jnp.log(jax.vmap(pretrain.calibrate)(found, scores(jnp.zeros_like(texts[:1]))[:, 0]))
        said = pretrain.ensemble_prompts(found)[None] if together else found
        return jnp.mean(jnp.argmax(said, axis=-1) == labels[None], dtype=jnp.float32)

    def answered(problem, key, together=True, calibrated=False):
        del key
        of = lambda bias: accuracy(problem, bias, together, calibrated)  # noqa: E731
        return jax.vmap(of)(jnp.array([0.0, BIAS]))

    methods = {
        "ensemble": answered,
        "single": functools.partial(answered, together=False),
        "calibrated": functools.partial(answered, calibrated=True),
    }
    names = ("accuracy", "biased_accuracy")
    return answers(draw, 2, methods, method, lambda answer, problem: dict(zip(names, answer, strict=True)))
