"""Designs proposed by climbing a model of a function that is known at its worse half of points only."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.tasks.task import Task

SIDE = 5.0  # designs are points of [-5, 5]^2
OPTIMUM = 78.33233  # the largest value, at -2.903534 in both coordinates


def styblinski_tang(points: jax.Array) -> jax.Array:
    """The negative Styblinski-Tang function: `[..., 2]` points to `[...]` values, of which the largest is `OPTIMUM`."""
    return -0.5 * jnp.sum(points**4 - 16.0 * points**2 + 5.0 * points, axis=-1)


def mean_prediction(model: Any) -> Callable[[Any, jax.Array], jax.Array]:
    """The mean output of a model as a function of parameters and inputs, for `updates.prediction_gradient_penalty`."""
    return lambda params, inputs: jnp.mean(model.apply(params, inputs))


def offline_design(
    model: Any, points: int = 400, batch_size: int = 64, designs: int = 32, ascent_steps: int = 200, ascent_rate: float = 0.05
) -> Task:
    """Regression on the worse half of random points, judged by where its gradient leads from the best of them.

    Args:
        model: a Linen module, points over 5 `[B, 2]` to `[B, 1]`, trained to give standardised values.
        points: drawn from the square, of which the lower half is kept.
        batch_size: points a step, drawn with replacement.
        designs: the best points known, from which the model is climbed.
        ascent_steps: steps of the climb.
        ascent_rate: of points over 5 and standardised values.

    Returns:
        a task with the metrics `value` (mean true value of the designs proposed: 0 at the best point known, 1 at the optimum),
        `log_norm` (logarithm of the norm of the mean prediction's gradient by the parameters) and `loss`.
    """

    def init(key):
        point_key, model_key = jax.random.split(key)
        drawn = jax.random.uniform(point_key, (points, 2), minval=-SIDE, maxval=SIDE)
        order = jnp.argsort(styblinski_tang(drawn))[: points // 2]
        values = styblinski_tang(drawn[order])
        targets = (values - jnp.mean(values)) / jnp.std(values)
        context = {"inputs": drawn[order] / SIDE, "targets": targets[:, None], "best": values[-1]}
        return model.init(model_key, drawn[:1]), context

    def batch(params, context, step, key):
        del params, step
        rows = jax.random.randint(key, (batch_size,), 0, points // 2)
        mask = jnp.ones(batch_size, bool)
        return supervised.Terms(inputs=context["inputs"][rows], targets=context["targets"][rows], mask=mask)

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def climbed(params, start):
        slope = jax.grad(lambda x: jnp.sum(model.apply(params, x)))

        def step(x, _):
            return jnp.clip(x + ascent_rate * slope(x), -1.0, 1.0), None

        return jax.lax.scan(step, start, None, length=ascent_steps)[0]

    def evaluate(params, context, key):
        del key
        inputs, best = context["inputs"], context["best"]
        proposed = styblinski_tang(SIDE * climbed(params, inputs[-designs:]))
        slope = jax.grad(mean_prediction(model))(params, inputs)
        norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(slope)))
        errors = model.apply(params, inputs) - context["targets"]
        return {
            "value": (jnp.mean(proposed) - best) / (OPTIMUM - best),
            "log_norm": jnp.log(norm),
            "loss": 0.5 * jnp.mean(errors**2),
        }

    return Task(init, batch, forward, evaluate)
