"""The training step of an arm: the gradient, then the optimizer unless the gradient is not finite, with norms and counts."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import algax

NEVER = np.iinfo(np.int32).max  # consecutive non-finite gradients after which Optax would apply one


class GuardState(NamedTuple):
    """State of gradient and optimizer, the first step skipped (-1: none), and the last step's norms."""

    gradient: algax.GradientState
    optimizer: optax.ApplyIfFiniteState
    first_skipped: jax.Array
    gradient_norm: jax.Array
    update_norm: jax.Array


def guarded(gradient: Any, optimizer: Any) -> optax.GradientTransformationExtraArgs:
    """`optax.chain(gradient, optimizer)` that leaves parameters, optimizer and loss state alone where a gradient is not finite.

    The step count and the metrics advance all the same, so that schedules of the loss and the data go on.

    Args:
        gradient: what `algax.gradient` returned.
        optimizer: any Optax transformation.

    Returns:
        a transformation with the extra arguments of `gradient` and a `GuardState`.
    """
    optimizer = optax.apply_if_finite(optimizer, NEVER)

    def init(params):
        zero = jnp.zeros([], jnp.float32)
        return GuardState(gradient.init(params), optimizer.init(params), jnp.full([], -1, jnp.int32), zero, zero)

    def update(updates, state, params=None, **extra):
        updates, head = gradient.update(updates, state.gradient, params, **extra)
        gradient_norm = optax.tree.norm(updates).astype(jnp.float32)
        updates, tail = optimizer.update(updates, state.optimizer, params, **extra)
        finite = tail.last_finite
        loss_state = jax.tree.map(lambda new, old: jnp.where(finite, new, old), head.loss_state, state.gradient.loss_state)
        first = jnp.where(finite | (state.first_skipped >= 0), state.first_skipped, state.gradient.step)
        update_norm = optax.tree.norm(updates).astype(jnp.float32)
        return updates, GuardState(head._replace(loss_state=loss_state), tail, first, gradient_norm, update_norm)

    return optax.GradientTransformationExtraArgs(init, update)


def metrics(state: GuardState) -> tuple[dict[str, jax.Array], jax.Array]:
    """The last step's metrics, and whether it was taken."""
    norms = {"gradient_norm": state.gradient_norm, "update_norm": state.update_norm}
    return state.gradient.metrics | norms, state.optimizer.last_finite


def mean_over_steps(values: dict[str, jax.Array], taken: jax.Array, state: GuardState) -> dict[str, jax.Array]:
    """Means of metrics `[steps]` over the steps taken (NaN if there is none), and `skipped`, the steps skipped so far."""
    means = {name: jnp.mean(value, where=taken) for name, value in values.items()}
    return means | {"skipped": state.optimizer.total_notfinite.astype(jnp.float32)}


def with_loss_parts(loss: algax.LossTransform) -> algax.LossTransform:
    """The loss with a metric `loss/NAME` for every transform that adds to it, where more than one does."""
    writers = [step for step in loss.steps if "loss" in step.writes]
    if len(writers) < 2:
        return loss
    names = [step.name for step in loss.steps]
    steps = []
    for index, step in enumerate(loss.steps):
        if "loss" in step.writes:
            place = names[:index].count(step.name) + 1
            step = _recorded(step, f"loss/{step.name}" + (f"_{place}" if names.count(step.name) > 1 else ""))
        steps.append(step)
    metrics = tuple(metric for step in steps for metric in step.metrics)
    return dataclasses.replace(loss, transforms=tuple(steps), metrics=metrics)


def _recorded(step: algax.LossTransform, metric: str) -> algax.LossTransform:
    """The transform with the change it makes to the loss as a metric."""

    def update(terms, state):
        before = jnp.zeros([], jnp.float32) if terms.loss is None else terms.loss
        after, state = step.update(terms, state)
        change = jax.lax.stop_gradient(after.loss - before).astype(jnp.float32)
        # Sums over devices: the changes add up, the counts to one.
        devices = 1 if terms.axis_name is None else jax.lax.axis_size(terms.axis_name)
        part = algax.Metric(change, jnp.full([], 1 / devices, jnp.float32))
        return after.replace(metrics=after.metrics | {metric: part}), state

    return dataclasses.replace(step, update=update, metrics=(*step.metrics, metric))
