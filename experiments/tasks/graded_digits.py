"""Digits under noise of their own, from clear to hidden ones: training on easy or on hard ones."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import curriculum, supervised
from algax.experiments.resolve import nearest
from algax.experiments.tasks.digits import TRAIN, load
from algax.experiments.tasks.task import Task

KINDS = ("easy", "hard", "mislabelled hard")
WRONG = 0.3  # share of wrong labels among mislabelled ones


def blurred(key: jax.Array, noise: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Digits in random order, pixels `[1797, 64]` with noise of a standard deviation of their own, and labels `[1797]`.

    Returns:
        pixels, labels and the standard deviations `[1797]`, uniform in [0, `noise`].
    """
    order_key, level_key, noise_key = jax.random.split(key, 3)
    pixels, labels = map(jnp.asarray, load())
    order = jax.random.permutation(order_key, len(labels))
    levels = jax.random.uniform(level_key, (len(labels),), maxval=noise)
    return pixels[order] + levels[:, None] * jax.random.normal(noise_key, pixels.shape), labels[order], levels


def graded_digits(model: Any, train: str = "easy", noise: float = 0.8, examples: int = 160) -> Task:
    """Digits whose hardness is the noise on them; the 30 % with the least are easy, the 30 % with the most hard.

    Args:
        model: a Linen module, `[B, 64]` pixels to `[B, 10]` logits.
        train: "easy", "hard" or "mislabelled hard", of whose labels 30 % are wrong.
        noise: largest standard deviation of the noise, above 0.
        examples: all in every batch.

    Returns:
        a task with the metrics `accuracy` (on hard digits that are not trained on) and `easy_accuracy`.
    """
    if train not in KINDS:
        raise ValueError(f"unknown train {train!r}: {nearest(train, KINDS)}")

    def init(key):
        data_key, wrong_key, shift_key, model_key = jax.random.split(key, 4)
        pixels, labels, levels = blurred(data_key, noise)
        kinds = curriculum.hardness_levels(levels, curriculum.hardness_cutoffs(levels))
        shifts = jax.random.randint(shift_key, labels.shape, 1, 10)
        wrong = jnp.where(jax.random.bernoulli(wrong_key, WRONG, labels.shape), (labels + shifts) % 10, labels)
        data = {"pixels": pixels, "labels": labels, "wrong": wrong, "kinds": kinds}
        return model.init(model_key, pixels[:1]), data

    def batch(params, context, step, key):
        del params, step, key
        wanted = context["kinds"][:TRAIN] == (0 if train == "easy" else 2)
        rows = jnp.nonzero(wanted, size=examples)[0]  # the data are in random order
        labels = context["wrong" if train == "mislabelled hard" else "labels"]
        return supervised.Terms(inputs=context["pixels"][rows], labels=labels[rows], mask=jnp.ones(examples, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        right = jnp.argmax(model.apply(params, context["pixels"][TRAIN:]), -1) == context["labels"][TRAIN:]
        kinds = context["kinds"][TRAIN:]
        of = lambda kind: jnp.mean(right, dtype=jnp.float32, where=kinds == kind)  # noqa: E731
        return {"accuracy": of(2), "easy_accuracy": of(0)}

    return Task(init, batch, forward, evaluate)
