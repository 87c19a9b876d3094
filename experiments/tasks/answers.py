"""Tasks whose arms answer a question at once: a prediction, a fit, a decision, which one step makes the parameters."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.resolve import nearest
from algax.experiments.tasks.task import Task

Method = Callable[[Any, jax.Array], jax.Array]  # (context, key) -> the answer


def answers(
    draw: Callable[[jax.Array], Any],
    size: int,
    methods: Mapping[str, Method],
    method: str,
    judge: Callable[[jax.Array, Any], dict[str, jax.Array]],
) -> Task:
    """A task of numbers that each arm finds by a method of its own and all are judged alike.

    With squared error and SGD of rate 1 the parameters are the method's answer after one step.

    Args:
        draw: key -> the problem, a nest of arrays; each seed has its own.
        size: numbers of an answer.
        methods: name -> (problem, key) -> answer `[size]`.
        method: of this arm.
        judge: (answer, problem) -> metrics.

    Returns:
        a task with the metrics of `judge`.

    Raises:
        ValueError: for an unknown method.
    """
    if method not in methods:
        raise ValueError(f"unknown method {method!r}: {nearest(method, list(methods))}")

    def init(key):
        return jnp.zeros(size), draw(key)

    def batch(params, context, step, key):
        del params, step
        return supervised.Terms(targets=methods[method](context, key)[None], mask=jnp.ones(1, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=params[None])

    def evaluate(params, context, key):
        del key
        return judge(params, context)

    return Task(init, batch, forward, evaluate)


def on_host(function: Callable[..., Any], shape: tuple[int, ...], *arrays: jax.Array) -> jax.Array:
    """A float32 array that a NumPy function computes from arrays, one seed after the other."""

    def call(*values):
        return jnp.asarray(function(*values), jnp.float32)

    return jax.pure_callback(call, jax.ShapeDtypeStruct(shape, jnp.float32), *arrays, vmap_method="sequential")
