"""What a task offers the runner: pure functions, so that a whole run compiles and vmaps over seeds."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Task(NamedTuple):
    """A problem with data, a model's forward pass and an evaluation; every function is pure and jittable.

    Attributes:
        init: `init(key) -> (params, context)`; the start of a seed, the same for every arm. `context` holds what a seed
            keeps frozen: the split of the data, reference parameters.
        batch: `batch(params, context, step, key) -> Terms`; the data of one step, sampled from the model if need be.
        forward: `forward(params, terms, key) -> Terms`; fills in the fields the loss differentiates.
        evaluate: `evaluate(params, context, key) -> {name: scalar}`; the metrics of a verdict.
        memory: `memory(context) -> memory`; what an arm remembers from step to step besides its parameters, at the start: a
            curriculum's state, a buffer. `batch` finds it as `context["memory"]`.
        remember: `remember(context, terms) -> memory`; the memory after a step, from the one before and the step's batch.
    """

    init: Callable[[Any], tuple[Any, Any]]
    batch: Callable[[Any, Any, Any, Any], Any]
    forward: Callable[[Any, Any, Any], Any]
    evaluate: Callable[[Any, Any, Any], dict[str, Any]]
    memory: Callable[[Any], Any] = lambda context: ()
    remember: Callable[[Any, Any], Any] = lambda context, terms: ()
