"""One setting of the learning rate for runs of all lengths and batch sizes, on quadratics with power-law spectra."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax import measure, schedules
from algax.experiments.tasks.answers import answers, on_host
from algax.experiments.tasks.quadratic_curves import advance, quadratic
from algax.experiments.tasks.task import Task

LENGTHS, BATCHES = (250, 1000, 4000), (1, 4)
NOISE, PEAK = 1.0, 1.0
GRID = np.geomspace(0.004, PEAK, 25)  # rates tried in every cell


def final_loss(problem: dict[str, jax.Array], rates: jax.Array, batch: int) -> jax.Array:
    """The expected loss after a run."""
    curvature = problem["curvature"]

    def step(squares, rate):
        return advance(squares, curvature, rate, NOISE / batch), None

    return 0.5 * jnp.sum(curvature * jax.lax.scan(step, problem["squares"], rates)[0])


def power_rates(model: Any, method: str = "power") -> Task:
    """Six cells: runs of three lengths at two batch sizes, each with a plateau and a tenth of linear decay to 0.

    Args:
        model: not used.
        method: "power" follows the law of `schedules.power` with constants fitted to the best rates of all cells, "fixed" takes
            the one rate whose worst cell is best.

    Returns:
        a task with the metrics `worst` and `mean`: how far a cell's loss is above that of its own best constant rate, over it.
    """
    del model
    cells = [(length, batch) for length in LENGTHS for batch in BATCHES]
    tokens, batches = (np.array(values, np.float64) for values in zip(*((t * b, b) for t, b in cells), strict=True))

    def decayed(plateau, length):
        decay = schedules.with_final_decay(plateau, length - length // 10, length // 10)
        return jax.vmap(decay)(jnp.arange(length))

    def draw(key):
        problem = quadratic(key)

        def tried(length, batch):
            shape = decayed(lambda step: 1.0, length)
            return jax.lax.map(lambda rate: final_loss(problem, rate * shape, batch), jnp.asarray(GRID, jnp.float32))

        return problem | {"tried": jnp.stack([tried(length, batch) for length, batch in cells])}

    def law(tried):
        """Scale and exponent of rate / batch as a power of the tokens."""
        rates = GRID[tried.argmin(axis=1)]
        found = measure.fit_power_law(tokens, rates / batches).law
        return np.array([found.scale, found.exponent])

    def power(context, key):
        scale, exponent = on_host(law, (2,), context["tried"])
        losses = []
        for length, batch in cells:
            # `schedules.power` itself takes numbers; here they are a seed's own.
            def plateau(step, batch=batch):
                seen = jnp.maximum(step * batch, 1).astype(jnp.float32)
                return jnp.minimum(PEAK, batch * scale * seen**exponent)

            losses.append(final_loss(context, decayed(plateau, length), batch))
        return jnp.stack(losses)

    def fixed(context, key):
        return context["tried"][:, jnp.argmin(jnp.max(excess(context["tried"], context), axis=0))]

    def excess(losses, context):
        best = jnp.min(context["tried"], axis=1)
        best = best if losses.ndim == 1 else best[:, None]
        return losses / best - 1.0

    def judge(answer, context):
        above = excess(answer, context)
        return {"worst": jnp.max(above), "mean": jnp.mean(above)}

    return answers(draw, len(cells), {"power": power, "fixed": fixed}, method, judge)
