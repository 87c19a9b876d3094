"""A river in a valley: a slow slope along x, and steep hills in y that bend with the river."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import supervised
from algax.experiments.tasks.task import Task


def mean_output() -> algax.LossTransform:
    """The mean of a model's only output, for a task whose output is its loss."""

    def update(terms: supervised.Terms) -> supervised.Terms:
        return terms.add_loss(terms.mean(terms.logits[:, 0]))

    return algax.loss_transform(update, reads=("logits",), writes=("loss",), name="mean_output")


def river_valley(model: Any, slope: float = 0.05, curvature: float = 20.0, noise: float = 1.0) -> Task:
    """The landscape L(x, y) = -slope x + curvature / 2 (y - sin x)^2, whose gradient in y is noisy; its loss is `mean_output`.

    The gradient of x is that of the river alone.

    Args:
        model: not used; the parameters are x and y, 0 at first.
        slope: of the river, above 0.
        curvature: of the hills, above 0; constant rates below 2 / curvature are stable.
        noise: standard deviation of the gradient's noise in y.

    Returns:
        a task with the metrics `loss`, and its parts `river` and `hill`, without noise.
    """
    del model

    def parts(params):
        hill = 0.5 * curvature * jnp.square(params["y"] - jax.lax.stop_gradient(jnp.sin(params["x"])))
        return -slope * params["x"], hill

    def init(key):
        del key
        return {"x": jnp.zeros([]), "y": jnp.zeros([])}, {}

    def batch(params, context, step, key):
        del params, context, step
        return supervised.Terms(inputs=noise * jax.random.normal(key, (1,)), mask=jnp.ones(1, bool))

    def forward(params, terms, key):
        del key
        river, hill = parts(params)
        return terms.replace(logits=(river + hill + terms.inputs * params["y"])[:, None])

    def evaluate(params, context, key):
        del context, key
        river, hill = parts(params)
        return {"loss": river + hill, "river": river, "hill": hill}

    return Task(init, batch, forward, evaluate)
