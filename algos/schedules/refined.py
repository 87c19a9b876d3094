"""Schedules computed from the gradient norms of an earlier run."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks
from ..core.numerics import safe_divide

METHODS = ("sgd", "adam")
SMALLEST = 1e-12  # norms are clipped to this share of the largest one


def smooth_norms(gradient_norms: jax.Array, *, window_fraction: float = 0.1) -> jax.Array:
    """The median of gradient norms over a moving window of 2 floor(floor(window_fraction T) / 2) + 1 steps.

    Beyond the end the norms are reflected, before the start the first one is repeated.

    Args:
      gradient_norms: `[T]`, one a step.
      window_fraction: length of the window over T, in [0, 1]; 0 changes nothing.

    Returns:
      `[T]` in float32 (float64 for float64 norms).

    Raises:
      ValueError: the norms are not `[T]` with T >= 1, or the fraction is out of range.

    Source: as for `refine`.
    """
    checks.between("window_fraction", window_fraction, 0.0, 1.0)
    norms = _checked(gradient_norms)
    half = int(window_fraction * len(norms)) // 2
    padding = 2 * (2 * half + 1)
    padded = jnp.pad(norms, (0, padding), mode="reflect" if len(norms) > 1 else "edge")
    padded = jnp.pad(padded, (half, half), mode="edge")
    windows = jnp.arange(len(norms), dtype=jnp.int32)[:, None] + jnp.arange(2 * half + 1, dtype=jnp.int32)[None, :]
    return jnp.median(padded[windows], axis=1)


def refine(gradient_norms: jax.Array, *, method: str = "sgd", window_fraction: float = 0.1) -> jax.Array:
    """The schedule with the best bound on the last iterate for the gradient norms of an earlier run, with peak 1.

    eta_t is proportional to w_t sum_{p > t} w_p with w_t = G_t^-2 for SGD and G_t^-1 for Adam. Equal norms give linear
    decay to 0, norms that fall at first a warmup.

    Args:
      gradient_norms: `[T]`, one a step: l2 norms for SGD, l1 norms for Adam; smoothed with `smooth_norms` first.
      method: "sgd" or "adam" (any adaptive method).
      window_fraction: see `smooth_norms`.

    Returns:
      `[T]` values of largest 1 and last 0, for `table`, to be multiplied by the rate of the run; a single step gets 1.

    Raises:
      ValueError: the norms are not `[T]` with T >= 1, an unknown method, or the fraction is out of range.

    Source: Defazio, Cutkosky, Mehta, Mishchenko, "When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement",
    2023, arXiv 2310.07831. Zero norms, which the released code divides by, are clipped to 1e-12 of the largest.
    """
    checks.option("method", method, METHODS)
    norms = smooth_norms(gradient_norms, window_fraction=window_fraction)
    if len(norms) == 1:
        return jnp.ones_like(norms)
    largest = jnp.max(norms)
    relative = jnp.maximum(norms / jnp.where(largest > 0, largest, 1.0), SMALLEST)
    weights = relative ** (-2.0 if method == "sgd" else -1.0)
    weights = weights / jnp.max(weights)
    later = jnp.cumsum(weights[::-1])[::-1] - weights
    values = weights * later.at[-1].set(0.0)
    return values / jnp.max(values)


def last_iterate_bound(learning_rates: jax.Array, gradient_norms: jax.Array, *, distance: float = 1.0) -> jax.Array:
    """A bound on the suboptimality of the last iterate of gradient descent on a convex function.

    With S_k = sum_{p >= k} eta_p and Q_k = sum_{p >= k} G_p^2 eta_p^2: D^2 / (2 S_1) + Q_1 / (2 S_1) +
    1/2 sum_{k < T} eta_k Q_k / (S_k S_{k+1}).

    Args:
      learning_rates: `[T]`, >= 0 and not all 0; zeros at the end are steps that are not taken.
      gradient_norms: `[T]`, l2 norms G.
      distance: D > 0, from the first iterate to the minimum.

    Returns:
      `[]`.

    Raises:
      ValueError: the shapes are not the same `[T]`, or `distance` is not > 0.

    Source: as for `refine`.
    """
    checks.positive("distance", distance)
    norms = _checked(gradient_norms)
    rates = jnp.asarray(learning_rates).astype(norms.dtype)
    if rates.shape != norms.shape:
        raise ValueError(f"`learning_rates` must have the shape of the norms, {list(norms.shape)}, got {list(rates.shape)}")
    sums, squares = (jnp.cumsum(x[::-1])[::-1] for x in (rates, jnp.square(norms * rates)))
    terms = safe_divide(rates[:-1] * squares[:-1], sums[:-1] * sums[1:])
    return (0.5 * (distance**2 + squares[0])) / sums[0] + 0.5 * jnp.sum(terms)


def _checked(gradient_norms: jax.Array) -> jax.Array:
    norms = jnp.asarray(gradient_norms)
    norms = norms if norms.dtype == jnp.float64 else norms.astype(jnp.float32)
    if norms.ndim != 1 or norms.shape[0] == 0:
        raise ValueError(f"`gradient_norms` must have shape [T] with T >= 1, got {tuple(norms.shape)}")
    return norms
