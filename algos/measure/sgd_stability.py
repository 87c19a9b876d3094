"""Where stochastic gradient descent can stay: linear stability of interpolating minima of the squared loss."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks
from .curvature import ritz_values

BISECTIONS = 40
ROUNDING = 1e-6  # of the largest eigenvalue: growth below it is float32's


class LossCurvature(NamedTuple):
    """Of H = (1/n) sum_i g_i g_i^T.

    Attributes:
      trace: `[]`, Tr H.
      frobenius: `[]`, the root of the sum of squared entries.
      top: `[]`, the largest eigenvalue.
    """

    trace: jax.Array
    frobenius: jax.Array
    top: jax.Array


def loss_curvature(jacobian: jax.Array) -> LossCurvature:
    """The Hessian of (1 / 2n) sum_i (f_i - y_i)^2 at a minimum that fits every example, from its n x n kernel.

    Args:
      jacobian: `[n, P]`, the gradients of the predictions, see `per_sample_jacobian`.

    Returns:
      A `LossCurvature`.

    Raises:
      ValueError: another shape.

    Source: as for `sgd_stability_radius`.
    """
    _check(jacobian)
    kernel = jacobian @ jacobian.T / jacobian.shape[0]
    return LossCurvature(jnp.trace(kernel), jnp.linalg.norm(kernel), jnp.linalg.eigvalsh(kernel)[-1])


def sgd_stability_radius(
    jacobian: jax.Array, learning_rate: jax.Array | float, *, batch_size: int | None = 1, iterations: int = 60
) -> jax.Array:
    """The spectral radius of what a step of SGD does to the second moments M of small deviations from a minimum.

    T(M) = (I - eta H) M (I - eta H) + (eta^2 / B) ((1/n) sum_i g_i g_i^T M g_i g_i^T - H M H), batches drawn with replacement.
    The minimum is stable in mean square iff the radius is at most 1. T is symmetric and maps positive matrices to such, so that
    its radius is its largest eigenvalue; Lanczos finds it from products T(M), started at the identity.

    Args:
      jacobian: `[n, P]`, not all zero. Only the span of its rows counts: elsewhere T is the identity.
      learning_rate: eta > 0.
      batch_size: B >= 1; None for gradient descent, whose radius is max (1 - eta lambda)^2.
      iterations: >= 1, products; each costs a few of min(n, P)^2 times n.

    Returns:
      `[]`.

    Raises:
      ValueError: an argument is out of range or has another shape.

    Source: Wu, Su, "The Implicit Regularization of Dynamical Stability in Stochastic Gradient Descent", 2023, arXiv 2305.17490.
    """
    if isinstance(learning_rate, int | float):
        checks.positive("learning_rate", learning_rate)
    rows, inside = _coordinates(jacobian)
    rate = jnp.asarray(learning_rate, rows.dtype)
    return 1.0 + rate * _growth(rows, inside, rate, batch_size, iterations)


def max_stable_lr(jacobian: jax.Array, *, batch_size: int | None = 1, iterations: int = 60) -> jax.Array:
    """The largest learning rate at which SGD stays at a minimum, by bisection of `sgd_stability_radius` <= 1.

    The radius is convex in the rate and 1 at 0, so that the stable rates are an interval; gradient descent's 2 / lambda_max
    bounds it from above.

    Args:
      jacobian: `[n, P]`, not all zero.
      batch_size: as for `sgd_stability_radius`.
      iterations: as for `sgd_stability_radius`.

    Returns:
      `[]`.

    Raises:
      ValueError: as for `sgd_stability_radius`.

    Source: as for `sgd_stability_radius`.
    """
    rows, inside = _coordinates(jacobian)
    top = loss_curvature(jacobian).top

    def halve(_: int, bracket: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        stable = _growth(rows, inside, middle, batch_size, iterations) <= ROUNDING * top
        return jnp.where(stable, middle, low), jnp.where(stable, high, middle)

    low, high = jax.lax.fori_loop(0, BISECTIONS, halve, (jnp.zeros_like(top), 2.0 / top))
    return 0.5 * (low + high)


def relu_net_trace(inputs: jax.Array, hidden_weights: jax.Array, output_weights: jax.Array) -> jax.Array:
    """Tr H of f(x) = sum_j a_j relu(w_j . x): (1/n) sum_ij [relu(w_j . x_i)^2 + a_j^2 1(w_j . x_i > 0) |x_i|^2].

    Args:
      inputs: x, `[n, d]`.
      hidden_weights: w, `[m, d]`.
      output_weights: a, `[m]`.

    Returns:
      `[]`.

    Raises:
      ValueError: the shapes do not fit.

    Source: as for `sgd_stability_radius`.
    """
    if inputs.ndim != 2 or hidden_weights.shape != (*output_weights.shape, inputs.shape[1]):
        shapes = inputs.shape, hidden_weights.shape, output_weights.shape
        raise ValueError(f"`inputs`, `hidden_weights`, `output_weights` must be [n, d], [m, d], [m], got {shapes}")
    before = inputs @ hidden_weights.T
    norms = jnp.sum(inputs**2, axis=1, keepdims=True)
    active = jnp.where(before > 0, norms, 0.0) * (output_weights**2)[None, :]
    return jnp.sum(jax.nn.relu(before) ** 2 + active) / inputs.shape[0]


def diagonal_net_trace(inputs: jax.Array, positive: jax.Array, negative: jax.Array) -> jax.Array:
    """Tr H of f(x) = sum_j (u_j^2 - v_j^2) x_j: (4/n) sum_ij (u_j^2 + v_j^2) x_ij^2.

    Args:
      inputs: x, `[n, d]`.
      positive: u, `[d]`.
      negative: v, `[d]`.

    Returns:
      `[]`.

    Raises:
      ValueError: the shapes do not fit.

    Source: as for `sgd_stability_radius`.
    """
    if inputs.ndim != 2 or positive.shape != inputs.shape[1:] or negative.shape != positive.shape:
        shapes = inputs.shape, positive.shape, negative.shape
        raise ValueError(f"`inputs`, `positive`, `negative` must be [n, d], [d], [d], got {shapes}")
    return 4.0 * jnp.sum((positive**2 + negative**2) * jnp.sum(inputs**2, axis=0)) / inputs.shape[0]


def _check(jacobian: jax.Array) -> None:
    if jacobian.ndim != 2 or not jacobian.size:
        raise ValueError(f"`jacobian` must have shape [n, P], got {jacobian.shape}")


def _coordinates(jacobian: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The gradients in an orthonormal basis of min(n, P) directions, `[n, r]`, and which of these lie in their span."""
    _check(jacobian)
    left, singular, _ = jnp.linalg.svd(jacobian, full_matrices=False)
    return left * singular[None, :], singular > ROUNDING * singular[0]


def _growth(rows: jax.Array, inside: jax.Array, rate: jax.Array, batch_size: int | None, iterations: int) -> jax.Array:
    """The largest eigenvalue of (T - I) / eta: at small rates the radius itself would round to 1."""
    checks.integer("iterations", iterations, least=1)
    noise = 0.0 if batch_size is None else 1.0 / checks.integer("batch_size", batch_size, least=1)
    count, size = rows.shape
    hessian = rows.T @ rows / count

    def product(flat: jax.Array) -> jax.Array:
        moments = jnp.reshape(flat, (size, size))
        drift = hessian @ moments
        both = drift @ hessian
        quadratic = jnp.einsum("ia,ab,ib->i", rows, moments, rows)
        spread = rows.T @ (quadratic[:, None] * rows) / count
        change = -drift - moments @ hessian + rate * ((1.0 - noise) * both + noise * spread)
        return jnp.ravel(change)

    start = jnp.ravel(jnp.diag(inside.astype(rows.dtype)))
    return ritz_values(product, start, min(iterations, size**2))[-1]
