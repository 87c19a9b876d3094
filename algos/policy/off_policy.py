"""Learning from responses of other policies: truncated weights, searched bounds, centred windows, replay."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import BatchTransform, LossTransform, checks, loss_transform, numerics
from .shared import penalise, scale_weights
from .terms import Terms


def subtract_baseline(baseline: float = 0.0) -> LossTransform:
    """Subtracts a constant from every reward: s_i <- s_i - baseline.

    Args:
      baseline: any finite number; below 0 it favours the positive responses, above 0 the negative ones.

    Returns:
      A `LossTransform` reading and writing `rewards` `[B]`.

    Raises:
      ValueError: baseline is not finite.

    Le Roux et al., "Tapered Off-Policy REINFORCE", 2025, arXiv 2503.14286.
    """
    checks.real("baseline", baseline)
    return loss_transform(
        lambda terms: terms.replace(rewards=terms.rewards - baseline),
        reads=("rewards",),
        writes=("rewards",),
        hyperparameters={"baseline": baseline},
    )


def _interval(name: str, value: tuple[float, float]) -> tuple[float, float]:
    """Checks 0 <= low <= high, where high may be infinite."""
    low, high = value
    checks.non_negative(name, low)
    if high != math.inf:
        checks.between(name, high, low, math.inf)
    return value


def truncate_weight(*, positive: tuple[float, float] = (1.0, 1.0), negative: tuple[float, float] = (0.0, 1.0)) -> LossTransform:
    """Clips the importance ratio by the sign of the advantage and takes it as a weight.

    weights *= stop(clip(r, positive)) where A >= 0, and stop(clip(r, negative)) where A < 0. (1, 1) ignores the ratio, (0, 1)
    truncates it, (0, inf) is plain importance sampling, (0, 0) drops the response.

    Args:
      positive: (low, high), 0 <= low <= high; high may be infinite.
      negative: the same.

    Returns:
      A `LossTransform` reading `ratios` and `advantages` and writing `weights` `[B, T]`, without gradient; metric
      `importance_weight`.

    Raises:
      ValueError: an interval is not of that form.

    Le Roux et al., "Tapered Off-Policy REINFORCE: Stable and efficient reinforcement learning for LLMs", 2025,
    arXiv 2503.14286, with `sequence_ratio(length_normalise=False)`.
    """
    _interval("positive", positive)
    _interval("negative", negative)

    def update(terms: Terms) -> Terms:
        ratios = jax.lax.stop_gradient(terms.ratios)
        weights = jnp.where(terms.advantages >= 0, jnp.clip(ratios, *positive), jnp.clip(ratios, *negative))
        terms = terms.add_metric("importance_weight", weights)
        return scale_weights(terms, weights)

    return loss_transform(
        update,
        reads=("ratios", "advantages"),
        writes=("weights",),
        optional_reads=("weights",),
        metrics=("importance_weight",),
        hyperparameters={"positive": positive, "negative": negative},
    )


def effective_positive_fraction(positive_fraction: float, baseline: float) -> float:
    """The positive responses' share of the gradient's mass when rewards of +1 and -1 get a baseline.

    p' = p (1 - c) / (1 + (1 - 2 p) c).

    Args:
      positive_fraction: p in [0, 1], the share of positive responses.
      baseline: c in (-1, 1).

    Returns:
      p' in [0, 1]; the paper recommends 0.1 to 0.2.

    Raises:
      ValueError: an argument is out of range.

    Le Roux et al., "Tapered Off-Policy REINFORCE", 2025, arXiv 2503.14286.
    """
    checks.between("positive_fraction", positive_fraction, 0.0, 1.0)
    checks.between("baseline", baseline, -1.0, 1.0, closed="neither")
    return positive_fraction * (1.0 - baseline) / (1.0 + (1.0 - 2.0 * positive_fraction) * baseline)


def _search_path(low: tuple[float, float, float], high: tuple[float, float, float], order: str) -> np.ndarray:
    """The pairs (lower, upper) a search visits, `[M, 2]`: one bound to its end, then the other."""

    def grid(start, stop, step):
        steps = math.ceil((stop - start) / step - 1e-9)
        return np.minimum(start + step * np.arange(steps + 1), stop)

    lower, upper = grid(*low), grid(*high)
    if order == "high_first":
        pairs = [(lower[0], value) for value in upper] + [(value, upper[-1]) for value in lower[1:]]
    else:
        pairs = [(value, upper[0]) for value in lower] + [(lower[-1], value) for value in upper[1:]]
    return np.array(pairs)


def _check_search(name: str, value: tuple[float, float, float]) -> None:
    start, stop, step = value
    checks.non_negative(name, start)
    checks.between(name, stop, start, math.inf, closed="low")
    checks.positive(name, step)


def search_bounds(
    target: float = 0.4,
    *,
    low: tuple[float, float, float] = (0.6, 0.9, 0.02),
    high: tuple[float, float, float] = (1.2, 3.0, 0.05),
    order: str = "high_first",
    behaviour_weight: bool = True,
) -> LossTransform:
    """Widens and tightens the clip bounds until positive advantages supply a target share of the clipped objective.

    share(l, h) = sum_{A > 0} mu |A| min(r, h) / (that + sum_{A < 0} mu |A| max(r, l)), over the whole batch. Bounds start at
    (low start, high start); while share < target, one bound rises step by step to its end, then the other. The share grows with
    the upper bound and falls with the lower one, whose rise takes the gradient from wrong tokens that have become unlikely.

    Args:
      target: in [0, 1]. A target of the ratio positive / negative, t, is the share t / (1 + t).
      low: (start, stop, step) of the lower bound, 0 <= start <= stop, step > 0.
      high: the same of the upper bound.
      order: "high_first" raises the upper bound first, "low_first" the lower one.
      behaviour_weight: whether tokens count by mu = exp(old_log_probs), their probability when sampled.

    Returns:
      A `LossTransform` writing `lower_bounds` and `upper_bounds` `[B, T]`, constant over the batch and without gradient;
      metrics `lower_bound`, `upper_bound`, `positive_share`. A batch without advantages keeps the starts.

    Raises:
      ValueError: an argument is out of range or unknown.

    Xi et al., "BAPO: Stabilizing Off-Policy RL for LLMs via Balanced Policy Optimization with Adaptive Clipping", 2025,
    arXiv 2510.18927. Released code searches the lower bound first, without mu, for positive / negative = 0.5.
    """
    checks.between("target", target, 0.0, 1.0)
    _check_search("low", low)
    _check_search("high", high)
    checks.option("order", order, ("high_first", "low_first"))
    checks.boolean("behaviour_weight", behaviour_weight)
    pairs = _search_path(low, high, order)

    def update(terms: Terms) -> Terms:
        ratios, advantages = jax.lax.stop_gradient(terms.ratios), jax.lax.stop_gradient(terms.advantages)
        masses = jnp.abs(advantages)
        if behaviour_weight:
            masses = masses * jnp.exp(jnp.minimum(terms.old_log_probs, 0.0))

        def share(pair: jax.Array) -> jax.Array:
            effective = jnp.where(advantages > 0, jnp.minimum(ratios, pair[1]), jnp.maximum(ratios, pair[0]))
            total = terms.batch_sum(masses * effective)
            positive = terms.batch_sum(jnp.where(advantages > 0, masses * effective, 0.0))
            return jnp.where(total > 0, numerics.safe_divide(positive, total), 1.0)

        path = jnp.asarray(pairs, ratios.dtype)
        shares = jax.lax.map(share, path)
        reached = shares >= target
        stop = jnp.where(jnp.any(reached), jnp.argmax(reached), path.shape[0] - 1)
        lower, upper = path[stop, 0], path[stop, 1]
        terms = terms.add_metric("lower_bound", lower).add_metric("upper_bound", upper)
        terms = terms.add_metric("positive_share", shares[stop])
        shape = ratios.shape
        return terms.replace(lower_bounds=jnp.broadcast_to(lower, shape), upper_bounds=jnp.broadcast_to(upper, shape))

    return loss_transform(
        update,
        reads=("ratios", "advantages", *(("old_log_probs",) if behaviour_weight else ())),
        writes=("lower_bounds", "upper_bounds"),
        metrics=("lower_bound", "upper_bound", "positive_share"),
        hyperparameters={"target": target, "low": low, "high": high, "order": order, "behaviour_weight": behaviour_weight},
        couples_batch=True,
    )


def centred_ratio(
    *, low: checks.ScalarOrSchedule = 0.2, high: checks.ScalarOrSchedule = 0.2, log_limit: float = 20.0
) -> LossTransform:
    """Ratio to the policy that sampled, with clip bounds around the policy that starts the update.

    r = exp(log_probs - behaviour_log_probs), c = exp(old_log_probs - behaviour_log_probs), bounds [c - low, c + high]. Where
    the policy that starts the update sampled, c = 1.

    Args:
      low: >= 0, or a schedule.
      high: >= 0, or a schedule.
      log_limit: > 0; log-ratios are clipped to [-log_limit, log_limit].

    Returns:
      A `LossTransform` writing `ratios`, `lower_bounds` and `upper_bounds` `[B, T]`.

    Raises:
      ValueError: an argument is out of range.

    Liang et al., "Squeeze the Soaked Sponge: Efficient Off-policy Reinforcement Finetuning for Large Language Model", 2025,
    arXiv 2507.06892 (ReMix).
    """
    checks.schedule("low", low, checks.non_negative)
    checks.schedule("high", high, checks.non_negative)
    checks.positive("log_limit", log_limit)

    def update(terms: Terms) -> Terms:
        def ratio_of(log_probs: jax.Array) -> jax.Array:
            return jnp.exp(jnp.clip(log_probs - terms.behaviour_log_probs, -log_limit, log_limit))

        centre = ratio_of(terms.old_log_probs)
        return terms.replace(
            ratios=ratio_of(terms.log_probs),
            lower_bounds=centre - terms.value("low", low),
            upper_bounds=centre + terms.value("high", high),
        )

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs", "behaviour_log_probs"),
        writes=("ratios", "lower_bounds", "upper_bounds"),
        hyperparameters={"low": low, "high": high, "log_limit": log_limit},
    )


def convex_kl_penalty(coefficient: checks.ScalarOrSchedule = 0.001, *, mixture: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Keeps the policy near two others at once, over the whole vocabulary.

    penalties += coefficient [mixture KL(pi || ref) + (1 - mixture) KL(pi || previous)], up to a constant the KL to the
    normalised ref^mixture previous^(1 - mixture).

    Args:
      coefficient: >= 0, or a schedule; the paper does not state one.
      mixture: in [0, 1], or a schedule such as `kl_mixture_schedule()`.

    Returns:
      A `LossTransform` reading `distribution`, `ref_distribution` and, as the previous policy's, `old_distribution`, writing
      `penalties` `[B, T]`; metric `convex_kl`.

    Raises:
      ValueError: an argument is out of range.

    Liang et al., "Squeeze the Soaked Sponge", 2025, arXiv 2507.06892 (KL-convex). After the paper's reincarnation step the
    reference is the policy of that step, and no rows are replayed.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.schedule("mixture", mixture, lambda name, value: checks.between(name, value, 0.0, 1.0))

    def update(terms: Terms) -> Terms:
        share = terms.value("mixture", mixture)

        def divergence(log_probs: jax.Array, ref: jax.Array, previous: jax.Array) -> jax.Array:
            return jnp.sum(numerics.weighted(log_probs, log_probs - share * ref - (1.0 - share) * previous), axis=-1)

        divergences = terms.distribution.map(divergence, terms.ref_distribution, terms.old_distribution)
        return penalise(terms.add_metric("convex_kl", divergences), terms.value("coefficient", coefficient), divergences)

    return loss_transform(
        update,
        reads=("distribution", "ref_distribution", "old_distribution"),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("convex_kl",),
        hyperparameters={"coefficient": coefficient, "mixture": mixture},
    )


def kl_mixture_schedule(
    *, start: int = 50, every: int = 10, drop: float = 0.1, floor: float = 0.5
) -> Callable[[Any], jax.Array]:
    """A staircase from 1 down to a floor: max(1 - drop ceil(max(step - start, 0) / every), floor).

    Args:
      start: >= 0, the last step at 1.
      every: >= 1, steps a stair is long.
      drop: > 0, how far a stair goes down.
      floor: in [0, 1].

    Returns:
      A schedule `step -> value` (float32) for `convex_kl_penalty`.

    Raises:
      ValueError: an argument is out of range.

    Liang et al., "Squeeze the Soaked Sponge", 2025, arXiv 2507.06892.
    """
    checks.integer("start", start, least=0)
    checks.integer("every", every, least=1)
    checks.positive("drop", drop)
    checks.between("floor", floor, 0.0, 1.0)

    def schedule(step: Any) -> jax.Array:
        stairs = (jnp.maximum(jnp.asarray(step) - start, 0) + (every - 1)) // every
        return jnp.maximum(1.0 - drop * stairs.astype(jnp.float32), floor)

    return schedule


def mix_replay(probability: float = 0.4) -> BatchTransform:
    """Replaces rows of the current batch by rows recorded from earlier policies.

    A row comes, with the given probability, from one of the W earlier batches, each as likely; otherwise it stays.

    Args:
      probability: in [0, 1]; 0 is on-policy, as after the paper's reincarnation step.

    Returns:
      `(key, (current, past)) -> batch`: `current` is a tree of arrays `[B, ...]`, `past` the same tree of `[W, B, ...]`, the
      result a tree like `current`. A row may be a response or, with prompts on the leading axis, a whole group; responses
      drawn one by one need their advantages computed before.

    Raises:
      ValueError: probability is out of range.

    Liang et al., "Squeeze the Soaked Sponge", 2025, arXiv 2507.06892, where W = 2.
    """
    checks.between("probability", probability, 0.0, 1.0)

    def transform(key: jax.Array, batch: tuple[Any, Any]) -> Any:
        current, past = batch
        window, rows = jax.tree.leaves(past)[0].shape[:2]
        replay_key, slot_key = jax.random.split(key)
        replayed = jax.random.bernoulli(replay_key, probability, (rows,))
        slots = jax.random.randint(slot_key, (rows,), 0, window)

        def choose(now: jax.Array, earlier: jax.Array) -> jax.Array:
            where = replayed.reshape(rows, *(1,) * (now.ndim - 1))
            return jnp.where(where, earlier[slots, jnp.arange(rows)], now)

        return jax.tree.map(choose, current, past)

    return transform
