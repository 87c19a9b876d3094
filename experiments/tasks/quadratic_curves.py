"""Expected losses of SGD on quadratics with power-law spectra, and laws that are fitted to some and predict others."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from algax import measure, schedules
from algax.experiments.tasks.answers import answers, on_host
from algax.experiments.tasks.task import Task

DIMS = 256


def quadratic(key: jax.Array) -> dict[str, jax.Array]:
    """A quadratic sum_i h_i x_i^2 / 2 with h_i = i^-a and h_i x_i^2 = i^-b at the start, a and b a seed's own."""
    first, second = jax.random.uniform(key, (2,))
    index = jnp.arange(1, DIMS + 1, dtype=jnp.float32)
    curvature = index ** -(1.0 + 0.5 * first)
    return {"curvature": curvature, "squares": index ** -(1.4 + 0.4 * second) / curvature}


def advance(squares: jax.Array, curvature: jax.Array, rate: jax.Array, noise: jax.Array | float) -> jax.Array:
    """E x_i^2 after a step of SGD whose gradient has the variance h_i noise."""
    return (1.0 - rate * curvature) ** 2 * squares + rate**2 * curvature * noise


def losses(problem: dict[str, jax.Array], rates: jax.Array, noise: float) -> jax.Array:
    """The expected loss before the first step and after each, `[T + 1]`, with an irreducible part of 1."""
    curvature = problem["curvature"]

    def step(squares, rate):
        return advance(squares, curvature, rate, noise), 0.5 * jnp.sum(curvature * squares)

    last, before = jax.lax.scan(step, problem["squares"], rates)
    return 1.0 + jnp.append(before, 0.5 * jnp.sum(curvature * last))


def annealing_curves(model: Any, method: str = "annealing", steps: int = 4000, noise: float = 0.3, every: int = 20) -> Task:
    """The loss of a warmup-stable-decay run, predicted from a constant and a cosine run.

    Args:
        model: not used.
        method: "annealing" fits `measure.AnnealingLaw`, "forward" the power law of the summed rates alone.
        steps: of each run.
        noise: variance of the gradient along a direction of curvature 1, at a rate of 0.5.
        every: steps between the losses that are seen; those of the first tenth are not.

    Returns:
        a task with the metrics `error` (mean relative error over the held-out curve) and `final_error` (at its end).
    """
    del model
    count = jnp.arange(steps)
    shapes = {
        "constant": optax.constant_schedule(0.5),
        "cosine": optax.cosine_decay_schedule(0.5, steps, alpha=0.1),
        "held_out": schedules.warmup_stable_decay(0.5, steps, warmup=0, decay_steps=steps // 5, shape="linear"),
    }
    rates = {name: jnp.broadcast_to(jnp.asarray(shape(count), jnp.float32), (steps,)) for name, shape in shapes.items()}
    seen = np.arange(steps // 10, steps + 1, every)
    areas = {}
    for name, values in rates.items():
        forward, annealing = measure.annealing_areas(np.concatenate([values[:1], values]))
        areas[name] = forward[seen], annealing[seen]

    def draw(key):
        problem = quadratic(key)
        return {name: losses(problem, values, noise)[seen] for name, values in rates.items()}

    def annealing(constant, cosine):
        curves = [measure.Curve(*areas["constant"], constant), measure.Curve(*areas["cosine"], cosine)]
        return measure.fit_annealing_law(curves).law.losses(*areas["held_out"])

    def forward(constant, cosine):
        sums = np.concatenate([areas["constant"][0], areas["cosine"][0]])
        return measure.fit_power_law_offset(sums, np.concatenate([constant, cosine])).law.at(areas["held_out"][0])

    def fitted(fit):
        return lambda context, key: on_host(fit, (len(seen),), context["constant"], context["cosine"])

    def judge(predicted, context):
        errors = jnp.abs(predicted - context["held_out"]) / context["held_out"]
        return {"error": jnp.mean(errors), "final_error": errors[-1]}

    return answers(draw, len(seen), {"annealing": fitted(annealing), "forward": fitted(forward)}, method, judge)
