"""How a player of repeated games plans, revises and keeps to its budget."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import numerics


class StrategicPlay(NamedTuple):
    """One player in one role and on one side: five scalars, all but `slope` shares in [0, 1].

    Attributes:
      win_rate: share of rounds won.
      correction_rate: share of pairs of consecutive rounds between which the cost changed.
      correction_success: of those pairs, the share whose later round is won; 0 without any.
      slope: least-squares slope of the wins (0 or 1) over the rounds 0, 1, ....
      over_budget: share of rounds that cost more than the budget.
    """

    win_rate: jax.Array
    correction_rate: jax.Array
    correction_success: jax.Array
    slope: jax.Array
    over_budget: jax.Array


def strategic_play(win: jax.Array, cost: jax.Array, budget: float, where: jax.Array | None = None) -> StrategicPlay:
    """Judges play by how it comes about and not by wins alone.

    A revision is seen through a change of cost alone. Leave out the first round, and take the two sides apart.

    Args:
      win: `[R]`, true or 1 where a round is won, in the order of play.
      cost: `[R]`, resources spent.
      budget: what a round may cost.
      where: `[R]`, true on the rounds that count, as if the others had not been played; None for all.

    Returns:
      `StrategicPlay`; all 0 without a round, and with one round the rates of change and the slope.

    Raises:
      ValueError: the arrays are not `[R]`.

    Yuan et al., "Tracing LLM Reasoning Processes with Strategic Games: A Framework for Planning, Revision, and
    Resource-Constrained Decision Making", 2025, arXiv 2506.12012 (AdvGameBench; correction rate = over-correction risk rate).
    """
    counts = jnp.ones(jnp.shape(win), bool) if where is None else jnp.asarray(where).astype(bool)
    if not jnp.ndim(win) == 1 or not jnp.shape(win) == jnp.shape(cost) == counts.shape:
        raise ValueError(f"`win`, `cost` and `where` must be [R], got {jnp.shape(win)}, {jnp.shape(cost)}, {counts.shape}")
    order = jnp.argsort(~counts, stable=True)  # the rounds that count, in their order, to the front
    won, spent, counts = jnp.asarray(win).astype(bool)[order], jnp.asarray(cost)[order], counts[order]
    later = counts[1:]  # pairs whose later round counts
    changed = later & (spent[1:] != spent[:-1])
    wins = jnp.where(won, 1.0, 0.0)
    rounds = jnp.arange(won.shape[0], dtype=jnp.float32)
    centred = jnp.where(counts, rounds - _share(rounds, counts), 0.0)
    slope = numerics.safe_divide(jnp.sum(centred * (wins - _share(wins, counts))), jnp.sum(jnp.square(centred)))
    return StrategicPlay(
        _share(wins, counts),
        _share(jnp.where(changed, 1.0, 0.0), later),
        _share(wins[1:], changed),
        slope,
        _share(jnp.where(spent > budget, 1.0, 0.0), counts),
    )


def _share(x: jax.Array, where: jax.Array) -> jax.Array:
    return numerics.safe_divide(jnp.sum(jnp.where(where, x, 0.0)), jnp.sum(where, dtype=jnp.float32))


class PearsonTest(NamedTuple):
    """A correlation and how surprising it is: three scalars.

    Attributes:
      correlation: r in [-1, 1], 0 if a variable is constant.
      statistic: t = r sqrt((n - 2) / (1 - r^2)).
      p_value: the two-sided p of t with n - 2 degrees of freedom.
    """

    correlation: jax.Array
    statistic: jax.Array
    p_value: jax.Array


def pearson_test(x: jax.Array, y: jax.Array) -> PearsonTest:
    """Pearson's correlation with a two-sided t-test of no correlation.

    Args:
      x: `[n]` with n >= 3.
      y: `[n]`.

    Returns:
      `PearsonTest`.

    Raises:
      ValueError: the shapes differ, or n < 3.

    Yuan et al., "Tracing LLM Reasoning Processes with Strategic Games", 2025, arXiv 2506.12012, of correction rate and success.
    """
    x, y = jnp.asarray(x).astype(jnp.float32), jnp.asarray(y).astype(jnp.float32)
    if x.ndim != 1 or x.shape != y.shape or x.shape[0] < 3:
        raise ValueError(f"`x` and `y` must be [n] with n >= 3, got {x.shape} and {y.shape}")
    x, y = x - jnp.mean(x), y - jnp.mean(y)
    scale = numerics.safe_sqrt(jnp.sum(jnp.square(x))) * numerics.safe_sqrt(jnp.sum(jnp.square(y)))
    return _test(jnp.clip(numerics.safe_divide(jnp.sum(x * y), scale), -1.0, 1.0), x.shape[0])


def _test(correlation: jax.Array, n: int) -> PearsonTest:
    freedom = n - 2.0
    unexplained = (1.0 - correlation) * (1.0 + correlation)
    infinite = jnp.where(unexplained > 0, 0.0, jnp.sign(correlation) * jnp.inf)
    finite = correlation * numerics.safe_sqrt(numerics.safe_divide(jnp.full_like(unexplained, freedom), unexplained))
    p_value = jax.scipy.special.betainc(0.5 * freedom, 0.5, unexplained)
    return PearsonTest(correlation, jnp.where(unexplained > 0, finite, infinite), p_value)
