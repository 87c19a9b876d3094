"""Two classes that a line through the origin separates, of which one has a single example."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from algax import supervised
from algax.experiments.tasks.task import Task


def with_margins(transform: optax.GradientTransformationExtraArgs) -> optax.GradientTransformationExtraArgs:
    """Hands the margins of the batch on to a transform that takes the extra argument `margins`; for `separation`."""

    def update(updates, state, params=None, *, terms, **extra):
        margins = (2.0 * terms.labels.astype(jnp.float32) - 1.0) * (terms.inputs @ params["weights"])
        return transform.update(updates, state, params, margins=margins, **extra)

    return optax.GradientTransformationExtraArgs(transform.init, update)


def separation(model: Any, examples: int = 1000, spread: float = 0.1) -> Task:
    """Logistic regression on one example near (0.5, -1) of class 1, the others near (-0.5, -1) of class 0, all in every batch.

    Args:
        model: not used; the parameters are a line's two weights, 0 at first.
        examples: at least 2.
        spread: standard deviation of the second coordinate.

    Returns:
        a task with the metrics `separated`, 1 once all examples are on their sides, and `margin`, the least of their distances
        from the line in the direction of their side.
    """
    del model
    if examples < 2:
        raise ValueError(f"examples must be at least 2; got {examples}")
    labels = (jnp.arange(examples) == 0).astype(jnp.int32)

    def init(key):
        second = -1.0 + spread * jax.random.normal(key, (examples,))
        inputs = jnp.stack([jnp.where(labels == 1, 0.5, -0.5), second], axis=1)
        return {"weights": jnp.zeros(2)}, {"inputs": inputs}

    def batch(params, context, step, key):
        del params, step, key
        return supervised.Terms(inputs=context["inputs"], labels=labels, mask=jnp.ones(examples, bool))

    def forward(params, terms, key):
        del key
        scores = terms.inputs @ params["weights"]
        return terms.replace(logits=jnp.stack([jnp.zeros_like(scores), scores], axis=1))

    def evaluate(params, context, key):
        del key
        norm = jnp.linalg.norm(params["weights"])
        sides = (2.0 * labels.astype(jnp.float32) - 1.0) * (context["inputs"] @ params["weights"])
        margin = jnp.min(sides) / jnp.where(norm > 0, norm, 1.0)
        return {"separated": (margin > 0).astype(jnp.float32), "margin": margin}

    return Task(init, batch, forward, evaluate)
