"""Images of three patches: a weak feature that is always there, a strong one that mostly is, and noise."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.tasks.task import Task

HELD_OUT = 512


def feature_noise(
    model: Any, examples: int = 32, dims: int = 64, weak: float = 0.15, presence: float = 0.9, noise: float = 0.02
) -> Task:
    """The task of two features, one example a step.

    An example of class y, -1 or 1, has the patches y u, y v and noise; u and v are orthogonal, |v| = 1. A share of the examples
    lacks the strong feature v and has noise in its place.

    Args:
        model: a Linen module, `[B, 3, dims]` patches to `[B, 1]`, trained to give y.
        examples: in the training set, which is repeated in order.
        dims: of a patch, at least 2.
        weak: norm of u, above 0.
        presence: share of training examples with v, in [0, 1].
        noise: standard deviation of each number of a noise patch.

    Returns:
        a task with the metrics `weak_accuracy` (test examples without the strong feature), `accuracy` (test examples as in
        training), `train_accuracy` and `loss` (training).
    """
    if examples < 1 or dims < 2:
        raise ValueError(f"examples must be at least 1 and dims at least 2; got {examples} and {dims}")
    if not (weak > 0 and noise >= 0 and 0 <= presence <= 1):
        raise ValueError(f"weak must be above 0, noise at least 0, presence in [0, 1]; got {weak}, {noise} and {presence}")

    def draw(key, count, presence):
        """Patches `[count, 3, dims]` and classes `[count]`, -1 or 1."""
        class_key, presence_key, noise_key = jax.random.split(key, 3)
        classes = jnp.where(jax.random.bernoulli(class_key, 0.5, (count,)), 1.0, -1.0)
        there = jax.random.bernoulli(presence_key, presence, (count,))
        patches = noise * jax.random.normal(noise_key, (count, 3, dims))
        directions = jnp.eye(2, dims)
        patches = patches.at[:, 0].set(weak * classes[:, None] * directions[:1])
        strong = jnp.where(there[:, None], classes[:, None] * directions[1:], patches[:, 1])
        return patches.at[:, 1].set(strong), classes

    def init(key):
        train_key, test_key, model_key = jax.random.split(key, 3)
        sets = {"train": draw(train_key, examples, presence)}
        for name, share, set_key in zip(("test", "weak"), (presence, 0.0), jax.random.split(test_key), strict=True):
            sets[name] = draw(set_key, HELD_OUT, share)
        return model.init(model_key, sets["train"][0][:1]), sets

    def batch(params, context, step, key):
        del params, key
        patches, classes = context["train"]
        row = (step % examples)[None]
        return supervised.Terms(inputs=patches[row], targets=classes[row][:, None], mask=jnp.ones(1, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        metrics = {}
        for prefix, name in (("weak_", "weak"), ("", "test"), ("train_", "train")):
            patches, classes = context[name]
            outputs = model.apply(params, patches)[:, 0]
            metrics[f"{prefix}accuracy"] = jnp.mean(outputs * classes > 0, dtype=jnp.float32)
        return {**metrics, "loss": 0.5 * jnp.mean((outputs - classes) ** 2)}

    return Task(init, batch, forward, evaluate)
