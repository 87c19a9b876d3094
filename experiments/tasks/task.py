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
    """

    init: Callable[[Any], tuple[Any, Any]]
    batch: Callable[[Any, Any, Any, Any], Any]
    forward: Callable[[Any, Any, Any], Any]
    evaluate: Callable[[Any, Any, Any], dict[str, Any]]
