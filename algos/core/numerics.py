"""Functions that stay finite, in value and gradient, on masked and degenerate entries."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def at_least_float32(x: jax.Array) -> jax.Array:
    """Casts 16-bit floats to float32; leaves every other dtype as it is."""
    if jnp.issubdtype(x.dtype, jnp.floating) and jnp.finfo(x.dtype).bits < 32:
        return x.astype(jnp.float32)
    return x


def safe_divide(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Returns numerator / denominator, and 0 with zero gradient where the denominator is 0."""
    zero = denominator == 0
    return jnp.where(zero, 0.0, numerator / jnp.where(zero, 1.0, denominator))


def safe_sqrt(x: jax.Array) -> jax.Array:
    """Returns sqrt(x), and 0 with zero gradient where x <= 0."""
    valid = x > 0
    return jnp.where(valid, jnp.sqrt(jnp.where(valid, x, 1.0)), 0.0)


def log1mexp(x: jax.Array) -> jax.Array:
    """Returns log(1 - exp(x)) for x < 0 without cancellation on either side of -log 2."""
    near_zero = x > -0.6931472
    return jnp.where(
        near_zero,
        jnp.log(-jnp.expm1(jnp.where(near_zero, x, -1.0))),
        jnp.log1p(-jnp.exp(jnp.where(near_zero, -1.0, x))),
    )


def straight_through(value: jax.Array, gradient_of: jax.Array) -> jax.Array:
    """Returns an array with the value of `value` and the gradient of `gradient_of`."""
    return jax.lax.stop_gradient(value - gradient_of) + gradient_of


def weighted(log_weights: jax.Array, values: jax.Array) -> jax.Array:
    """Returns exp(log_weights) * values, where a weight of 0 makes 0 of any value."""
    weights = jnp.exp(log_weights)
    return weights * jnp.where(weights > 0, values, 0.0)


def masked_quantiles(x: jax.Array, where: jax.Array, levels: jax.Array) -> jax.Array:
    """Quantiles of the entries that count, linear between neighbours, 0 where none does: `[..., N] -> [..., K]`.

    Args:
      x: `[..., N]`, floats.
      where: of the same shape, true where an entry counts.
      levels: `[K]` in [0, 1], of the type of `x`.
    """
    count = jnp.sum(where, axis=-1, keepdims=True, dtype=x.dtype)
    last = jnp.maximum(count - 1.0, 0.0)
    ordered = jnp.sort(jnp.where(where, x, float(jnp.finfo(x.dtype).max)), axis=-1)
    positions = last * levels.reshape((1,) * (x.ndim - 1) + levels.shape)
    below = jnp.floor(positions)
    low, high = (jnp.take_along_axis(ordered, i.astype(jnp.int32), axis=-1) for i in (below, jnp.minimum(below + 1.0, last)))
    return jnp.where(count > 0, low + (positions - below) * (high - low), 0.0)
