"""Squared error on some digits, all in every batch, and its sharpness."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import measure, supervised
from algax.experiments.tasks.digits import load
from algax.experiments.tasks.task import Task


def fitted_digits(model: Any, examples: int = 256) -> Task:
    """Gradient descent on digits as a regression of their one-hot classes.

    Args:
        model: a `models.ScaledMLP` of 10 outputs.
        examples: of every seed's own draw.

    Returns:
        a task with the metrics `loss` and `sharpness`, its Hessian's largest eigenvalue times the model's `rate_scale`.
    """
    pixels, labels = map(jnp.asarray, load())
    pixels = (pixels - jnp.mean(pixels, 0, keepdims=True)) / (jnp.std(pixels, 0, keepdims=True) + 0.1)

    def init(key):
        data_key, model_key = jax.random.split(key)
        rows = jax.random.permutation(data_key, len(labels))[:examples]
        return model.init(model_key, pixels[:1]), {"inputs": pixels[rows], "targets": jax.nn.one_hot(labels[rows], 10)}

    def batch(params, context, step, key):
        del params, step, key
        return supervised.Terms(mask=jnp.ones(examples, bool), **context)

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        def loss(params):
            return 0.5 * jnp.mean(jnp.sum((model.apply(params, context["inputs"]) - context["targets"]) ** 2, axis=-1))

        sharpness = measure.sharpness(loss, params, key, iterations=20, scale=model.rate_scale)
        return {"loss": loss(params), "sharpness": sharpness}

    return Task(init, batch, forward, evaluate)
