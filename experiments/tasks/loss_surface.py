"""The expected losses of quadratics of several sizes at several batch sizes, and a law fitted to the small ones."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax import measure
from algax.experiments.tasks.answers import answers, on_host
from algax.experiments.tasks.quadratic_curves import DIMS, advance, quadratic
from algax.experiments.tasks.task import Task

SIZES, BATCHES = (16, 32, 64, DIMS), (4, 32, 256)  # the last size is predicted
SEEN = np.unique(np.geomspace(20, 2000, 16).astype(int))  # steps
NOISE = 4.0


def surface(problem: dict[str, jax.Array]) -> jax.Array:
    """Losses `[sizes, batches, SEEN]` of the first `size` directions, each step at the rate that lowers the loss most."""
    curvature = problem["curvature"]
    total = 0.5 * curvature * problem["squares"]
    # What directions beyond all add: the sum goes on as a power law.
    slope = jnp.log(total[-1] / total[-2]) / jnp.log(DIMS / (DIMS - 1.0))
    beyond = -total[-1] * DIMS / (slope + 1.0) * (1.0 + 0.5 / DIMS) ** (slope + 1.0)

    def curve(size, batch):
        within = jnp.arange(DIMS) < size
        rest = jnp.sum(jnp.where(within, 0.0, total)) + beyond

        def step(squares, _):
            expected = jnp.where(within, curvature**2 * squares, 0.0)
            variance = jnp.sum(jnp.where(within, curvature**2, 0.0)) * NOISE / batch
            rate = jnp.minimum(jnp.sum(expected) / (jnp.sum(curvature * expected) + variance), 1.0)
            squares = advance(squares, curvature, rate, NOISE / batch)
            return squares, 0.5 * jnp.sum(jnp.where(within, curvature * squares, 0.0)) + rest

        return jax.lax.scan(step, problem["squares"], None, length=int(SEEN[-1]))[1][SEEN - 1]

    by_batch = jax.vmap(curve, in_axes=(None, 0))
    return jax.vmap(by_batch, in_axes=(0, None))(jnp.array(SIZES), jnp.array(BATCHES, jnp.float32))


def loss_surface(model: Any, method: str = "kaplan") -> Task:
    """The trajectories of the largest size, predicted from those of the three smaller ones.

    Args:
        model: not used.
        method: "kaplan" fits `measure.KaplanLaw`, "steps" the same without the batch.

    Returns:
        a task with the metric `error`, the mean relative error of the loss over all batches and steps.
    """
    del model
    size, batch, steps = np.meshgrid(np.array(SIZES[:-1]), np.array(BATCHES), SEEN, indexing="ij")

    def fit(losses, with_batch):
        """The constants of all runs together, started from those of each part."""
        converged = measure.fit_power_law(np.array(SIZES[:-1]), losses[:3].min(axis=(1, 2))).law
        start = measure.KaplanLaw(
            size_scale=converged.scale ** (-1.0 / converged.exponent),
            size_exponent=-converged.exponent,
            step_scale=1.0,
            step_exponent=0.5,
            batch_scale=1.0 if with_batch else 0.0,
            batch_exponent=0.5,
        )
        bounds = {name: (1e-3, 5.0) for name in ("size_exponent", "step_exponent", "batch_exponent")}
        bounds |= {} if with_batch else {"batch_scale": (0.0, 1e-12), "batch_exponent": (0.5, 0.5 + 1e-9)}

        def predict(law):
            return law.after_steps(size, steps, batch, iterations=50)

        return measure.fit_law(predict, losses[:3], [start], bounds=bounds, loss="squared").law

    def predicted(with_batch):
        def answer(losses):
            law = fit(losses, with_batch)
            return np.stack([law.after_steps(DIMS, SEEN, b) for b in BATCHES]).ravel()

        return lambda context, key: on_host(answer, (len(BATCHES) * len(SEEN),), context["losses"])

    def draw(key):
        return {"losses": surface(quadratic(key))}

    def judge(answer, context):
        truth = context["losses"][-1].ravel()
        return {"error": jnp.mean(jnp.abs(answer - truth) / truth)}

    methods = {"kaplan": predicted(True), "steps": predicted(False)}
    return answers(draw, len(BATCHES) * len(SEEN), methods, method, judge)
