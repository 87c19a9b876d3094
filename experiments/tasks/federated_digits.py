"""Federated averaging on digits: clients with classes of their own, one round a step."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.tasks.digits import accuracy_and_loss, load, split
from algax.experiments.tasks.task import Task


def federated_digits(
    model: Any,
    clients: int = 10,
    concentration: float = 0.5,
    local_rate: float = 0.002,
    local_steps: int = 8,
    batch_size: int = 16,
) -> Task:
    """Every client trains alone for some steps of SGD; the mean of their changes is the round's step.

    With the loss `mean_output` the gradient is that mean, negated: SGD of rate 1 is federated averaging.

    Args:
        model: a Linen module, `[B, 64]` standardised pixels to `[B, 10]` logits.
        clients: at least 1, all of whom take part in every round.
        concentration: of the Dirichlet distribution of a client's classes, above 0.
        local_rate: of the clients' SGD.
        local_steps: steps of a client a round.
        batch_size: images of a client's step, drawn with replacement from the training part by its classes.

    Returns:
        a task with the metrics `accuracy` and `loss` (test).
    """
    pixels, labels = map(jnp.asarray, load())

    def standardised(context, rows):
        return (pixels[rows] - context["mean"][None]) / context["scale"][None]

    def init(key):
        split_key, class_key, model_key = jax.random.split(key, 3)
        context = split(split_key, len(labels))
        train = pixels[context["train"]]
        context["mean"], context["scale"] = jnp.mean(train, 0), jnp.std(train, 0) + 0.1
        context["classes"] = jax.random.dirichlet(class_key, jnp.full(10, concentration), (clients,))
        return model.init(model_key, pixels[:1]), context

    def change(params, context, classes, key):
        """What a client makes of the parameters, as a difference."""
        weights = jnp.cumsum(classes[labels[context["train"]]])

        def step(own, key):
            drawn = jnp.searchsorted(weights, weights[-1] * jax.random.uniform(key, (batch_size,)), method="compare_all")
            rows = context["train"][drawn]
            inputs, targets = standardised(context, rows), labels[rows]
            slope = jax.grad(lambda own: accuracy_and_loss(model.apply(own, inputs), targets)[1])(own)
            return jax.tree.map(lambda w, g: w - local_rate * g, own, slope), None

        own, _ = jax.lax.scan(step, params, jax.random.split(key, local_steps))
        return jax.tree.map(jnp.subtract, own, params)

    def batch(params, context, step, key):
        del step
        keys = jax.random.split(key, clients)
        changes = jax.vmap(change, in_axes=(None, None, 0, 0))(params, context, context["classes"], keys)
        return supervised.Terms(inputs=changes, mask=jnp.ones(clients, bool))

    def forward(params, terms, key):
        del key

        def agreement(change):
            return sum(jnp.vdot(w, d) for w, d in zip(jax.tree.leaves(params), jax.tree.leaves(change), strict=True))

        return terms.replace(logits=-jax.vmap(agreement)(terms.inputs)[:, None])

    def evaluate(params, context, key):
        del key
        accuracy, loss = accuracy_and_loss(model.apply(params, standardised(context, context["test"])), labels[context["test"]])
        return {"accuracy": accuracy, "loss": loss}

    return Task(init, batch, forward, evaluate)
