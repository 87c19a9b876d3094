"""Which examples to keep, by scores made beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def keep_lowest(scores: Array, fraction: float) -> Array:
    """Keeps the share of examples with the lowest scores, such as the pairs that training displaces least (`measure.ches`).

    Args:
      scores: `[N]`; of equal ones the earlier is kept first.
      fraction: in [0, 1]; round(fraction N) examples stay.

    Returns:
      `[N]`, true where an example stays.

    Raises:
      ValueError: an argument is out of range.

    Razin et al., "Unintentional Unalignment: Likelihood Displacement in Direct Preference Optimization", 2024,
    arXiv 2410.08847, where 5 % of the pairs stay.
    """
    checks.between("fraction", fraction, 0.0, 1.0)
    if scores.ndim != 1:
        raise ValueError(f"`scores` must have shape [N], got {scores.shape}")
    ranks = jnp.argsort(jnp.argsort(scores, stable=True))
    return ranks < round(fraction * scores.shape[0])


def pass_rates(scores: Array, *, threshold: float = 0.9) -> Array:
    """The share of a query's attempts that pass, with a score above the threshold.

    Args:
      scores: `[Q, K]` of K attempts each, in [0, 1].
      threshold: any real number; a score equal to it does not pass.

    Returns:
      `[Q]` float32 in [0, 1].

    Tian et al., "DeepDistill: Enhancing LLM Reasoning Capabilities via Large-Scale Difficulty-Graded Data Training", 2025,
    arXiv 2504.17565.
    """
    checks.real("threshold", threshold)
    passed = jnp.sum(_attempts(scores) > threshold, axis=1, dtype=jnp.float32)
    return passed / scores.shape[1]


def coefficient_of_variation(scores: Array) -> Array:
    """How much a query's scores vary beside their mean: population standard deviation / mean, 0 for a mean of 0.

    Attempts that succeed with probability p have sqrt((1 - p) / p): the harder the query, the more.

    Args:
      scores: `[Q, K]` of K attempts each, >= 0.

    Returns:
      `[Q]`, floats of at least 32 bits, >= 0.

    Tian et al., "DeepDistill: Enhancing LLM Reasoning Capabilities via Large-Scale Difficulty-Graded Data Training", 2025,
    arXiv 2504.17565.
    """
    x = _attempts(scores)
    mean = jnp.sum(x, axis=1) / x.shape[1]
    variance = jnp.sum(jnp.square(x - mean[:, None]), axis=1) / x.shape[1]
    return numerics.safe_divide(numerics.safe_sqrt(variance), mean)


def difficulty_filter(
    scores: Array, *, least_variation: float = 0.05, pass_range: tuple[float, float] = (0.0, 1.0), threshold: float = 0.9
) -> Array:
    """Keeps queries whose attempts neither all fail nor all pass: their scores vary, and a share in a range passes.

    Args:
      scores: `[Q, K]` of K attempts each, such as by models of several strengths, in [0, 1].
      least_variation: >= 0; the `coefficient_of_variation` is to exceed it.
      pass_range: least and largest of the `pass_rates` to keep, in [0, 1].
      threshold: see `pass_rates`; of a query that stays, train on the responses above it.

    Returns:
      `[Q]`, true where a query stays.

    Raises:
      ValueError: an argument is out of range.

    Tian et al., "DeepDistill: Enhancing LLM Reasoning Capabilities via Large-Scale Difficulty-Graded Data Training", 2025,
    arXiv 2504.17565. The numbers are choices made here.
    """
    checks.non_negative("least_variation", least_variation)
    low, high = pass_range
    checks.between("pass_range", low, 0.0, checks.between("pass_range", high, 0.0, 1.0))
    rates = pass_rates(scores, threshold=threshold)
    return (coefficient_of_variation(scores) > least_variation) & (low <= rates) & (rates <= high)


def difficulty_grades(rates: Array, edges: Sequence[float]) -> Array:
    """Grades queries by how often they are solved: the number of edges at or above the pass rate, 0 for the easiest.

    Args:
      rates: `[Q]` pass rates.
      edges: E increasing real numbers.

    Returns:
      `[Q]` int32 in 0..E.

    Raises:
      ValueError: the edges do not increase.

    Tian et al., "DeepDistill: Enhancing LLM Reasoning Capabilities via Large-Scale Difficulty-Graded Data Training", 2025,
    arXiv 2504.17565.
    """
    limits = [checks.real("edges", edge) for edge in edges]
    if any(low >= high for low, high in zip(limits, limits[1:], strict=False)):
        raise ValueError(f"`edges` must increase, got {limits}")
    return sum(((rates <= edge).astype(jnp.int32) for edge in limits), jnp.zeros(rates.shape, jnp.int32))


def _attempts(scores: Array) -> Array:
    if scores.ndim != 2:
        raise ValueError(f"`scores` must have shape [Q, K], got {scores.shape}")
    return numerics.at_least_float32(scores if jnp.issubdtype(scores.dtype, jnp.floating) else scores.astype(jnp.float32))
