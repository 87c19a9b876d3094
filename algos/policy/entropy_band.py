"""An entropy bonus with a penalty for leaving a band around the entropies of the past, step by step of an environment."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import LossTransform, checks, loss_transform, numerics
from .shared import penalise
from .terms import Terms


def band_penalty(
    entropies: jax.Array, typical: jax.Array, *, low: float, high: float, size: float, form: str = "indicator"
) -> jax.Array:
    """Penalises entropies outside the band between low * typical and high * typical, elementwise.

    "indicator": 0 strictly inside, `size` elsewhere; its gradient is 0 everywhere. "hinge": size times the distance to the
    band.

    Args:
      entropies: any shape, in nats.
      typical: the same shape, entropies of the past.
      low: >= 0, the lower edge is low * typical.
      high: >= low, the upper edge is high * typical.
      size: >= 0.
      form: "indicator" or "hinge".

    Returns:
      Penalties of the same shape.

    Raises:
      ValueError: an argument is out of range or unknown.

    Xu et al., "EPO: Entropy-regularized Policy Optimization for LLM Agents Reinforcement Learning", 2025, arXiv 2509.22576,
    whose penalty is the indicator; the hinge is its form with a gradient and not in the paper.
    """
    checks.non_negative("low", low)
    checks.between("high", high, low, float("inf"))
    checks.non_negative("size", size)
    checks.option("form", form, ("indicator", "hinge"))
    lower, upper = low * typical, high * typical
    if form == "hinge":
        return size * (jax.nn.relu(entropies - upper) + jax.nn.relu(lower - entropies))
    return jnp.where((lower < entropies) & (entropies < upper), jnp.zeros_like(entropies), size)


class EntropyHistory(NamedTuple):
    """State of `smoothed_entropy_bonus`: by environment step, the sum of its mean entropies and how many there were.

    Attributes:
      totals: `[S]`.
      iterations: `[S]`.
    """

    totals: jax.Array
    iterations: jax.Array

    @property
    def typical(self) -> jax.Array:
        """The mean over the iterations in which the step occurred, 0 if there were none: `[S]`."""
        return numerics.safe_divide(self.totals, self.iterations)


def smoothed_entropy_bonus(
    max_steps: int,
    *,
    coefficient: checks.ScalarOrSchedule = 0.001,
    weight: checks.ScalarOrSchedule = 1.0,
    low: float = 0.0,
    high: float = 2.0,
    size: float = 0.05,
    mode: str = "token",
    form: str = "indicator",
) -> LossTransform:
    """Rewards entropy, but not where it leaves its usual band: penalties += coefficient (weight P - H).

    P is `band_penalty` against the mean over past iterations of the mean entropy at the row's environment step. It is 0
    for a step without a past, and for a batch in which no row has come to max_steps / 2.

    Args:
      max_steps: >= 1, S; environment steps are 0 .. S - 1.
      coefficient: >= 0, or a schedule.
      weight: >= 0, or a schedule such as `epo_phase`.
      low: >= 0, lower edge of the band.
      high: >= low, upper edge of the band.
      size: >= 0, the penalty.
      mode: "token" compares each token's entropy, "sequence" the mean of the row's.
      form: "indicator" or "hinge", see `band_penalty`; with "indicator" P has no gradient.

    Returns:
      A `LossTransform` with state (`EntropyHistory`), reading `entropies` and `environment_steps` `[B]` and writing
      `penalties` `[B, T]`; metric `entropy_penalty`, the mean of P.

    Raises:
      ValueError: an argument is out of range or unknown.

    Xu et al., "EPO: Entropy-regularized Policy Optimization for LLM Agents Reinforcement Learning", 2025, arXiv 2509.22576.
    Released code averages over padding too in "sequence" mode, and pads a step's history with zeros.
    """
    checks.integer("max_steps", max_steps, least=1)
    checks.schedule("coefficient", coefficient, checks.non_negative)
    checks.schedule("weight", weight, checks.non_negative)
    checks.option("mode", mode, ("token", "sequence"))
    penalty = functools.partial(band_penalty, low=low, high=high, size=size, form=form)
    penalty(jnp.zeros([]), jnp.zeros([]))  # checks the arguments

    def update(terms: Terms, state: EntropyHistory) -> tuple[Terms, EntropyHistory]:
        entropies = terms.entropies
        steps = jnp.clip(terms.environment_steps.astype(jnp.int32), 0, max_steps - 1)
        compared = entropies if mode == "token" else jnp.broadcast_to(terms.row_mean(entropies)[:, None], entropies.shape)
        typical = jnp.broadcast_to(state.typical[steps][:, None], entropies.shape).astype(entropies.dtype)
        late = terms.batch_sum(jnp.where(2 * steps >= max_steps, 1.0, 0.0)) > 0
        applies = (state.iterations[steps] > 0)[:, None] & late
        penalties = jnp.where(applies, penalty(compared, typical), 0.0)
        strength, share = (
            jnp.asarray(terms.value(name, value), entropies.dtype)
            for name, value in (("coefficient", coefficient), ("weight", weight))
        )
        terms = terms.add_metric("entropy_penalty", penalties)
        return penalise(terms, strength, share * penalties - entropies), _recorded(terms, state, steps)

    return loss_transform(
        update,
        init=lambda: EntropyHistory(jnp.zeros([max_steps], jnp.float32), jnp.zeros([max_steps], jnp.float32)),
        reads=("entropies", "environment_steps"),
        writes=("penalties",),
        optional_reads=("penalties",),
        metrics=("entropy_penalty",),
        hyperparameters={
            "max_steps": max_steps,
            "coefficient": coefficient,
            "weight": weight,
            "low": low,
            "high": high,
            "size": size,
            "mode": mode,
            "form": form,
        },
        couples_batch=True,
    )


def _recorded(terms: Terms, state: EntropyHistory, steps: jax.Array) -> EntropyHistory:
    """The history with this batch's mean entropy of every step that occurs in it."""

    def by_step(x: jax.Array) -> jax.Array:
        sums = jax.ops.segment_sum(jax.lax.stop_gradient(x), steps, num_segments=state.totals.shape[0])
        return terms.across_devices(sums).astype(state.totals.dtype)

    totals, counts = by_step(terms.row_sum(terms.entropies)), by_step(terms.row_count())
    occurred = jnp.where(counts > 0, jnp.ones_like(counts), 0.0)
    return EntropyHistory(state.totals + numerics.safe_divide(totals, counts), state.iterations + occurred)


def epo_phase(total: int) -> optax.Schedule:
    """Weight of the band penalty over training: slow decay in the first half, fast in the second.

    With K = total: 1 - 0.2 (1 - exp(-2 k / (K / 2))) up to k = K / 2, then 0.8 exp(-3 (k - K / 2) / (K / 2)); it jumps at
    the middle from 0.827 to below 0.8.

    Args:
      total: >= 1, K, in steps; from there on the weight stays.

    Returns:
      A schedule: step -> weight, float32 `[]`.

    Raises:
      ValueError: total is not an integer >= 1.

    Xu et al., "EPO: Entropy-regularized Policy Optimization for LLM Agents Reinforcement Learning", 2025, arXiv 2509.22576,
    which counts epochs.
    """
    half = checks.integer("total", total, least=1) / 2

    def schedule(step):
        progress = jnp.clip(jnp.asarray(step, jnp.float32), 0.0, total) / half
        return jnp.where(progress <= 1, 1.0 - 0.2 * (1.0 - jnp.exp(-2.0 * progress)), 0.8 * jnp.exp(-3.0 * (progress - 1.0)))

    return schedule
