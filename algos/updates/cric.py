"""Pruning with second looks: groups are shrunk on trial, in cycles, before it is decided which of them go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from ..core.numerics import safe_divide
from .groups import Groups, group_counts, group_saliency, lowest_groups, zero_groups
from .hesso import MOST, require_params, scaled_updates, shrinking_factor, unit_direction

Array = jax.Array
Masks = dict[str, Array]
SHARES = (0.25, 0.5, 0.75)  # of a set's groups that are set to 0 on trial


class CricState(NamedTuple):
    """Where `cric` is.

    Attributes:
      step: steps taken.
      cycle: the cycle of trials that is going on, from 1; 0 before the first.
      trial_step: steps taken in it.
      removal_step: steps since it was decided which groups go; -1 before.
      violating: name of a set -> `[G]`, the groups that this cycle shrinks.
      seen: the groups that some cycle has shrunk.
      candidates: the groups of low saliency met in this cycle that no cycle has shrunk.
      saliency: name of a set -> `[G]`, the sum of the samples so far.
      samples: how many.
      ratios: name of a set -> `[]`, see `loss_ratios`.
      removed: the groups that go.
      cache: the parameters to which every cycle returns.
      inner: the inner optimizer's state.
    """

    step: Array
    cycle: Array
    trial_step: Array
    removal_step: Array
    violating: Masks
    seen: Masks
    candidates: Masks
    saliency: dict[str, Array]
    samples: Array
    ratios: dict[str, Array]
    removed: Masks
    cache: Any
    inner: Any


def loss_ratios(
    value_fn: Callable[[Any], Array], params: Any, groups: Groups, saliency: Mapping[str, Array]
) -> dict[str, Array]:
    """What a set of groups costs: the mean over shares of 25, 50 and 75 % of loss without its lowest groups / loss.

    Args:
      value_fn: `params -> []`, the loss of some data, > 0.
      params: a tree of arrays.
      groups: see `group_criteria`.
      saliency: name of a set -> `[G]`; the lowest are set to 0, at least one.

    Returns:
      Name of the set -> `[]` float32; 0 where the loss itself is 0.

    Raises:
      ValueError: as `group_criteria`.

    Source: as for `cric`.
    """
    counts, whole = group_counts(params, groups), value_fn(params).astype(jnp.float32)
    ratios = {}
    for name, count in counts.items():
        found = []
        for share in SHARES:
            lowest = lowest_groups({name: saliency[name]}, max(int(count * share), 1))
            without = zero_groups(params, {name: groups[name]}, lowest)
            found.append(safe_divide(value_fn(without).astype(jnp.float32), whole))
        ratios[name] = sum(found, jnp.zeros([], jnp.float32)) / len(SHARES)
    return ratios


def cric(
    inner: optax.GradientTransformation,
    groups: Groups,
    *,
    target: float = 0.5,
    start: int,
    sampling_steps: int,
    period: int,
    cycles: int = 10,
    tolerance: int = 0,
    weights: Mapping[str, float] | None = None,
    multiple: int = 1,
) -> optax.GradientTransformationExtraArgs:
    """HESSO's corrective search for groups that cannot be spared (CRIC), then the removal of the others.

    K = floor(G min(target, 0.999)) groups are to go. From `start` on, cycles of `sampling_steps` steps begin at the same
    parameters and shrink the violating groups V to 0 as `shrink_groups` does: the first cycle the K of lowest
    `group_saliency`, a later one those that were among the K lowest at some step of the cycle before and in no V yet. With
    saliency s_t at every such step and r the set's `loss_ratios`, the score of a group is

      mean_t s_t + r / (number of groups of its set).

    After `cycles` cycles, or when V would have at most `tolerance` groups, the parameters return once more and the K of lowest
    score shrink for `period` steps and stay 0.

    Args:
      inner: the optimizer; it ends the chain. Its state goes on where the parameters return.
      groups: see `group_criteria`.
      target: share of the groups to remove, in [0, 1]; where this is no group, the inner optimizer.
      start: the step at which the first cycle begins, an integer >= 0.
      sampling_steps: steps of a cycle, an integer >= 1; its last one ends in the return.
      period: steps of the removal, an integer >= 1.
      cycles: most cycles, an integer >= 1.
      tolerance: an integer >= 0.
      weights: of the criteria, see `group_saliency`.
      multiple: see `hesso`.

    Returns:
      An `optax.GradientTransformationExtraArgs` that needs `params`, and may be given `value_fn`, the loss as a function of the
      parameters alone: without it r is 0. `state.removed` says which groups go.

    Raises:
      ValueError: a number is out of range, the groups do not fit the parameters, or `update` is called without `params`.

    Source: Chen et al., "HESSO: Towards Automatic Efficient and User Friendly Any Neural Network Training and Pruning", 2024,
    arXiv 2409.09085. The released code measures r on the batches of further steps, with V all groups of the set as here, and
    sets V to 0 in the first step of a cycle already.

    Example:
      >>> groups = {"hidden": [("Dense_0/kernel", 1), ("Dense_0/bias", 0), ("Dense_1/kernel", 0)]}
      >>> optimizer = updates.cric(optax.adam(3e-3), groups, target=0.7, start=200, sampling_steps=20, period=200)
    """
    checks.between("target", target, 0.0, 1.0)
    checks.integer("start", start, least=0)
    for name, value in (("sampling_steps", sampling_steps), ("period", period), ("cycles", cycles), ("multiple", multiple)):
        checks.integer(name, value, least=1)
    checks.integer("tolerance", tolerance, least=0)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> CricState:
        counts, zero = group_counts(params, groups), jnp.zeros([], jnp.int32)

        def each(value: Any) -> dict[str, Array]:
            return {name: jnp.full([count], value) for name, count in counts.items()}

        return CricState(
            step=zero,
            cycle=zero,
            trial_step=zero,
            removal_step=zero - 1,
            violating=each(False),
            seen=each(False),
            candidates=each(False),
            saliency=each(0.0),
            samples=jnp.zeros([]),
            ratios={name: jnp.zeros([]) for name in counts},
            removed=each(False),
            cache=jax.tree.map(lambda x: jnp.array(x, copy=True), params),  # or one buffer might be donated twice
            inner=inner.init(params),
        )

    def update(updates: Any, state: CricState, params: Any = None, **extra_args: Any):
        require_params("cric", params)
        updates, inner_state = inner.update(updates, state.inner, params, **extra_args)
        count = int(sum(group_counts(params, groups).values()) * min(target, MOST))
        trying = (state.step >= start) & (state.removal_step < 0) & (count > 0)
        value_fn = extra_args.get("value_fn")
        begins = trying & (state.cycle == 0)
        cache = jax.tree.map(lambda now, old: jnp.where(begins, now, old), params, state.cache)
        state = state._replace(cache=None, inner=None)  # what is large stays outside the branches, which copy
        state = jax.lax.cond(trying, lambda: _sampled(state, params, updates, count, value_fn), lambda: state)
        shrunk, gone = shrinking_factor(state.trial_step, sampling_steps), shrinking_factor(state.removal_step, period)
        factors = {
            name: jnp.where(trying & state.violating[name], shrunk, jnp.where(~trying & state.removed[name], gone, 1.0))
            for name in groups
        }
        moved = scaled_updates(updates, params, groups, factors)
        ends = trying & (state.trial_step == sampling_steps - 1)
        moved = jax.tree.map(lambda u, old, now: jnp.where(ends, (old - now).astype(u.dtype), u), moved, cache, params)
        state = jax.lax.cond(ends, lambda: _decided(state, count), lambda: _advanced(state, trying))
        return moved, state._replace(step=state.step + 1, cache=cache, inner=inner_state)

    def _sampled(state: CricState, params: Any, updates: Any, count: int, value_fn: Any) -> CricState:
        """Takes the saliency of one step of a cycle; the first of all begins the first cycle here."""
        saliency = group_saliency(params, unit_direction(updates), groups, weights=weights)
        lowest, begins = lowest_groups(saliency, count), state.cycle == 0
        seen = {name: state.seen[name] | (lowest[name] & begins) for name in groups}
        if value_fn is not None:
            measured = jax.lax.cond(begins, lambda: loss_ratios(value_fn, params, groups, saliency), lambda: state.ratios)
            state = state._replace(ratios=measured)
        return state._replace(
            cycle=jnp.maximum(state.cycle, 1),
            violating={name: jnp.where(begins, lowest[name], state.violating[name]) for name in groups},
            seen=seen,
            candidates={name: state.candidates[name] | (lowest[name] & ~seen[name]) for name in groups},
            saliency={name: state.saliency[name] + saliency[name].astype(jnp.float32) for name in groups},
            samples=state.samples + 1.0,
        )

    def _decided(state: CricState, count: int) -> CricState:
        """After a cycle: the next one, or the groups that go."""
        found = sum((jnp.sum(mask, dtype=jnp.int32) for mask in state.candidates.values()), jnp.zeros([], jnp.int32))
        done = (state.cycle >= cycles) | (found <= tolerance)
        score = {name: total / state.samples + state.ratios[name] / total.shape[0] for name, total in state.saliency.items()}
        lowest = lowest_groups(score, count, multiple)
        return state._replace(
            cycle=jnp.where(done, state.cycle, state.cycle + 1),
            trial_step=jnp.zeros_like(state.trial_step),
            removal_step=jnp.where(done, 0, state.removal_step),
            violating=state.candidates,
            seen={name: state.seen[name] | state.candidates[name] for name in groups},
            candidates={name: jnp.zeros_like(mask) for name, mask in state.candidates.items()},
            removed={name: lowest[name] & done for name in groups},
        )

    def _advanced(state: CricState, trying: Array) -> CricState:
        """Within a cycle, or while the groups go."""
        return state._replace(
            trial_step=jnp.where(trying, state.trial_step + 1, state.trial_step),
            removal_step=jnp.where(state.removal_step >= 0, state.removal_step + 1, state.removal_step),
        )

    return optax.GradientTransformationExtraArgs(init, update)
