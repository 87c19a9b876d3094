"""A bound on how sensitive a network's mean prediction is to its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from ..core.numerics import at_least_float32, safe_divide


class PredictionGradientPenaltyState(NamedTuple):
    """The multiplier of the constraint, and the last norm of the gradient of the mean prediction."""

    multiplier: jax.Array
    norm: jax.Array


def prediction_gradient_penalty(
    mean_prediction: Callable[[Any, Any], jax.Array],
    bound: float = 0.1,
    scale: float = 0.05,
    radius: float = 0.05,
    multiplier: float = 1e-3,
    multiplier_rate: float = 1e-3,
) -> optax.GradientTransformationExtraArgs:
    """Adds the gradient of the norm of the mean prediction's gradient, weighted so that the norm stays within a bound.

    With G(w) the mean prediction and n = ||grad G(w)||: u <- u + m scale / radius (grad G(w + radius grad G(w) / n) -
    grad G(w)), a finite difference of m scale grad n; then m <- max(0, m + multiplier_rate (scale n - bound)).

    Args:
      mean_prediction: `(params, inputs) -> []`, G: the mean over the whole batch, over devices too where it is split.
      bound: >= 0, what scale n should not exceed.
      scale: > 0.
      radius: > 0, of the finite difference.
      multiplier: >= 0, the first m.
      multiplier_rate: >= 0; 0 keeps m.

    Returns:
      An `optax.GradientTransformationExtraArgs` at the head of a chain: `update(gradients, state, params, inputs=inputs)`.
      Where grad G is 0 nothing is added.

    Raises:
      ValueError: a number is out of range, or `update` is called without `params`.
      TypeError: `mean_prediction` is not callable, or `update` is called without `inputs`.

    Source: Dao et al., "Incorporating Surrogate Gradient Norm to Improve Offline Optimization Techniques", 2025,
    arXiv 2503.04242 (IGNITE), whose released code lets the multiplier become negative.

    Example:
      >>> penalty = updates.prediction_gradient_penalty(lambda params, inputs: inputs.mean(axis=0) @ params)
      >>> optimizer = optax.chain(penalty, optax.adam(1e-3))
    """
    if not callable(mean_prediction):
        raise TypeError(f"`mean_prediction` must be a function (params, inputs) -> [], got {mean_prediction!r}")
    if not isinstance(bound, jax.Array):  # optax.inject_hyperparams passes arrays
        checks.positive("scale", scale)
        checks.positive("radius", radius)
        for name, value in {"bound": bound, "multiplier": multiplier, "multiplier_rate": multiplier_rate}.items():
            checks.non_negative(name, value)

    def init(params: Any) -> PredictionGradientPenaltyState:
        del params
        return PredictionGradientPenaltyState(jnp.asarray(multiplier, jnp.float32), jnp.zeros([], jnp.float32))

    def update(updates: Any, state: PredictionGradientPenaltyState, params: Any = None, *, inputs: Any, **extra_args: Any):
        del extra_args
        if params is None:
            raise ValueError("prediction_gradient_penalty needs `params`: call update(updates, state, params)")
        slope = jax.grad(lambda w: at_least_float32(mean_prediction(w, inputs)))
        here = slope(params)
        norm = optax.tree.norm(jax.tree.map(at_least_float32, here))
        step = safe_divide(jnp.asarray(radius, norm.dtype), norm)
        there = slope(jax.tree.map(lambda w, g: w + (step.astype(w.dtype) * g.astype(w.dtype)), params, here))
        weight = state.multiplier * scale / radius

        def add(u: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
            change = at_least_float32(b) - at_least_float32(a)
            return (at_least_float32(u) + weight.astype(change.dtype) * change).astype(u.dtype)

        norm = norm.astype(jnp.float32)
        multiplier = jnp.maximum(state.multiplier + multiplier_rate * (scale * norm - bound), 0.0)
        return jax.tree.map(add, updates, here, there), PredictionGradientPenaltyState(multiplier, norm)

    return optax.GradientTransformationExtraArgs(init, update)
