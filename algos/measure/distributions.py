"""Whether a model's outputs follow a distribution: alignment, coverage, variety and calibration."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


class DistributionAlignment(NamedTuple):
    """How close a model's distribution q is to a target p, both over the valid outputs; in nats.

    Attributes:
      js: `[...]` Jensen-Shannon divergence, in [0, log 2].
      kl: `[...]` KL(p || q).
      reverse_kl: `[...]` KL(q || p).
      cross_entropy: `[...]` -sum_k p_k log q_k.
      mode_match: `[...]` bool, whether the most likely outputs are the same.
      coverage: `[...]` how much probability the model gives to valid outputs at all.
    """

    js: Array
    kl: Array
    reverse_kl: Array
    cross_entropy: Array
    mode_match: Array
    coverage: Array


def distribution_alignment(target: Array, model: Array, *, epsilon: float = 1e-6) -> DistributionAlignment:
    """Compares a model's probabilities of the valid outputs with those they should have.

    The model's are divided by their sum, then both are raised by epsilon and divided by their sums.

    Args:
      target: `[..., K]` >= 0, of sum 1.
      model: `[..., K]` >= 0, of the same outputs; their sum may be below 1.
      epsilon: > 0.

    Returns:
      A `DistributionAlignment`.

    Raises:
      ValueError: the shapes differ, or epsilon is not positive.

    Source: Sorensen et al., "Spectrum Tuning: Post-Training for Distributional Coverage and In-Context Steerability", 2025,
    arXiv 2510.06084.
    """
    checks.positive("epsilon", epsilon)
    if target.shape != model.shape:
        raise ValueError(f"`target` and `model` must have one shape, got {target.shape} and {model.shape}")
    p, q = numerics.at_least_float32(target), numerics.at_least_float32(model)
    coverage = jnp.sum(q, axis=-1)
    p, q = (_raised(x, epsilon) for x in (p, numerics.safe_divide(q, coverage[..., None])))
    log_p, log_q = jnp.log(p), jnp.log(q)
    log_middle = jnp.log(0.5 * (p + q))
    cross_entropy = -jnp.sum(p * log_q, axis=-1)
    return DistributionAlignment(
        js=0.5 * jnp.sum(p * (log_p - log_middle) + q * (log_q - log_middle), axis=-1),
        kl=jnp.sum(p * (log_p - log_q), axis=-1),
        reverse_kl=jnp.sum(q * (log_q - log_p), axis=-1),
        cross_entropy=cross_entropy,
        mode_match=jnp.argmax(p, axis=-1) == jnp.argmax(q, axis=-1),
        coverage=coverage,
    )


def _raised(x: Array, epsilon: float) -> Array:
    x = x + epsilon
    return x / jnp.sum(x, axis=-1, keepdims=True)


class SampleVariety(NamedTuple):
    """What N generations are worth.

    Attributes:
      valid: `[]` share of valid ones.
      unique: `[]` share of different ones: different generations / N.
      unique_valid: `[]` int32, how many different valid ones (the yield, usually of N = 100).
      collision: `[]` how likely two draws (without replacement) are equal, 1 for a single one.
    """

    valid: Array
    unique: Array
    unique_valid: Array
    collision: Array


def sample_variety(ids: Array, valid: Array) -> SampleVariety:
    """How many of a model's generations are valid, and how many different.

    Args:
      ids: `[N]` integers, N >= 1; equal generations share an id.
      valid: `[N]` bool.

    Returns:
      A `SampleVariety`.

    Raises:
      ValueError: the shapes are others.

    Source: Sorensen et al., 2025, arXiv 2510.06084.
    """
    if ids.ndim != 1 or ids.shape != valid.shape or not ids.size:
        raise ValueError(f"`ids` and `valid` must have one shape [N], got {ids.shape} and {valid.shape}")
    size, good = ids.shape[0], valid.astype(bool)
    equal = ids[:, None] == ids[None, :]
    new = ~jnp.any(equal & jnp.tril(jnp.ones([size, size], bool), -1), axis=1)
    new_valid = good & ~jnp.any(equal & good[None, :] & jnp.tril(jnp.ones([size, size], bool), -1), axis=1)
    pairs = jnp.sum(equal, dtype=jnp.float32) - size
    return SampleVariety(
        valid=jnp.sum(good, dtype=jnp.float32) / size,
        unique=jnp.sum(new, dtype=jnp.float32) / size,
        unique_valid=jnp.sum(new_valid, dtype=jnp.int32),
        collision=pairs / (size * (size - 1)) if size > 1 else jnp.ones([]),
    )


class QuantileCalibration(NamedTuple):
    """Confidence against truth, bin by bin.

    Attributes:
      error: `[]` mean over bins of |confidence - accuracy|.
      confidence: `[bins]` mean probability in a bin, 0 in one that is not used.
      accuracy: `[bins]` share of right outcomes in it.
      used: `[bins]` bool.
    """

    error: Array
    confidence: Array
    accuracy: Array
    used: Array


def quantile_calibration(
    right_log_probs: Array, wrong_log_probs: Array, *, bins: int = 10, threshold: float = 0.01
) -> QuantileCalibration:
    """Calibration error of the outcomes' probabilities, in bins of equally many outcomes.

    Outcomes with a probability above the threshold are cut at the quantiles of their log-probs, linear between neighbours; with
    fewer outcomes than bins there are as many bins as outcomes. A bin has both its ends, so that one at an inner end counts
    twice, and all bins count alike.

    Args:
      right_log_probs: `[N]` of outcomes that came true.
      wrong_log_probs: `[M]` of outcomes that did not.
      bins: >= 1.
      threshold: in (0, 1).

    Returns:
      A `QuantileCalibration`; an error of 0 if no outcome is above the threshold.

    Raises:
      ValueError: an argument is out of range.

    Source: Sorensen et al., 2025, arXiv 2510.06084, as in its released code.
    """
    checks.integer("bins", bins, least=1)
    checks.between("threshold", threshold, 0.0, 1.0, closed="neither")
    values = numerics.at_least_float32(jnp.concatenate([right_log_probs, wrong_log_probs.astype(right_log_probs.dtype)]))
    right = jnp.arange(values.shape[0]) < right_log_probs.shape[0]
    kept = values > jnp.log(jnp.asarray(threshold, values.dtype))
    ends = _quantile_ends(values, kept, bins)
    count = jnp.minimum(bins, jnp.sum(kept, dtype=jnp.int32))
    inside = (values[None, :] >= ends[:-1, None]) & (values[None, :] <= ends[1:, None]) & kept[None, :]
    inside = inside & (jnp.arange(bins, dtype=jnp.int32) < count)[:, None]
    sizes = jnp.sum(inside, axis=1, dtype=values.dtype)
    confidence = numerics.safe_divide(jnp.sum(jnp.where(inside, jnp.exp(values)[None, :], 0.0), axis=1), sizes)
    accuracy = numerics.safe_divide(jnp.sum(inside & right[None, :], axis=1, dtype=values.dtype), sizes)
    used = sizes > 0
    error = numerics.safe_divide(jnp.sum(jnp.abs(confidence - accuracy)), jnp.sum(used, dtype=values.dtype))
    return QuantileCalibration(error, confidence, accuracy, used)


def _quantile_ends(values: Array, kept: Array, bins: int) -> Array:
    """`[bins + 1]` quantiles of the kept values; places are whole numbers as far as they can be, so that ends are exact."""
    count = jnp.sum(kept, dtype=jnp.int32)
    parts = jnp.maximum(jnp.minimum(bins, count), 1)
    ordered = jnp.sort(jnp.where(kept, values, jnp.inf))
    places = jnp.minimum(jnp.arange(bins + 1, dtype=jnp.int32), parts) * jnp.maximum(count - 1, 0)
    below, rest = places // parts, places % parts
    low = ordered[below]
    high = ordered[jnp.minimum(below + 1, jnp.maximum(count - 1, 0))]
    share = rest.astype(values.dtype) / parts.astype(values.dtype)
    return jnp.where(rest == 0, low, low + share * (jnp.where(rest == 0, low, high) - low))
