"""A network of a Markov chain's sentences that is small at first and grows."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import merge
from algax.experiments.tasks.markov import markov
from algax.experiments.tasks.task import Task


def growing_markov(
    model: Any, width: int = 16, start: int = 0, ramp: int = 50, batch_size: int = 8, examples: int = 64000
) -> Task:
    """`markov`, where a network of `width` units grows to the model's while it trains.

    The new units are there from the beginning, silent and without gradients, which is the same as adding them at the start of
    growth with moments of 0; then their outputs rise.

    Args:
        model: a `models.MLP` with one hidden layer.
        width: units before the growth, from 1 to the model's.
        start: step at which the network grows; 0 trains the large one throughout.
        ramp: steps in which the new units' outputs rise to what they are, at least 1.
        batch_size: sentences a step.
        examples: training sentences.

    Returns:
        a task with the metrics of `markov` for the grown network.
    """
    if not 1 <= width <= model.features[0]:
        raise ValueError(f"width must be between 1 and the model's {model.features[0]}; got {width}")
    task = markov(model, examples=examples, batch_size=batch_size)
    small = markov(model.clone(features=(width, *model.features[1:])))
    shapes = [jax.eval_shape(lambda key, of=of: of.init(key)[0], jax.random.key(0)) for of in (small, task)]
    new = merge.new_units(*jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes))

    def forward(params, terms, key):
        if start:
            risen = jnp.clip((terms.step - start).astype(jnp.float32) / ramp, 0.0, 1.0)
            params = merge.mask_new_units(params, new, risen)
        return task.forward(params, terms, key)

    return task._replace(forward=forward)
