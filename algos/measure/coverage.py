"""Coverage: how likely one of several attempts is right, and what an attempt's log-prob adds to it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def pass_at_n(success_rates: Array, n: int) -> Array:
    """How likely one of n independent attempts is right: 1 - (1 - p)^n.

    Args:
      success_rates: `[...]` p in [0, 1] of one attempt; for counts of samples take `pass_at_k`, which has no bias.
      n: >= 1.

    Returns:
      `[...]` in [0, 1], floats of at least 32 bits.

    Chen, Raventos et al., "Rethinking Fine-Tuning when Scaling Test-Time Compute: Limiting Confidence Improves Mathematical
    Reasoning", 2025, arXiv 2502.07154.
    """
    checks.integer("n", n, least=1)
    return 1.0 - (1.0 - numerics.at_least_float32(success_rates)) ** n


def coverage_factors(log_probs: Array, n: int) -> Array:
    """The factor F by which coverage of n attempts scales the gradient of a log-likelihood.

    F = n (1 - p)^(n - 1) p / (1 - (1 - p)^n) = d log(1 - (1 - p)^n) / d log p: 1 for p -> 0 or n = 1, and the smaller the more
    confident the model is. Where n p < 0.1 its expansion to second order is used. Examples with F > 0.1 are worth training on.

    Args:
      log_probs: `[...]` log p <= 0 of a whole answer.
      n: >= 1, attempts at test time.

    Returns:
      `[...]` in [0, 1], floats of at least 32 bits.

    Chen, Raventos et al., "Rethinking Fine-Tuning when Scaling Test-Time Compute: Limiting Confidence Improves Mathematical
    Reasoning", 2025, arXiv 2502.07154.
    """
    checks.integer("n", n, least=1)
    log_p = jnp.minimum(numerics.at_least_float32(log_probs), -1e-35)
    p, k = jnp.exp(log_p), n - 1
    few = n * p < 0.1
    above, below = 1.0 - k * p + k * (n - 2) / 2 * p**2, 1.0 - k / 2 * p + k * (n - 2) / 6 * p**2
    series = jnp.where(few, above, 1.0) / jnp.where(few, below, 1.0)
    log_rest = numerics.log1mexp(jnp.where(few, -1.0, log_p))
    exact = n * jnp.exp(k * log_rest + log_p) / -jnp.expm1(n * log_rest)
    return jnp.where(few, series, exact)
