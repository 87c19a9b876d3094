"""Learning rates found while training: every stage tries some from a snapshot and goes on with the most promising."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core import checks
from .forecast import exponential_forecast, prune_outliers

State = Any
Train = Callable[[State, float, int], tuple[State, Any]]

DIVERGED = 1e6  # score of a rate whose losses are not finite
LENGTH_SCALE, NOISE, POINTS = 0.3, 1e-4, 1001
VALIDATIONS = 16  # evaluations of a trial


class Stage(NamedTuple):
    """One stage: its first step, its length, the rates tried with their predicted losses, and the rate it was trained with."""

    start: int
    steps: int
    tried: tuple[float, ...]
    predicted: tuple[float, ...]
    learning_rate: float


class Search(NamedTuple):
    """The state at the end, the learning rate of every step `[steps]` (for `table`), and the stages."""

    state: State
    learning_rates: np.ndarray
    stages: tuple[Stage, ...]


def propose_rate(
    rates: Sequence[float], losses: Sequence[float], low: float, high: float, *, kappa: float = 1e3, noise: float = NOISE
) -> float:
    """The rate in [low, high] of least mean - kappa deviation under a Gaussian process of the loss over the log rate.

    Args:
      rates: those tried, at least one.
      losses: their losses, finite.
      low: > 0.
      high: > low.
      kappa: >= 0, how much exploration counts; 0 takes the minimum of the mean.
      noise: > 0, variance of the losses once they have variance 1.

    Returns:
      One of 1001 rates at equal distances in the logarithm. The process has a Matern kernel (5/2) of length 0.3 of the range.

    Raises:
      ImportError: scikit-learn is not installed.
      ValueError: a number is out of range, or there is no rate or not a loss for each.

    Source: as for `auto_learning_rates`.
    """
    _check_range(low, high)
    checks.non_negative("kappa", kappa)
    checks.positive("noise", noise)
    if not rates or len(rates) != len(losses):
        raise ValueError(f"`losses` must be one for each of at least one of `rates`, got {len(losses)} and {len(rates)}")
    try:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern
    except ImportError as error:
        raise ImportError("propose_rate needs scikit-learn: pip install 'algax[experiments]'") from error
    span = math.log(high / low)
    tried = np.log(np.asarray(rates, np.float64) / low)[:, None] / span
    kernel = Matern(length_scale=LENGTH_SCALE, length_scale_bounds="fixed", nu=2.5)
    process = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None, normalize_y=True)
    process.fit(tried, np.asarray(losses, np.float64))
    points = np.linspace(0.0, 1.0, POINTS)
    mean, deviation = process.predict(points[:, None], return_std=True)
    return float(low * math.exp(span * points[np.argmin(mean - kappa * deviation)]))


def auto_learning_rates(
    train: Train,
    state: State,
    low: float,
    high: float,
    *,
    steps: int,
    key: jax.Array,
    candidates: int = 10,
    kappa: float = 1e3,
    stage_steps: int = 1000,
    trial_steps: int = 100,
    longest_stage: int = 8000,
    validate: Callable[[State], Any] | None = None,
) -> Search:
    """AutoLRS: trains in stages of one learning rate each, chosen by Bayesian optimisation of forecast losses.

    Every stage saves the state, trains `trial_steps` steps with each candidate from there, and forecasts the loss at the end of
    the stage with `exponential_forecast` after `prune_outliers`. The candidate of least forecast is trained for the whole stage
    from the same snapshot, bit for bit. Stages and trials double until a stage is `longest_stage` long.

    Args:
      train: `(state, learning_rate, steps) -> (state, losses [steps])`, as a rule compiled; it may donate the state it gets.
      state: a tree of arrays: all that training changes, with the optimizer's state and the position in the data.
      low: least rate, > 0.
      high: largest rate, > low.
      steps: of the whole training without the trials, an integer >= 1.
      key: `jax.random.key`, for the first candidate of every stage.
      candidates: rates tried in a stage, an integer >= 1.
      kappa: see `propose_rate`.
      stage_steps: tau, steps of the first stage, an integer >= 1.
      trial_steps: tau', steps of its trials, an integer in [16, stage_steps].
      longest_stage: an integer >= stage_steps.
      validate: `state -> loss`; once stages have their full length, the forecast is of 16 validation losses of a trial, the
        largest outlier dropped, unless one of them is as large as at the start, where the last one counts. None for training
        losses.

    Returns:
      A `Search`.

    Raises:
      ImportError: scikit-learn is not installed.
      TypeError: `train` or `validate` is not callable.
      ValueError: a number is out of range, or `train` returns other than `[steps]` losses.

    Source: Jin, Zhou, Zhao, Zhu, Guo, Canini, Krishnamurthy, "AutoLRS: Automatic Learning-Rate Schedule by Bayesian
    Optimization on the Fly", 2021, arXiv 2105.10762. The released code has kappa 1e6.
    """
    if not callable(train):
        raise TypeError(f"`train` must be a function (state, learning_rate, steps) -> (state, losses), got {train!r}")
    if validate is not None and not callable(validate):
        raise TypeError(f"`validate` must be a function state -> loss or None, got {validate!r}")
    _check_range(low, high)
    checks.integer("steps", steps, least=1)
    checks.integer("candidates", candidates, least=1)
    checks.integer("stage_steps", stage_steps, least=1)
    checks.integer("longest_stage", longest_stage, least=stage_steps)
    if not VALIDATIONS <= checks.integer("trial_steps", trial_steps) <= stage_steps:
        raise ValueError(f"`trial_steps` must lie in [{VALIDATIONS}, stage_steps={stage_steps}], got {trial_steps}")
    stages: list[Stage] = []
    done, length, trial = 0, stage_steps, trial_steps
    while done < steps:
        key, first = jax.random.split(key)
        scores: dict[float, float] = {}
        scorer = validate if length >= longest_stage else None
        while len(scores) < candidates:
            rate = _draw(first, low, high) if not scores else _propose(scores, low, high, kappa)
            if rate in scores:  # nothing left to explore
                break
            scores[rate] = _score(train, state, rate, trial, length, scorer)
        best = min(scores, key=lambda rate: scores[rate])
        taken = min(length, steps - done)
        state, _ = _advance(train, state, best, taken)
        stages.append(Stage(done, taken, tuple(scores), tuple(scores.values()), best))
        done += taken
        if length < longest_stage:
            length, trial = min(2 * length, longest_stage), 2 * trial
            trial = min(trial, length)
    rates = np.concatenate([np.full(stage.steps, stage.learning_rate, np.float32) for stage in stages])
    return Search(state, rates, tuple(stages))


# Compiled once for all trials of a length; their loops would be compiled anew in every call.
_forecast = jax.jit(exponential_forecast)
_kept = jax.jit(prune_outliers, static_argnames=("fraction", "rounds", "degree", "region"))


def _score(train: Train, state: State, rate: float, trial: int, length: int, validate: Callable | None) -> float:
    """The loss that a rate is forecast to have at the end of the stage."""
    if validate is None:
        _, losses = _advance(train, state, rate, trial)
        mask = _kept(losses) if np.all(np.isfinite(losses)) else None
        return _finite(_forecast(losses, length, mask=mask)[0])
    interval = trial // VALIDATIONS
    start, found = float(validate(state)), []
    for _ in range(VALIDATIONS):
        state, _ = _advance(train, state, rate, interval)
        found.append(float(validate(state)))
    losses = jnp.asarray(found, jnp.float32)
    if not max(found) < start:  # also where one is not a number
        return _finite(losses[-1])
    mask = _kept(losses, fraction=1 / VALIDATIONS, rounds=1, region=1.0)
    return _finite(_forecast(losses, length / interval - 1.0, mask=mask)[0])


def _advance(train: Train, state: State, rate: float, steps: int) -> tuple[State, jax.Array]:
    """Trains a copy, so that the snapshot survives a function that donates its arguments."""
    state, losses = train(jax.tree.map(lambda x: x.copy() if hasattr(x, "copy") else x, state), rate, steps)
    if jnp.shape(losses) != (steps,):
        raise ValueError(f"`train` must return losses of shape [{steps}], got {list(jnp.shape(losses))}")
    return state, jnp.asarray(losses)


def _draw(key: jax.Array, low: float, high: float) -> float:
    return float(low * math.exp(math.log(high / low) * float(jax.random.uniform(key))))


def _propose(scores: dict[float, float], low: float, high: float, kappa: float) -> float:
    """Proposes from the scores; what diverged counts as the worst of the others, so that it does not hide them."""
    finite = [score for score in scores.values() if score < DIVERGED]
    worst = max(finite, default=1.0)
    losses = [score if score < DIVERGED else worst + max(abs(worst), 1.0) for score in scores.values()]
    return propose_rate(list(scores), losses, low, high, kappa=kappa)


def _finite(value: Any) -> float:
    return min(float(value), DIVERGED) if math.isfinite(float(value)) else DIVERGED


def _check_range(low: float, high: float) -> None:
    checks.positive("low", low)
    checks.between("high", high, low, float("inf"), closed="neither")
