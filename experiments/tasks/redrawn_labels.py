"""Digits whose labels are drawn anew, at random, round after round: what a network can still learn."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.tasks.digits import accuracy_and_loss, load
from algax.experiments.tasks.task import Task


class NormalizedMLP(nn.Module):
    """Layers without biases, each but the last followed by a layer norm without parameters and a ReLU.

    Attributes:
        features: width of each layer.
    """

    features: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, F]` to `[B, features[-1]]`."""
        *hidden, outputs = self.features
        for index, features in enumerate(hidden):
            x = nn.Dense(features, use_bias=False, name=f"hidden_{index}")(x)
            x = nn.relu(nn.LayerNorm(use_bias=False, use_scale=False)(x))
        return nn.Dense(outputs, name="output")(x)


def redrawn_labels(model: Any, images: int = 512, rounds: int = 20, round_steps: int = 150, batch_size: int = 64) -> Task:
    """Learning random labels of real digits by heart, and others every `round_steps` steps.

    Args:
        model: a Linen module, `[B, 64]` standardised pixels to `[B, 10]` logits.
        images: how many.
        rounds: all of them; the last goes on for ever.
        round_steps: steps a round.
        batch_size: images a step, drawn with replacement.

    Returns:
        a task with the metrics `accuracy` and `loss` on the labels of the last round.
    """
    pixels = jnp.asarray(load()[0])
    pixels = (pixels - jnp.mean(pixels, 0, keepdims=True)) / (jnp.std(pixels, 0, keepdims=True) + 0.1)

    def init(key):
        image_key, label_key, model_key = jax.random.split(key, 3)
        chosen = pixels[jax.random.permutation(image_key, len(pixels))[:images]]
        labels = jax.random.randint(label_key, (rounds, images), 0, 10)
        return model.init(model_key, chosen[:1]), {"images": chosen, "labels": labels}

    def batch(params, context, step, key):
        del params
        rows = jax.random.randint(key, (batch_size,), 0, images)
        labels = context["labels"][jnp.minimum(step // round_steps, rounds - 1)]
        return supervised.Terms(inputs=context["images"][rows], labels=labels[rows], mask=jnp.ones(batch_size, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        accuracy, loss = accuracy_and_loss(model.apply(params, context["images"]), context["labels"][-1])
        return {"accuracy": accuracy, "loss": loss}

    return Task(init, batch, forward, evaluate)
