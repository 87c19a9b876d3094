"""How accurate a classifier will be with all data, predicted from its accuracies on the first third."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax import measure
from algax.experiments.tasks.answers import answers, on_host
from algax.experiments.tasks.digits import load
from algax.experiments.tasks.task import Task

SIZES = np.arange(50, 1500, 50)  # training images
ORDERS = 32  # a seed's curve is the mean over as many orders of the images
RIDGE = 10.0


def learning_curve(model: Any, method: str = "trace", share: float = 0.3, tolerance: float = 1.0) -> Task:
    """Ridge classifiers of digits on more and more images.

    Args:
        model: not used.
        method: "trace" fits `measure.learning_trace` to the first part, "logarithm" a line in the logarithm of the size, and
            "last" takes its last accuracy.
        share: of the sizes that are seen.
        tolerance: in points, of the rule that says when the accuracies of the trace suffice.

    Returns:
        a task with the metrics `error`, points between the predicted and the true accuracy on all images, and `used`, the share
        of the images seen when `measure.stopping_level` stops (1 for the other methods).
    """
    del model
    pixels, labels = load()
    inputs = jnp.concatenate([jnp.asarray(pixels), jnp.ones((len(labels), 1))], axis=1)
    targets = jax.nn.one_hot(jnp.asarray(labels), 10)
    seen = int(share * len(SIZES))

    def accuracy(order, size):
        counted = (jnp.arange(len(order)) < size).astype(jnp.float32)[:, None]
        own, classes, held = inputs[order], targets[order], slice(int(SIZES[-1]), None)
        gram = (own * counted).T @ own + RIDGE * jnp.eye(inputs.shape[1])
        weights = jnp.linalg.solve(gram, (own * counted).T @ classes)
        hits = jnp.argmax(own[held] @ weights, -1) == jnp.argmax(classes[held], -1)
        return 100.0 * jnp.mean(hits, dtype=jnp.float32)

    def draw(key):
        orders = jax.vmap(lambda key: jax.random.permutation(key, len(labels)))(jax.random.split(key, ORDERS))

        def mean(size):
            return jnp.mean(jax.lax.map(lambda order: accuracy(order, size), orders))

        return {"curve": jax.lax.map(mean, jnp.asarray(SIZES))}

    def trace(curve):
        found = measure.learning_trace(SIZES[:seen], curve[:seen])
        whole = measure.learning_trace(SIZES, curve)
        level = measure.stopping_level(whole, tolerance=tolerance)
        used = 1.0 if level is None else float(whole.sizes[level] / SIZES[-1])
        return np.array([found.laws[-1].at(float(SIZES[-1])), used])

    def logarithm(context, key):
        x, y = jnp.log(jnp.asarray(SIZES[:seen], jnp.float32)), context["curve"][:seen]
        slope = jnp.sum((x - jnp.mean(x)) * y) / jnp.sum((x - jnp.mean(x)) ** 2)
        return jnp.stack([jnp.mean(y) + slope * (jnp.log(float(SIZES[-1])) - jnp.mean(x)), jnp.ones([])])

    methods = {
        "trace": lambda context, key: on_host(trace, (2,), context["curve"]),
        "logarithm": logarithm,
        "last": lambda context, key: jnp.stack([context["curve"][seen - 1], jnp.ones([])]),
    }

    def judge(answer, context):
        return {"error": jnp.abs(answer[0] - context["curve"][-1]), "used": answer[1]}

    return answers(draw, 2, methods, method, judge)
