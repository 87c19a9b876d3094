"""When to abort an attempt that a predictor believes will fail, among attempts repeated until one succeeds."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks


class AttemptTimes(NamedTuple):
    """Mean times of one attempt, in any unit, each > 0; durations are exponential, so that only means matter.

    Attributes:
      success: of an attempt that succeeds.
      failure: of an attempt that fails and is not aborted.
      abort: until an attempt is aborted, with what a restart costs.
    """

    success: float
    failure: float
    abort: float


class AbortPredictor(NamedTuple):
    """How often a predictor is right.

    Attributes:
      true_positive_rate: P(let run | the attempt would succeed), in [0, 1].
      true_negative_rate: P(abort | the attempt would fail), in [0, 1].
    """

    true_positive_rate: Any
    true_negative_rate: Any


class AbortThreshold(NamedTuple):
    """Where to cut a predictor's scores: attempts with a score of at least `threshold` run on.

    Attributes:
      threshold: `[]`, one of the scores.
      makespan: `[]`, the expected time with it.
    """

    threshold: jax.Array
    makespan: jax.Array


def makespan(success_probs: Any, times: AttemptTimes, predictor: AbortPredictor | None = None) -> jax.Array:
    """The expected time until the first success.

    M_0 = t_success + (1 - p) / p t_failure; with a predictor, of joint probabilities TP = p TPR, FN = p (1 - TPR),
    TN = (1 - p) TNR, FP = (1 - p) (1 - TNR): M = t_success + (FP t_failure + (FN + TN) t_abort) / TP. Aborting pays where
    M < M_0.

    Args:
      success_probs: p in [0, 1] of one attempt, any shape; attempts are independent.
      times: mean times.
      predictor: None to let every attempt run; its rates are numbers, or arrays of the shape of `success_probs`.

    Returns:
      Float32 of the shape of `success_probs`; infinite where no attempt can succeed and run to its end.

    Raises:
      ValueError: a time is not positive, or a rate given as a number is outside [0, 1].

    Source: Watson, Correll, "Optimal decision making in robotic assembly and other trial-and-error tasks", 2023,
    arXiv 2301.10846; derived from its model.
    """
    _check(times, predictor)
    probs = jnp.asarray(success_probs, jnp.float32)
    true_positives, false_positives, aborted = _joint(probs, predictor or AbortPredictor(1.0, 0.0))
    lost = false_positives * times.failure + aborted * times.abort
    possible = true_positives > 0
    return jnp.where(possible, times.success + lost / jnp.where(possible, true_positives, 1.0), jnp.inf)


def break_even_abort_time(success_probs: Any, times: AttemptTimes, predictor: AbortPredictor) -> jax.Array:
    """The mean time until an abort at which aborting takes as long as not: [TP (1 - p) / p - FP] t_failure / (FN + TN).

    Args:
      success_probs: as for `makespan`.
      times: mean times; that of an abort is not used.
      predictor: as for `makespan`.

    Returns:
      Float32 of the shape of `success_probs`; aborting pays below it, so never where it is negative. Infinite where nothing is
      ever aborted or nothing ever succeeds.

    Raises:
      ValueError: as for `makespan`.

    Source: as for `makespan`.
    """
    _check(times, predictor)
    probs = jnp.asarray(success_probs, jnp.float32)
    true_positives, false_positives, aborted = _joint(probs, predictor)
    defined = (aborted > 0) & (probs > 0)
    odds = (1.0 - probs) / jnp.where(defined, probs, 1.0)
    saved = (true_positives * odds - false_positives) * times.failure
    return jnp.where(defined, saved / jnp.where(defined, aborted, 1.0), jnp.inf)


def best_threshold(scores: jax.Array, succeeded: jax.Array, times: AttemptTimes) -> AbortThreshold:
    """The score to abort below, of the least expected time over all cuts of past attempts.

    Args:
      scores: `[N]`, higher where success is more likely.
      succeeded: `[N]` booleans, what came of the attempts when none was aborted.
      times: mean times.

    Returns:
      A `AbortThreshold`; the lowest score lets every attempt run.

    Raises:
      ValueError: other shapes, or a time is not positive.

    Source: as for `makespan`.
    """
    _check(times, None)
    if scores.ndim != 1 or scores.shape != succeeded.shape or not scores.size:
        raise ValueError(f"`scores` and `succeeded` must have the same shape [N], got {scores.shape}, {succeeded.shape}")
    order = jnp.argsort(scores)
    cuts, good = scores[order], succeeded[order].astype(jnp.float32)
    total = jnp.sum(good)
    # Of each cut, what lies below it: equal scores stay together.
    below = jnp.searchsorted(cuts, cuts, side="left")
    good_below = jnp.concatenate([jnp.zeros(1), jnp.cumsum(good)])[below]
    failures = scores.size - total
    true_positive_rates = 1.0 - good_below / jnp.maximum(total, 1.0)
    true_negative_rates = (below.astype(jnp.float32) - good_below) / jnp.maximum(failures, 1.0)
    probs = jnp.full(cuts.shape, total / scores.size)
    expected = makespan(probs, times, AbortPredictor(true_positive_rates, true_negative_rates))
    best = jnp.argmin(expected)
    return AbortThreshold(cuts[best], expected[best])


def simulate_makespan(
    key: jax.Array, success_prob: float, times: AttemptTimes, predictor: AbortPredictor, *, tasks: int
) -> jax.Array:
    """Draws the times that tasks take until they succeed, with exponential durations.

    Args:
      key: a PRNG key.
      success_prob: in (0, 1], of one attempt.
      times: mean times.
      predictor: with numbers for rates, of which the true positive rate is > 0.
      tasks: >= 1, how many to draw.

    Returns:
      `[tasks]` float32, with the mean `makespan`.

    Raises:
      ValueError: an argument is out of range.

    Source: as for `makespan`.
    """
    checks.between("success_prob", success_prob, 0.0, 1.0, closed="high")
    checks.between("true_positive_rate", predictor.true_positive_rate, 0.0, 1.0, closed="high")
    checks.integer("tasks", tasks, least=1)
    _check(times, predictor)

    def attempt(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        key, total, done = state
        key, outcome_key, decision_key, time_key = jax.random.split(key, 4)
        good = jax.random.bernoulli(outcome_key, success_prob, (tasks,))
        run_probs = jnp.where(good, predictor.true_positive_rate, 1.0 - predictor.true_negative_rate)
        runs = jax.random.bernoulli(decision_key, run_probs)
        means = jnp.where(runs, jnp.where(good, times.success, times.failure), times.abort)
        taken = means * jax.random.exponential(time_key, (tasks,))
        return key, total + jnp.where(done, 0.0, taken), done | (good & runs)

    start = (key, jnp.zeros(tasks, jnp.float32), jnp.zeros(tasks, bool))
    return jax.lax.while_loop(lambda state: ~jnp.all(state[2]), attempt, start)[1]


def _check(times: AttemptTimes, predictor: AbortPredictor | None) -> None:
    for name, value in zip(AttemptTimes._fields, times, strict=True):
        checks.positive(f"times.{name}", value)
    for name, rate in (predictor or AbortPredictor(1.0, 0.0))._asdict().items():
        if isinstance(rate, int | float):
            checks.between(name, rate, 0.0, 1.0)


def _joint(probs: jax.Array, predictor: AbortPredictor) -> tuple[jax.Array, jax.Array, jax.Array]:
    """P(runs and succeeds), P(runs and fails), P(aborted)."""
    positive, negative = predictor
    aborted = probs * (1.0 - positive) + (1.0 - probs) * negative
    return probs * positive, (1.0 - probs) * (1.0 - negative), aborted
