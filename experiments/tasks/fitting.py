"""Training inside a task: stages that a method goes through before it answers."""

from collections.abc import Callable
from typing import Any

import jax
import optax

import algax


def fit(
    loss: algax.LossTransform,
    forward: Callable[[Any, Any, Any], Any],
    params: Any,
    batch: Callable[[jax.Array], Any],
    *,
    steps: int,
    rate: float,
    key: jax.Array,
) -> Any:
    """Returns the parameters after training by Adam on batches that keys make.

    Args:
        loss: a loss.
        forward: `(params, terms, key) -> terms`.
        params: to start from.
        batch: `key -> terms`.
        steps: updates.
        rate: learning rate.
        key: split over the steps.
    """
    tx = optax.chain(algax.gradient(loss, forward), optax.adam(rate))

    def step(carry, key):
        params, state = carry
        updates, state = tx.update(None, state, params, terms=batch(key))
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, steps))[0][0]
