"""Opinions in two domains with words of their own, and labels in one: what filling gaps in both does for the other."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import measure, pretrain, supervised
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

OWN, SHARED, NEUTRAL = 30, 20, 60  # opinion words of a domain (half of them good), of both, and words without one
VOCABULARY = 2 * OWN + SHARED + NEUTRAL
WORDS, OWN_RATE, SHARED_RATE = 20, 0.25, 0.1  # of a text, and shares of these
LABELLED, UNLABELLED, TESTED = 300, 1000, 1000
WIDTH, MASKED = 16, 0.15
PRETRAINED, TUNED, RATE = 600, 60, 0.02  # steps of each stage, of Adam


def draw_texts(key: jax.Array, count: int, domain: int) -> dict[str, jax.Array]:
    """Texts `[count, 20]` of a domain, 0 or 1, and whether they are good, `[count]`."""
    label_key, kind_key, word_key = jax.random.split(key, 3)
    labels = jax.random.bernoulli(label_key, 0.5, (count,)).astype(jnp.int32)
    kinds = jax.random.uniform(kind_key, (count, WORDS))
    draws = jax.random.uniform(word_key, (count, WORDS))

    def among(first, size):
        return first + jnp.floor(draws * size).astype(jnp.int32)

    own = among(domain * OWN, OWN // 2) + labels[:, None] * (OWN // 2)
    shared = among(2 * OWN, SHARED // 2) + labels[:, None] * (SHARED // 2)
    words = jnp.where(kinds < OWN_RATE + SHARED_RATE, shared, among(2 * OWN + SHARED, NEUTRAL))
    return {"words": jnp.where(kinds < OWN_RATE, own, words), "labels": labels}


def _draw(key):
    keys = jax.random.split(key, 6)
    sizes = ((LABELLED, 0), (UNLABELLED, 0), (UNLABELLED, 1), (TESTED, 1))
    names = ("labelled", "source", "target", "test")
    texts = {name: draw_texts(k, *size) for name, k, size in zip(names, keys[:4], sizes, strict=True)}
    params = {
        "words": jax.random.normal(keys[4], (VOCABULARY, WIDTH)) / WIDTH**0.5,
        "gaps": jax.random.normal(keys[5], (WIDTH, VOCABULARY)) / WIDTH**0.5,
        "classes": jnp.zeros([WIDTH, 2]),
    }
    return {**texts, "params": params}


def _fit(loss, forward, params, batch, steps, key):
    """Adam from batches `key -> terms`."""
    tx = optax.chain(algax.gradient(loss, forward), optax.adam(RATE))

    def step(carry, key):
        params, state = carry
        updates, state = tx.update(None, state, params, terms=batch(key))
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, steps))[0][0]


def _pretrain(problem, masks, key):
    """Parameters after filling gaps in texts of both domains."""
    texts, labels = (
        jnp.concatenate([problem[domain][name] for domain in ("source", "target")]) for name in ("words", "labels")
    )
    present = jnp.max(jax.nn.one_hot(texts, VOCABULARY), axis=1)
    scores = jnp.max(measure.pointwise_information(present, labels, 2), axis=1)

    def batch(key):
        row_key, noise_key = jax.random.split(key)
        chosen = texts[jax.random.randint(row_key, (128,), 0, len(texts))]
        there = jnp.ones(chosen.shape, bool)
        if masks == "any":
            hidden = pretrain.iid_noise(noise_key, jnp.full(128, WORDS), WORDS, rate=MASKED)
        else:
            jitter = 1e-3 * jax.random.uniform(noise_key, chosen.shape)  # words alike are hidden in turn
            hidden = pretrain.scored_noise(scores[chosen] + jitter, there, rate=MASKED, highest=masks == "telling")
        return pretrain.Terms(inputs=chosen, tokens=chosen, mask=hidden)

    def forward(params, terms, key):
        del key
        seen = jnp.where(terms.mask[..., None], 0.0, params["words"][terms.inputs])
        context = jnp.sum(seen, axis=1) / WORDS
        scores = jnp.broadcast_to((context @ params["gaps"])[:, None], (*terms.mask.shape, VOCABULARY))
        return terms.replace(log_probs=algax.Logits(scores).log_probs(terms.tokens))

    return _fit(pretrain.next_token(), forward, problem["params"], batch, PRETRAINED, key)


def _classify(params, words):
    return jnp.mean(params["words"][words], axis=1) @ params["classes"]


def _tuned(problem, key, masks):
    """Accuracy on the target after supervised training on the source, and before it filling gaps, if at all."""
    params = _pretrain(problem, masks, key) if masks else problem["params"]
    words, labels = problem["labelled"]["words"], problem["labelled"]["labels"]
    terms = supervised.Terms(inputs=words, labels=labels, mask=jnp.ones(LABELLED, bool))
    forward = supervised.forward(_classify)
    params = _fit(supervised.cross_entropy(), forward, params, lambda key: terms, TUNED, key)
    said = jnp.argmax(_classify(params, problem["test"]["words"]), axis=1)
    return jnp.mean(said == problem["test"]["labels"], dtype=jnp.float32)[None]


def two_domains(model: Any, method: str = "source alone") -> Task:
    """Texts of 20 words, a quarter opinions in words of the domain, a tenth in words of both; the test is the target.

    Args:
        model: none; words have vectors, texts their mean, and gaps and classes are linear in it.
        method: "source alone" learns 300 labelled texts of the source; "gaps" first fills gaps in 2000 texts of both domains,
            "telling gaps" and "idle gaps" in those words that say most and least of the label, by
            `measure.pointwise_information`.

    Returns:
        a task that answers at once, with the metric `accuracy` on the target.
    """
    del model
    masks = {"source alone": "", "gaps": "any", "telling gaps": "telling", "idle gaps": "idle"}
    methods = {name: lambda problem, key, kind=kind: _tuned(problem, key, kind) for name, kind in masks.items()}
    return answers(_draw, 1, methods, method, lambda answer, problem: {"accuracy": answer[0]})
