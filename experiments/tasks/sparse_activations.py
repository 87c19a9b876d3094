"""The language of a Markov chain, and how many hidden activations of its network are exactly 0."""

from typing import Any

import flax.linen as nn

from algax import measure
from algax.experiments.tasks.markov import markov, windows
from algax.experiments.tasks.task import Task


def sparse_activations(model: Any, vocabulary: int = 8, context: int = 4, examples: int = 6400) -> Task:
    """`markov`, with a measure of sparsity.

    Args:
        model: a `models.MLP` with one hidden layer.
        vocabulary: of the chain.
        context: tokens the model sees.
        examples: training sentences.

    Returns:
        a task with the metrics of `markov` and `sparsity`, the share of hidden activations that are 0.
    """
    task = markov(model, vocabulary=vocabulary, context=context, examples=examples)

    def hidden(params, rows):
        found = []

        def record(layer, args, options, call):
            if call.module.name == "Dense_1":
                found.append(args[0])
            return layer(*args, **options)

        with nn.intercept_methods(record):
            model.apply(params, windows(rows[:, :-1], context, vocabulary))
        return found[0]

    def evaluate(params, frozen, key):
        activations = hidden(params, frozen["test"])
        return {**task.evaluate(params, frozen, key), "sparsity": measure.activation_sparsity(activations)}

    return task._replace(evaluate=evaluate)
