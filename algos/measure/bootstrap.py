"""Intervals by resampling a grid of results."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks

Array = jax.Array


class Interval(NamedTuple):
    """A resampled statistic.

    Attributes:
      mean: `[]` mean over the resamples.
      low: `[]` lower end of the 95 % interval.
      high: `[]` upper end.
      half_width: `[]` mean distance of the ends from the mean.
    """

    mean: Array
    low: Array
    high: Array
    half_width: Array


def grid_bootstrap(key: Array, results: Array, statistic: Callable[[Array], Array], resamples: int) -> Interval:
    """Resamples rows and columns of a grid of results, with replacement and each on its own.

    Args:
      key: a PRNG key.
      results: `[R, C]`, such as of R seeds on C test items.
      statistic: `[R, C] -> []`, such as `jnp.mean`.
      resamples: >= 1.

    Returns:
      `Interval`.

    Raises:
      ValueError: the results are not `[R, C]`, or `resamples` is less than 1.

    Hase et al., "The Unreasonable Effectiveness of Easy Training Data for Hard Tasks", 2024, arXiv 2401.06751.
    """
    checks.integer("resamples", resamples, least=1)
    if results.ndim != 2:
        raise ValueError(f"`results` must have shape [R, C], got {results.shape}")

    def one(key: Array) -> Array:
        keys = jax.random.split(key)
        rows, columns = (jax.random.randint(k, (n,), 0, n) for k, n in zip(keys, results.shape, strict=True))
        return statistic(results[rows][:, columns])

    values = jax.lax.map(one, jax.random.split(key, resamples))
    mean = jnp.mean(values)
    low, high = jnp.quantile(values, jnp.asarray([0.025, 0.975], values.dtype))
    return Interval(mean, low, high, ((mean - low) + (high - mean)) / 2.0)
