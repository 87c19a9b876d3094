"""Reductions of surrogates and penalties to the loss: L = aggregate(penalties - weights * surrogates).

Each adds to `loss` a sum over the tokens at hand divided by a count over the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms


def aggregate(terms: Terms, x: jax.Array, reduction: str = "token_mean", divisor: float | None = None) -> jax.Array:
    """Aggregates a per-token array over the valid tokens of the batch.

    "token_mean": sum / number of tokens. "sequence_mean_token_mean": mean over non-empty rows of the row's mean.
    "sequence_mean_token_sum": mean over non-empty rows of the row's sum. "sum": sum. "sum_over_constant": sum / divisor.

    Args:
      terms: the record, whose mask says what counts.
      x: `[B, T]`.
      reduction: one of the above.
      divisor: > 0, for "sum_over_constant".

    Returns:
      `[]`, this part's share: the shares of micro-batches and devices add up. An empty batch gives 0.

    Raises:
      ValueError: an unknown reduction, or a divisor that is not positive.
    """
    if reduction == "token_mean":
        return terms.mean(x)
    if reduction == "sequence_mean_token_mean":
        return terms.mean(terms.row_mean(x))
    if reduction == "sequence_mean_token_sum":
        return terms.mean(terms.row_sum(x))
    if reduction == "sum":
        return terms.sum(x)
    checks.option("reduction", reduction, ("sum_over_constant",))
    return terms.mean(x, count=checks.positive("divisor", 0.0 if divisor is None else divisor))


def per_token_loss(terms: Terms) -> jax.Array:
    """Returns penalties - weights * surrogates, `[B, T]`; absent weights are 1, absent penalties 0."""
    loss = None if terms.penalties is None else terms.penalties
    if terms.surrogates is not None:
        weighted = terms.surrogates
        if terms.weights is not None:
            weighted = jax.lax.stop_gradient(terms.weights) * weighted
        loss = -weighted if loss is None else loss - weighted
    if loss is None:
        raise ValueError(
            "the reduction needs `surrogates` or `penalties`, and both are None: put a surrogate such as ppo_clip before it"
        )
    return loss


def _reduction(name: str, reduce: Callable[[Terms, jax.Array], jax.Array], **hyperparameters: float) -> LossTransform:
    return loss_transform(
        lambda terms: terms.add_loss(reduce(terms, per_token_loss(terms))),
        name=name,
        writes=("loss",),
        optional_reads=("surrogates", "penalties", "weights"),
        hyperparameters=hyperparameters,
    )


def token_mean() -> LossTransform:
    """Every valid token of the batch counts the same: sum x / number of tokens.

    Returns:
      A `LossTransform` adding to `loss`.

    Yu et al., "DAPO", 2025, arXiv 2503.14476.
    """
    return _reduction("token_mean", lambda terms, x: aggregate(terms, x, "token_mean"))


def sequence_mean_token_mean() -> LossTransform:
    """Every response counts the same: the mean over non-empty rows of each row's mean.

    Returns:
      A `LossTransform` adding to `loss`.

    Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300.
    """
    return _reduction("sequence_mean_token_mean", lambda terms, x: aggregate(terms, x, "sequence_mean_token_mean"))


def sequence_mean_token_sum() -> LossTransform:
    """The mean over non-empty rows of each row's sum.

    Returns:
      A `LossTransform` adding to `loss`.

    Ahmadian et al., "Back to Basics", 2024, arXiv 2402.14740.
    """
    return _reduction("sequence_mean_token_sum", lambda terms, x: aggregate(terms, x, "sequence_mean_token_sum"))


def sum_over_constant(divisor: float) -> LossTransform:
    """The sum over all valid tokens divided by a constant, so that no length or count weighs in.

    Args:
      divisor: > 0; rows times the longest length for the mean over rows of sums scaled by that length, or the longest
        length alone as one library has it.

    Returns:
      A `LossTransform` adding to `loss`.

    Raises:
      ValueError: divisor is not positive.

    Liu et al., "Understanding R1-Zero-Like Training", 2025, arXiv 2503.20783 (Dr. GRPO).
    """
    checks.positive("divisor", divisor)
    return _reduction("sum_over_constant", lambda terms, x: aggregate(terms, x, "sum_over_constant", divisor), divisor=divisor)


def token_sum() -> LossTransform:
    """The sum over all valid tokens.

    Returns:
      A `LossTransform` adding to `loss`.
    """
    return _reduction("token_sum", lambda terms, x: aggregate(terms, x, "sum"))


def value_loss(*, clip: float | None = 0.2, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Squared error of the critic, pessimistic about large moves.

    L = coefficient * token mean of max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2) / 2.

    Args:
      clip: c > 0, or None for the plain squared error.
      coefficient: >= 0, or a schedule.

    Returns:
      A `LossTransform` reading `values`, `returns` and (with a clip) `old_values`, adding to `loss`; metric `value_loss`.

    Raises:
      ValueError: an argument is out of range.

    Schulman et al., "Proximal Policy Optimization Algorithms", 2017, arXiv 1707.06347, as in its released code.
    """
    if clip is not None:
        checks.positive("clip", clip)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        returns = jax.lax.stop_gradient(terms.returns)
        errors = jnp.square(terms.values - returns)
        if clip is not None:
            near = jnp.clip(terms.values, terms.old_values - clip, terms.old_values + clip)
            errors = jnp.maximum(errors, jnp.square(near - returns))
        terms = terms.add_metric("value_loss", 0.5 * errors)
        return terms.add_loss(0.5 * terms.value("coefficient", coefficient) * terms.mean(errors))

    return loss_transform(
        update,
        reads=("values", "returns") if clip is None else ("values", "returns", "old_values"),
        writes=("loss",),
        metrics=("value_loss",),
        hyperparameters={"clip": clip, "coefficient": coefficient},
    )
