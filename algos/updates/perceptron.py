"""Gradient descent on the logistic loss at large rates, and the perceptrons it tends to."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from ..core.numerics import at_least_float32, safe_divide


def normalize_by_error_mass() -> optax.GradientTransformationExtraArgs:
    """Divides the gradient of a logistic loss by the mean error weight, so that it stays large until the data separate.

    u <- u / mean_i q_i, q_i = sigmoid(-m_i), with m_i = y_i a_i . theta the margins of the whole batch.

    Returns:
      A stateless `optax.GradientTransformationExtraArgs`: `update(updates, state, params, margins=margins)` with `[n]` margins.
      Computed in log space; once every margin is so large that the gradient is 0 the update is 0.

    Raises:
      TypeError: `update` is called without `margins`.

    Source: Tyurin, "From Logistic Regression to the Perceptron Algorithm: Exploring Gradient Descent with Large Step Sizes",
    2024, arXiv 2412.08424.

    Example:
      >>> optimizer = optax.chain(updates.normalize_by_error_mass(), optax.sgd(10.0))
    """

    def update(updates: Any, state: Any, params: Any = None, *, margins: jax.Array, **extra_args: Any):
        del params, extra_args
        margins = at_least_float32(margins)
        log_mean = jax.nn.logsumexp(jax.nn.log_sigmoid(-margins)) - jnp.log(jnp.asarray(margins.size, margins.dtype))
        # Beyond this the sum of the weights underflows together with the gradient they multiply.
        scale = jnp.exp(jnp.minimum(-log_mean, 80.0))
        return jax.tree.map(
            lambda u: (at_least_float32(u) * scale.astype(at_least_float32(u).dtype)).astype(u.dtype), updates
        ), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def batch_perceptron(features: jax.Array, labels: jax.Array, *, steps: int, normalized: bool = False) -> jax.Array:
    """The batch perceptron: theta <- theta + (1/n) sum over the misclassified z_i = y_i a_i, from theta = 0.

    The plain form starts with half of the mean of all z_i; the normalised one divides by the number of misclassified samples
    instead of n. Both stop moving once S = {i: z_i . theta <= 0} is empty.

    Args:
      features: `[n, d]`.
      labels: `[n]`, 1 or -1.
      steps: an integer >= 1.
      normalized: divide by |S|.

    Returns:
      `[steps + 1, d]`: all iterates. Gradient descent on the logistic loss with step gamma, divided by gamma, tends to the
      plain form as gamma grows, and `normalize_by_error_mass` to the normalised one.

    Raises:
      ValueError: shapes disagree or steps is less than 1.

    Source: as for `normalize_by_error_mass`.
    """
    checks.integer("steps", steps, least=1)
    checks.boolean("normalized", normalized)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"`features` must be [n, d] and `labels` [n], got {tuple(features.shape)}, {tuple(labels.shape)}")
    signed = features * labels[:, None].astype(features.dtype)

    def step(theta: jax.Array, first: jax.Array):
        wrong = (signed @ theta <= 0).astype(signed.dtype)
        total = wrong @ signed
        plain = total / len(signed) * jnp.where(first, 0.5, 1.0)
        theta = theta + (safe_divide(total, jnp.sum(wrong)) if normalized else plain)
        return theta, theta

    start = jnp.zeros(features.shape[1], signed.dtype)
    _, iterates = jax.lax.scan(step, start, jnp.arange(steps) == 0)
    return jnp.concatenate([start[None], iterates])
