"""Curvature of a loss from Hessian-vector products alone: largest eigenvalues by Lanczos, the trace by Hutchinson."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ..core import checks, numerics

Loss = Callable[[Any], jax.Array]  # parameters -> scalar
EXHAUSTED = 1e-6  # of the largest entry: a residual this small means that the Krylov space is closed


class TraceEstimate(NamedTuple):
    """An estimate by random probes.

    Attributes:
      trace: `[]`, without bias.
      standard_error: `[]`, of the mean over the probes; 0 for a diagonal Hessian.
    """

    trace: jax.Array
    standard_error: jax.Array


def hessian_vector_product(loss: Loss, params: Any, vector: Any) -> Any:
    """H v, forward over reverse: the cost of about two gradients, and no matrix.

    Args:
      loss: parameters -> scalar.
      params: a tree of floating-point arrays.
      vector: a tree like `params`.

    Returns:
      A tree like `params`.

    Source: Pearlmutter, "Fast exact multiplication by the Hessian", 1994.
    """
    return jax.jvp(jax.grad(loss), (params,), (vector,))[1]


def top_eigenvalues(loss: Loss, params: Any, key: jax.Array, *, count: int = 1, iterations: int = 30) -> jax.Array:
    """The algebraically largest eigenvalues of the Hessian, by Lanczos with full reorthogonalisation.

    Args:
      loss: parameters -> scalar.
      params: a tree of floating-point arrays, n numbers together; computed in at least float32.
      key: a PRNG key, of the start vector.
      count: in 1..min(iterations, n).
      iterations: >= 1, Hessian-vector products; 20 to 50 do for the largest. As many vectors of n numbers are kept.

    Returns:
      `[count]`, the largest first. Each is at most the true one, and exact when iterations >= n.

    Raises:
      ValueError: an argument is out of range.

    Source: Lanczos, 1950, as in Ghorbani, Krishnan, Xiao, "An Investigation into Neural Net Optimization via Hessian Eigenvalue
    Density", 2019, arXiv 1901.10159.
    """
    checks.integer("iterations", iterations, least=1)
    flat, product = _flat_product(loss, params)
    steps = min(iterations, flat.size)
    if checks.integer("count", count, least=1) > steps:
        raise ValueError(f"`count` must be at most min(iterations, parameters) = {steps}, got {count}")
    start_key, restart_key = jax.random.split(key)
    start = jax.random.normal(start_key, flat.shape, flat.dtype)
    return ritz_values(product, start, steps, restart_key)[::-1][:count]


def sharpness(loss: Loss, params: Any, key: jax.Array, *, iterations: int = 30, scale: float = 1.0) -> jax.Array:
    """The largest eigenvalue of the Hessian, times a scale.

    Args:
      loss: parameters -> scalar.
      params: a tree of floating-point arrays.
      key: a PRNG key.
      iterations: >= 1, see `top_eigenvalues`.
      scale: finite factor; the squared output multiplier of a parameterisation makes widths comparable. Gradient descent of
        rate eta is at the edge of stability where the scaled sharpness is 2 / eta_0, eta = scale eta_0.

    Returns:
      `[]`.

    Raises:
      ValueError: an argument is out of range.

    Source: Noci et al., "Why do Learning Rates Transfer? Reconciling Optimization and Scaling Limits for Deep Learning", 2024,
    arXiv 2402.17457.
    """
    return checks.real("scale", scale) * top_eigenvalues(loss, params, key, iterations=iterations)[0]


def hessian_trace(loss: Loss, params: Any, key: jax.Array, *, probes: int = 32) -> TraceEstimate:
    """The trace of the Hessian by Hutchinson's estimator: the mean of v^T H v over random signs v.

    Args:
      loss: parameters -> scalar.
      params: a tree of floating-point arrays; computed in at least float32.
      key: a PRNG key.
      probes: >= 1, Hessian-vector products, one at a time.

    Returns:
      A `TraceEstimate`; its standard error is infinite for one probe.

    Raises:
      ValueError: an argument is out of range.

    Source: Hutchinson, "A stochastic estimator of the trace of the influence matrix", 1989.
    """
    checks.integer("probes", probes, least=1)
    flat, product = _flat_product(loss, params)

    def quadratic_form(probe_key: jax.Array) -> jax.Array:
        signs = jax.random.rademacher(probe_key, flat.shape, flat.dtype)
        return jnp.vdot(signs, product(signs))

    values = jax.lax.map(quadratic_form, jax.random.split(key, probes))
    error = jnp.std(values, ddof=1) / probes**0.5 if probes > 1 else jnp.asarray(jnp.inf, values.dtype)
    return TraceEstimate(jnp.mean(values), error)


def ritz_values(
    product: Callable[[jax.Array], jax.Array], start: jax.Array, steps: int, restart_key: jax.Array | None = None
) -> jax.Array:
    """Eigenvalues of a symmetric operator in the Krylov space of a start vector, by Lanczos.

    Args:
      product: `[n]` -> `[n]`, linear and symmetric.
      start: `[n]`, not zero.
      steps: in 1..n.
      restart_key: starts anew from a random vector where the space closes before `steps`, so that repeated eigenvalues are
        found as often as they occur; None repeats a value within the space instead.

    Returns:
      `[steps]`, rising.
    """

    def orthogonal(vector: jax.Array, basis: jax.Array) -> jax.Array:
        for _ in range(2):  # once leaves what rounding brings in
            vector = vector - basis.T @ (basis @ vector)
        return vector

    def step(carry: Any, index: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
        basis, vector, largest, first, closed = carry
        basis = basis.at[index].set(vector)
        image = product(vector)
        diagonal = jnp.vdot(vector, image)
        first = jnp.where(index == 0, diagonal, first)
        rest = orthogonal(image, basis)
        size = jnp.linalg.norm(rest)
        largest = jnp.maximum(largest, jnp.maximum(jnp.abs(diagonal), size))
        goes_on = size > EXHAUSTED * largest
        following = rest / jnp.where(goes_on, size, 1.0)
        if restart_key is None:
            following = jnp.where(goes_on, following, jnp.zeros_like(rest))
        else:
            fresh = orthogonal(jax.random.normal(jax.random.fold_in(restart_key, index), rest.shape, rest.dtype), basis)
            length = jnp.linalg.norm(fresh)
            following = jnp.where(goes_on, following, fresh / jnp.where(length > 0, length, 1.0))
        value = jnp.where(closed, first, diagonal)
        closed = closed if restart_key is not None else closed | ~goes_on
        return (basis, following, largest, first, closed), (value, jnp.where(goes_on, size, 0.0))

    zero = jnp.zeros([], start.dtype)
    carry = (jnp.zeros((steps, start.size), start.dtype), start / jnp.linalg.norm(start), zero, zero, jnp.asarray(False))
    _, (diagonals, sizes) = jax.lax.scan(step, carry, jnp.arange(steps))
    return jnp.linalg.eigvalsh(jnp.diag(diagonals) + jnp.diag(sizes[:-1], 1) + jnp.diag(sizes[:-1], -1))


def _flat_product(loss: Loss, params: Any) -> tuple[jax.Array, Callable[[jax.Array], jax.Array]]:
    """The parameters as one vector `[n]`, and v -> H v on such vectors."""
    flat, unravel = ravel_pytree(jax.tree.map(numerics.at_least_float32, params))
    if not flat.size:
        raise ValueError("`params` must hold at least one number, got none")
    gradient = jax.grad(lambda vector: loss(unravel(vector)))
    return flat, lambda vector: jax.jvp(gradient, (flat,), (vector,))[1]
