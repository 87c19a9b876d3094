"""Two weak teachers that share their errors, and a student better than both: linear classifiers in many dimensions."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import preference
from algax.experiments.tasks.task import Task

BETTER, WORSE = (0.7, -0.1), (0.6, -0.3)  # the teachers' coefficients of the known and the lacking skill
TARGET = (0.8, 0.6)
SHARED = 0.9  # correlation of the teachers' errors


def weak_teachers(model: Any, dimensions: int = 100, inputs: int = 2000) -> Task:
    """A student that has one of two skills, theta = s, and teachers that lack the other, q, even more.

    Inputs are Gaussian and answers signs: teacher c answers `sign(theta_c x)`, the student y = ±1 with probability
    `sigmoid(y theta x)`. The target is .8 s + .6 q; the teachers have cosines of .5 and .3 with it, their errors correlate.

    Args:
        model: none; the parameters are theta, `[dimensions]`.
        dimensions: at least 5.
        inputs: drawn for a step.

    Returns:
        a task of `preference.Terms`, the better teacher's answers as the chosen ones, with the metric `cosine` of student and
        target, .8 at the start.
    """
    del model
    if dimensions < 5:
        raise ValueError(f"dimensions must be at least 5; got {dimensions}")

    def init(key):
        basis = jnp.linalg.qr(jax.random.normal(key, (dimensions, 4)))[0].T
        known, lacking, common, own = basis
        noises = (common, SHARED * common + (1.0 - SHARED**2) ** 0.5 * own)
        teachers = [
            a * known + b * lacking + (1.0 - a**2 - b**2) ** 0.5 * noise
            for (a, b), noise in zip((BETTER, WORSE), noises, strict=True)
        ]
        return known, {
            "target": TARGET[0] * known + TARGET[1] * lacking,
            "teachers": jnp.stack(teachers),
            "reference": known,
        }

    def log_probs(params, drawn, answers):
        return jax.nn.log_sigmoid(answers * (drawn @ params))

    def batch(params, context, step, key):
        del params, step
        drawn = jax.random.normal(key, (inputs, dimensions))
        better, worse = jnp.sign(context["teachers"] @ drawn.T)
        ones = jnp.ones(inputs, jnp.float32)
        return preference.Terms(
            inputs={"drawn": drawn, "better": better, "worse": worse},
            mask=jnp.ones(inputs, bool),
            ref_chosen_log_probs=log_probs(context["reference"], drawn, better),
            ref_rejected_log_probs=log_probs(context["reference"], drawn, worse),
            chosen_lengths=ones,
            rejected_lengths=ones,
        )

    def forward(params, terms, key):
        del key
        drawn = terms.inputs["drawn"]
        return terms.replace(
            chosen_log_probs=log_probs(params, drawn, terms.inputs["better"]),
            rejected_log_probs=log_probs(params, drawn, terms.inputs["worse"]),
        )

    def evaluate(params, context, key):
        del key
        return {"cosine": jnp.sum(params * context["target"]) / jnp.linalg.norm(params)}

    return Task(init, batch, forward, evaluate)
