"""Opinions told by a prompt's missing word: what a masked language model should go on learning before it is tuned on a few."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import pretrain, supervised
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.fitting import fit
from algax.experiments.tasks.task import Task

TEMPLATE = pretrain.PromptTemplate(("{text_a}", "It was {label} ."), ("terrible", "great"))
SPECIAL = ("[PAD]", "[MASK]", "It", "was", ".", *TEMPLATE.words)
KNOWN, OWN, NEUTRAL = 10, 40, 40  # opinion words of all texts (half of them good), of these reviews, and words without one
VOCABULARY = len(SPECIAL) + KNOWN + OWN + NEUTRAL
WORDS, OPINIONS, OWN_SHARE, HONEST = 12, 0.4, 0.75, 0.9  # words of a text; shares of opinions, of own and of true ones
PER_CLASS, UNLABELLED, TESTED = 16, 800, 1000
SIZE, WIDTH, BATCH = 12, 24, 32
PRETRAINED, TUNED, PRETRAIN_RATE, TUNE_RATE = 300, 60, 1e-2, 1e-2  # steps of a stage, and its rate


def draw_texts(key: jax.Array, labels: jax.Array, own_share: float) -> jax.Array:
    """Texts `[B, 12]` of labels `[B]`, 0 or 1; a share of their opinion words are those of reviews alone."""
    kind_key, own_key, honest_key, word_key = jax.random.split(key, 4)
    shape = (*labels.shape, WORDS)
    draws = jax.random.uniform(word_key, shape)
    good = (labels[:, None] == 1) == (jax.random.uniform(honest_key, shape) < HONEST)

    def among(first, size):
        return len(SPECIAL) + first + jnp.floor(draws * size).astype(jnp.int32)

    own = among(KNOWN, OWN // 2) + jnp.where(good, OWN // 2, 0)
    known = among(0, KNOWN // 2) + jnp.where(good, KNOWN // 2, 0)
    opinion = jnp.where(jax.random.uniform(own_key, shape) < own_share, own, known)
    return jnp.where(jax.random.uniform(kind_key, shape) < OPINIONS, opinion, among(KNOWN + OWN, NEUTRAL))


def _behind(prompt: str) -> jax.Array:
    """The tokens behind the text of a prompt."""
    return jnp.asarray([SPECIAL.index(word) for word in prompt.split()[1:]])


def asked(texts: jax.Array) -> jax.Array:
    """Texts in the template, with a mask where the label's word is, `[B, 16]`."""
    behind = _behind(TEMPLATE.ask({"text_a": "text"}))
    return jnp.concatenate([texts, jnp.broadcast_to(behind[None], (len(texts), len(behind)))], axis=1)


def said(texts: jax.Array, labels: jax.Array) -> jax.Array:
    """Texts in the template, with the words of labels `[B]`."""
    behind = jnp.stack([_behind(TEMPLATE.answer({"text_a": "text"}, label)) for label in (0, 1)])
    return jnp.concatenate([texts, behind[labels]], axis=1)


def logits(params: Any, tokens: jax.Array) -> jax.Array:
    """Of every word, `[B, L, V]`, from the mean of all others and from the words on both sides."""
    vectors = jax.nn.one_hot(tokens, VOCABULARY).at[..., 0].set(0.0) @ params["words"]
    others = (jnp.sum(vectors, axis=1, keepdims=True) - vectors) / SIZE**0.5
    padded = jnp.pad(vectors, ((0, 0), (1, 1), (0, 0)))
    seen = jnp.concatenate([others, padded[:, :-2], padded[:, 2:]], axis=-1)
    return jnp.tanh(seen @ params["hidden"]) @ params["out"]


@jax.jit
def _masked(params, tokens, key):
    """Parameters after masked language modelling of `[N, L]`."""
    corrupt = pretrain.masked_language(SPECIAL.index("[MASK]"), VOCABULARY)

    def batch(key):
        row_key, mask_key = jax.random.split(key)
        chosen = tokens[jax.random.randint(row_key, (BATCH,), 0, len(tokens))]
        corrupted = corrupt(mask_key, pretrain.token_batch(chosen, chosen > 0))
        return pretrain.Terms(inputs=corrupted.tokens, tokens=corrupted.targets, mask=corrupted.learned)

    forward = pretrain.forward(logits)
    return fit(pretrain.next_token(), forward, params, batch, steps=PRETRAINED, rate=PRETRAIN_RATE, key=key)


def predict(params: Any, texts: jax.Array) -> jax.Array:
    """Probabilities `[B, 2]` of the labels, by the words that name them."""
    words = jnp.asarray([[SPECIAL.index(word)] for word in TEMPLATE.words])
    tokens = asked(texts)
    places = jnp.argmax(tokens == SPECIAL.index("[MASK]"), axis=1)
    there = jnp.take_along_axis(logits(params, tokens), places[:, None, None], axis=1)[:, 0]
    return pretrain.verbalize(there, words)


@jax.jit
def _tuned(params, texts, labels):
    """Parameters after tuning on labelled texts."""
    terms = supervised.Terms(inputs=texts, labels=labels, mask=jnp.ones(len(texts), bool))
    forward = supervised.forward(lambda params, texts: jnp.log(predict(params, texts)))
    loss, key = supervised.cross_entropy(), jax.random.key(0)  # every batch is the whole
    return fit(loss, forward, params, lambda key: terms, steps=TUNED, rate=TUNE_RATE, key=key)


def _draw(key):
    keys = jax.random.split(key, 9)
    labels = {
        "general": jax.random.randint(keys[0], (UNLABELLED,), 0, 2),
        "labelled": jnp.arange(2 * PER_CLASS) % 2,
        "unlabelled": jax.random.randint(keys[1], (UNLABELLED,), 0, 2),
        "test": jax.random.randint(keys[2], (TESTED,), 0, 2),
    }
    texts = {
        name: draw_texts(key, labels[name], 0.0 if name == "general" else OWN_SHARE)
        for name, key in zip(labels, keys[3:7], strict=True)
    }
    sizes = {"words": (VOCABULARY, SIZE), "hidden": (3 * SIZE, WIDTH), "out": (WIDTH, VOCABULARY)}
    params = {
        name: jax.random.normal(jax.random.fold_in(keys[7], i), shape) / shape[-1 if name == "words" else 0] ** 0.5
        for i, (name, shape) in enumerate(sizes.items())
    }
    params = _masked(params, said(texts["general"], labels["general"]), keys[8])
    return {"texts": texts, "labels": labels, "params": params}


def prompted_opinions(model: Any, method: str = "prompts") -> Task:
    """Texts of 12 words, four tenths of them opinions, of which a tenth are not the label's; 32 are labelled.

    The model has filled gaps in prompts of general texts. Three quarters of a review's opinions are in words of its own.

    Args:
        model: none; the masked language model is a bag of words with a hidden layer, see `logits`.
        method: "none" tunes at once; "texts" first fills gaps in 800 unlabelled reviews; "prompts" in the template with these
            reviews and the labels that the tuned model gives them, see `pretrain.pseudo_label_pretrain`, "true labels" and
            "random labels" with those.

    Returns:
        a task that answers at once, with the metric `accuracy` on new reviews.
    """
    del model

    def accuracy(params, problem):
        right = jnp.argmax(predict(params, problem["texts"]["test"]), axis=1) == problem["labels"]["test"]
        return jnp.mean(right, dtype=jnp.float32)[None]

    def labelled(problem):
        return problem["texts"]["labelled"], problem["labels"]["labelled"]

    def none(problem, key):
        del key
        return accuracy(_tuned(problem["params"], *labelled(problem)), problem)

    def texts(problem, key):
        behind = asked(problem["texts"]["unlabelled"]).shape[1] - WORDS
        tokens = jnp.pad(problem["texts"]["unlabelled"], ((0, 0), (0, behind)))
        return accuracy(_tuned(_masked(problem["params"], tokens, key), *labelled(problem)), problem)

    def prompts(problem, key):
        run = pretrain.pseudo_label_pretrain(
            _tuned,
            predict,
            problem["params"],
            labelled(problem),
            problem["texts"]["unlabelled"],
            pretrain_fit=lambda params, texts, labels: _masked(params, said(texts, labels), key),
        )
        return accuracy(run.final, problem)

    def given(problem, key, labels):
        params = _masked(problem["params"], said(problem["texts"]["unlabelled"], labels), key)
        return accuracy(_tuned(params, *labelled(problem)), problem)

    methods = {
        "none": none,
        "texts": texts,
        "prompts": prompts,
        "true labels": lambda problem, key: given(problem, key, problem["labels"]["unlabelled"]),
        "random labels": lambda problem, key: given(problem, key, jax.random.randint(key, (UNLABELLED,), 0, 2)),
    }
    return answers(_draw, 1, methods, method, lambda answer, problem: {"accuracy": answer[0]})
