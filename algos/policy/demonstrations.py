"""Demonstrations and samples in one batch: one form for both gradients, and rules that choose between them row by row."""

from __future__ import annotations

from typing import cast

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .shared import scale_weights
from .terms import Terms

DENOMINATORS = ("current", "old", "behaviour", "one")


def unified_policy_gradient(*, denominator: str = "old", clip: tuple[float, float] | None = None) -> LossTransform:
    """One form for supervised and reinforced gradients: the surrogate stop(W) log pi, W = stable * (pi / denominator) * A.

    "current" with A = 1 is maximum likelihood, "current" REINFORCE, "old" with a clip PPO, "one" a demonstration treated as
    if it had probability 1.

    Args:
      denominator: the policy pi is divided by: "current", "old", "behaviour", or "one" for the constant 1.
      clip: (low, high), both >= 0: stable is 0 where A > 0 and pi / denominator > 1 + high, or A < 0 and it is < 1 - low.
        None keeps every token.

    Returns:
      A `LossTransform` reading `log_probs`, `advantages` and the denominator's log-probs, writing `surrogates` `[B, T]`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Lv et al., "Towards a Unified View of Large Language Model Post-Training", 2025, arXiv 2509.04419.
    """
    checks.option("denominator", denominator, DENOMINATORS)
    low, high = (0.0, 0.0) if clip is None else clip
    checks.non_negative("clip", low)
    checks.non_negative("clip", high)
    fields = (f"{denominator}_log_probs",) if denominator in ("old", "behaviour") else ()

    def update(terms: Terms) -> Terms:
        log_probs, advantages = jax.lax.stop_gradient(terms.log_probs), jax.lax.stop_gradient(terms.advantages)
        below = log_probs if denominator == "current" else jnp.zeros_like(log_probs)
        below = getattr(terms, fields[0]) if fields else below
        ratios = jnp.exp(jnp.clip(log_probs - below, -20.0, 20.0))
        weights = ratios * advantages
        if clip is not None:
            unstable = jnp.where(advantages > 0, ratios > 1.0 + high, (ratios < 1.0 - low) & (advantages < 0))
            weights = jnp.where(unstable, 0.0, weights)
        return terms.replace(surrogates=weights * terms.log_probs)

    return loss_transform(
        update,
        reads=("log_probs", "advantages", *fields),
        writes=("surrogates",),
        hyperparameters={"denominator": denominator, "clip": clip},
    )


def _check_surrogate(name: str, transform: LossTransform) -> None:
    if not isinstance(transform, LossTransform):
        raise TypeError(f"`{name}` must be a LossTransform, got {transform!r}")
    if transform.writes != ("surrogates",) or jax.tree.leaves(transform.init()):
        raise ValueError(f"`{name}` must write `surrogates` and nothing else, without state, got {transform.name}")


def select_rows(rows: str, on_true: LossTransform, on_false: LossTransform) -> LossTransform:
    """Takes the surrogate of one transform on some rows and of another on the rest.

    Args:
      rows: the field `[B]` that tells them apart: "correct" or "demonstrations".
      on_true: a stateless transform that writes `surrogates` alone; it sees the rows where the field is true.
      on_false: the same for the other rows.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`, with the metrics of both.

    Raises:
      ValueError: an unknown field, a transform that writes something else, or a metric that both record.

    Lv et al., "Towards a Unified View of Large Language Model Post-Training", 2025, arXiv 2509.04419.
    """
    checks.option("rows", rows, ("correct", "demonstrations"))
    _check_surrogate("on_true", on_true)
    _check_surrogate("on_false", on_false)
    if set(on_true.metrics) & set(on_false.metrics):
        raise ValueError(f"`on_true` and `on_false` both record {sorted(set(on_true.metrics) & set(on_false.metrics))}")

    def update(terms: Terms) -> Terms:
        where = getattr(terms, rows).astype(bool)[:, None]
        chosen = cast(Terms, on_true.update(terms.replace(mask=terms.mask & where), on_true.init())[0])
        others = cast(Terms, on_false.update(terms.replace(mask=terms.mask & ~where), on_false.init())[0])
        metrics = {**terms.metrics, **chosen.metrics, **others.metrics}
        return terms.replace(surrogates=jnp.where(where, chosen.surrogates, others.surrogates), metrics=metrics)

    return loss_transform(
        update,
        reads=dict.fromkeys((*on_true.reads, *on_false.reads, rows)),
        writes=("surrogates",),
        optional_reads=dict.fromkeys((*on_true.optional_reads, *on_false.optional_reads)),
        metrics=(*on_true.metrics, *on_false.metrics),
        hyperparameters={"rows": rows, "on_true": on_true.name, "on_false": on_false.name},
        couples_batch=on_true.couples_batch or on_false.couples_batch,
    )


def mean_over_rows(rows: str, *, value: bool = True, coefficient: float = 1.0, divisor: float | None = None) -> LossTransform:
    """Gives some rows a token mean of their own: weights *= coefficient * divisor / (their tokens in the batch).

    A reduction that divides by `divisor` then adds coefficient * (their mean over tokens), whatever the other rows do.

    Args:
      rows: the field `[B]` that tells rows apart: "correct" or "demonstrations".
      value: the rows where the field is true, or those where it is false.
      coefficient: >= 0.
      divisor: what the reduction divides by: > 0 for `sum_over_constant`, None for `token_mean`.

    Returns:
      A `LossTransform` writing `weights` `[B, T]`, without gradient.

    Raises:
      ValueError: an argument is out of range or unknown.

    Lv et al., "Towards a Unified View of Large Language Model Post-Training", 2025, arXiv 2509.04419; Lyu et al., "Exploring
    the Limit of Outcome Reward for Learning Mathematical Reasoning", 2025, arXiv 2502.06781.
    """
    checks.option("rows", rows, ("correct", "demonstrations"))
    checks.boolean("value", value)
    checks.non_negative("coefficient", coefficient)
    if divisor is not None:
        checks.positive("divisor", divisor)

    def update(terms: Terms) -> Terms:
        chosen = jnp.where(getattr(terms, rows).astype(bool) == value, 1.0, 0.0)[:, None]
        chosen = jnp.broadcast_to(chosen, terms.mask.shape)
        total = terms.batch_sum(jnp.ones_like(chosen)) if divisor is None else jnp.asarray(divisor, chosen.dtype)
        factor = coefficient * numerics.safe_divide(total, terms.batch_sum(chosen))
        return scale_weights(terms, jnp.where(chosen > 0, factor, 1.0))

    return loss_transform(
        update,
        reads=(rows,),
        writes=("weights",),
        optional_reads=("weights",),
        hyperparameters={"rows": rows, "value": value, "coefficient": coefficient, "divisor": divisor},
    )


def hybrid_switch(gate: float = 0.0) -> LossTransform:
    """Chooses per prompt between its rollouts and its demonstrations, by the rollouts' success.

    With P the share of correct ones among a prompt's rollouts: if P > gate its rollouts stay, else its demonstrations.

    Args:
      gate: in [-1, 1]; -1 keeps only rollouts, 1 only demonstrations.

    Returns:
      A `LossTransform` reading `correct`, `demonstrations` and `group_ids`, writing `mask` `[B, T]`; metric `rollout_prompts`,
      the share of rows whose prompt goes on with its rollouts. Put it before the advantages, so that a demonstration never
      enters a group's statistics.

    Raises:
      ValueError: gate is out of range.

    Lv et al., "Towards a Unified View of Large Language Model Post-Training", 2025, arXiv 2509.04419 (HPT).
    """
    checks.between("gate", gate, -1.0, 1.0)

    def update(terms: Terms) -> Terms:
        demonstrations = terms.demonstrations.astype(bool)
        rollouts = terms.groups(terms.group_ids).only(~demonstrations)
        able = rollouts.mean(terms.correct.astype(jnp.float32)) > gate
        terms = terms.add_metric("rollout_prompts", jnp.where(able, 1.0, 0.0))
        return terms.replace(mask=terms.mask & (able != demonstrations)[:, None])

    return loss_transform(
        update,
        reads=("correct", "demonstrations", "group_ids"),
        writes=("mask",),
        metrics=("rollout_prompts",),
        hyperparameters={"gate": gate},
    )
