"""Odd and even digits: a network that sees them clearly learns from the soft labels of a linear model that does not."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.tasks.digits import accuracy_and_loss, load
from algax.experiments.tasks.task import Task

WORKED, LABELLED = 300, 700  # digits with true labels for the weak model, and digits that it labels
BLUR = 0.5  # standard deviation of the noise on what the weak model sees
WEAK_STEPS, WEAK_RATE = 300, 0.5


def weak_labels(model: Any, true_labels: bool = False) -> Task:
    """Learning parity from a weak model, whose errors are no function of what the strong one sees.

    Args:
        model: a Linen module, `[B, 64]` pixels to `[B, 2]` logits.
        true_labels: give the true labels in place of the weak model's, as the ceiling.

    Returns:
        a task of `supervised.Terms` with `soft_labels`, all 700 digits in every batch, and the metrics `accuracy` (test) and
        `weak_accuracy` (of the labels).
    """
    pixels, digits = map(jnp.asarray, load())
    parity = digits % 2

    def fit(inputs, labels):
        """Logistic regression, `[65]`."""

        def step(weights, _):
            gradient = inputs.T @ (jax.nn.sigmoid(inputs @ weights) - labels) / len(labels)
            return weights - WEAK_RATE * gradient, None

        return jax.lax.scan(step, jnp.zeros(inputs.shape[1]), None, WEAK_STEPS)[0]

    def init(key):
        order_key, blur_key, model_key = jax.random.split(key, 3)
        order = jax.random.permutation(order_key, len(parity))
        worked, labelled, test = order[:WORKED], order[WORKED : WORKED + LABELLED], order[WORKED + LABELLED :]
        seen = pixels + BLUR * jax.random.normal(blur_key, pixels.shape)
        seen = jnp.concatenate([seen, jnp.ones([len(seen), 1])], axis=1)
        weights = fit(seen[worked], parity[worked].astype(jnp.float32))
        odd = jax.nn.sigmoid(seen[labelled] @ weights)
        context = {"labelled": labelled, "test": test, "weak": jnp.stack([1.0 - odd, odd], axis=1)}
        return model.init(model_key, pixels[:1]), context

    def batch(params, context, step, key):
        del params, step, key
        labels = parity[context["labelled"]]
        soft = jax.nn.one_hot(labels, 2) if true_labels else context["weak"]
        return supervised.Terms(
            inputs=pixels[context["labelled"]], labels=labels, soft_labels=soft, mask=jnp.ones(LABELLED, bool)
        )

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        accuracy, _ = accuracy_and_loss(model.apply(params, pixels[context["test"]]), parity[context["test"]])
        right = (context["weak"][:, 1] > 0.5) == (parity[context["labelled"]] == 1)
        return {"accuracy": accuracy, "weak_accuracy": jnp.mean(right, dtype=jnp.float32)}

    return Task(init, batch, forward, evaluate)
