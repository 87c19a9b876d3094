"""Attempts that fail half of the time and give an early sign of it: when to abort them."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import measure
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

TIMES = measure.AttemptTimes(success=20.0, failure=40.0, abort=12.0)
FRESH = 20000


def attempts(model: Any, method: str = "threshold", past: int = 500, signal: float = 1.0) -> Task:
    """Choosing the score below which attempts are aborted, judged by the time until one succeeds.

    Args:
        model: not used.
        method: "threshold" takes `measure.best_threshold` on the past attempts, "median" the middle of their scores, "never"
            aborts none.
        past: attempts that ran to their end, from which a logistic score is learnt.
        signal: how far the early signs of successes and failures lie apart, in standard deviations.

    Returns:
        a task with the metrics `time`, the realised mean time of fresh tasks, and `formula`, its relative distance from the
        expected time that the formula gives for the fresh attempts' rates.
    """
    del model

    def draw(key):
        outcome_key, sign_key, fresh_key, sign_key_2, time_key = jax.random.split(key, 5)
        succeeded = jax.random.bernoulli(outcome_key, 0.5, (past,))
        fresh = jax.random.bernoulli(fresh_key, 0.5, (FRESH,))

        def signs(key, good):
            return jax.random.normal(key, good.shape) + jnp.where(good, 0.5 * signal, -0.5 * signal)

        signals = signs(sign_key, succeeded)
        slope, offset = _logistic(signals, succeeded)
        return {
            "scores": slope * signals + offset,
            "succeeded": succeeded,
            "fresh": fresh,
            "fresh_scores": slope * signs(sign_key_2, fresh) + offset,
            "key": time_key,
        }

    methods = {
        "threshold": lambda c, key: measure.best_threshold(c["scores"], c["succeeded"], TIMES).threshold[None],
        "median": lambda c, key: jnp.median(c["scores"])[None],
        "never": lambda c, key: jnp.full(1, -1e9),
    }

    def judge(answer, context):
        """Attempts one after the other: a task ends with each attempt that succeeds and was not aborted."""
        runs, good = context["fresh_scores"] >= answer[0], context["fresh"]
        means = jnp.where(runs, jnp.where(good, TIMES.success, TIMES.failure), TIMES.abort)
        total = jnp.sum(means * jax.random.exponential(context["key"], (FRESH,)))
        done = jnp.sum(runs & good, dtype=jnp.float32)
        rate = jnp.mean(good, dtype=jnp.float32)
        predictor = measure.AbortPredictor(done / (FRESH * rate), jnp.mean(~runs, where=~good, dtype=jnp.float32))
        expected = measure.makespan(rate, TIMES, predictor)
        return {"time": total / done, "formula": jnp.abs(total / done / expected - 1.0)}

    return answers(draw, 1, methods, method, judge)


def _logistic(signals: jax.Array, succeeded: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Slope and offset of a logistic regression, by Newton's method."""
    columns, targets = jnp.stack([signals, jnp.ones_like(signals)], axis=1), succeeded.astype(jnp.float32)

    def step(weights, _):
        rates = jax.nn.sigmoid(columns @ weights)
        curvature = (columns * (rates * (1.0 - rates))[:, None]).T @ columns + 1e-3 * jnp.eye(2)
        return weights + jnp.linalg.solve(curvature, columns.T @ (targets - rates)), None

    weights, _ = jax.lax.scan(step, jnp.zeros(2), None, length=10)
    return weights[0], weights[1]
