"""What the age, the filters and the domains of pretraining data do to a model."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


class TemporalDegradation(NamedTuple):
    """How scores fall with the time between training and evaluation data.

    Attributes:
      relative_change: `[A, E]` percent, 100 (s_ae - s_a*e) / s_a*e, with a* the training year nearest to e, the first if
        several are.
      slope: `[]` percent a year, by least squares over all A E cells.
      correlation: `[]` Pearson's r in [-1, 1], 0 where one side is constant.
    """

    relative_change: Array
    slope: Array
    correlation: Array


def temporal_degradation(train_years: Array, eval_years: Array, scores: Array, *, signed: bool = False) -> TemporalDegradation:
    """Regresses the loss of score on the years between training and evaluation data.

    Args:
      train_years: `[A]`, of the data that each model was trained on.
      eval_years: `[E]`, of the test data.
      scores: `[A, E]` > 0, the higher the better.
      signed: whether the gap is evaluation less training year, which tells future from past, and not its absolute value.

    Returns:
      A `TemporalDegradation`.

    Raises:
      ValueError: the shapes do not fit.

    Source: Longpre et al., "A Pretrainer's Guide to Training Data: Measuring the Effects of Data Age, Domain Coverage, Quality,
    & Toxicity", 2023, arXiv 2305.13169.
    """
    checks.boolean("signed", signed)
    if train_years.ndim != 1 or eval_years.ndim != 1 or scores.shape != (train_years.shape[0], eval_years.shape[0]):
        raise ValueError(
            f"`scores` must be [A, E] of [A] and [E] years, got {scores.shape}, {train_years.shape}, {eval_years.shape}"
        )
    gaps = eval_years.astype(jnp.float32)[None, :] - train_years.astype(jnp.float32)[:, None]
    values, distances = numerics.at_least_float32(scores), jnp.abs(gaps)
    nearest = jnp.take_along_axis(values, jnp.argmin(distances, axis=0)[None, :], axis=0)
    changes = 100.0 * numerics.safe_divide(values - nearest, nearest)
    x = (gaps if signed else distances).astype(changes.dtype)
    dx, dy = x - jnp.mean(x), changes - jnp.mean(changes)
    together, spread_x, spread_y = (jnp.sum(product) for product in (dx * dy, dx * dx, dy * dy))
    spread = numerics.safe_sqrt(spread_x) * numerics.safe_sqrt(spread_y)
    return TemporalDegradation(changes, numerics.safe_divide(together, spread_x), numerics.safe_divide(together, spread))


class WorstOfSamples(NamedTuple):
    """Of the highest scores among each prompt's samples.

    Attributes:
      expected: `[]` their mean.
      rate: `[]` the share of prompts where it reaches the threshold.
    """

    expected: Array
    rate: Array


def worst_of_samples(scores: Array, *, threshold: float = 0.5) -> WorstOfSamples:
    """How toxic a model's continuations get: the worst of n samples of each prompt.

    Args:
      scores: `[P, n]`, such as toxicity in [0, 1].
      threshold: any real number.

    Returns:
      A `WorstOfSamples`.

    Raises:
      ValueError: the scores are not `[P, n]`.

    Source: Gehman et al., "RealToxicityPrompts: Evaluating Neural Toxic Degeneration in Language Models", 2020,
    arXiv 2009.11462.
    """
    checks.real("threshold", threshold)
    if scores.ndim != 2:
        raise ValueError(f"`scores` must have shape [P, n], got {scores.shape}")
    worst = jnp.max(numerics.at_least_float32(scores), axis=1)
    return WorstOfSamples(jnp.mean(worst), jnp.mean((worst >= threshold).astype(worst.dtype)))


def ablation_effects(scores: Array, ablated_scores: Array) -> Array:
    """What each part of the data, a domain or what a filter drops, is worth: mean over tasks of (score without it - score)

    Args:
      scores: `[K]` of a model of all data, for K tasks.
      ablated_scores: `[D, K]` of models without one part each.

    Returns:
      `[D]`; negative for parts that help.

    Raises:
      ValueError: the shapes do not fit.

    Source: Longpre et al., 2023, arXiv 2305.13169.
    """
    if scores.ndim != 1 or ablated_scores.ndim != 2 or ablated_scores.shape[1:] != scores.shape:
        raise ValueError(f"`scores` must be [K] and `ablated_scores` [D, K], got {scores.shape} and {ablated_scores.shape}")
    return jnp.mean(numerics.at_least_float32(ablated_scores) - numerics.at_least_float32(scores)[None], axis=-1)
