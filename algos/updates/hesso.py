"""Pruning while training: the least salient groups of parameters shrink to 0 over a period, everything else goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from ..core.numerics import at_least_float32, safe_divide
from .groups import Groups, group_counts, group_saliency, leaf_factors, lowest_groups, path_name

Array = jax.Array
KEPT = -1  # the period of a group that is not removed
MOST = 0.999  # of all groups, as in the released code


class ShrinkState(NamedTuple):
    """Steps taken, `[]`."""

    step: Array


class HessoState(NamedTuple):
    """Steps taken, the pruning period in which each group is removed (-1: none), and the inner optimizer's state."""

    step: Array
    periods: dict[str, Array]
    inner: Any


def shrink_groups(groups: Groups, masks: Mapping[str, Any], period: int) -> optax.GradientTransformation:
    """Shrinks chosen groups to exactly 0 over a number of steps; the last element of a chain.

    At step t = 0, 1, ... the parameters after the step are multiplied by (period - t - 1) / (period - t), and by 0 afterwards.

    Args:
      groups: see `group_criteria`.
      masks: name of a set -> `[G]` booleans, true for the groups to remove.
      period: number of steps, an integer >= 1.

    Returns:
      An `optax.GradientTransformation` that needs `params`; other groups move as the chain says.

    Raises:
      ValueError: the groups or masks do not fit the parameters, `period` is less than 1, or `update` gets no `params`.

    Source: Chen et al., 2024, arXiv 2409.09085.

    Example:
      >>> groups, masks = {"units": [("kernel", 1)]}, {"units": jnp.array([True, False])}
      >>> optimizer = optax.chain(optax.sgd(0.1), updates.shrink_groups(groups, masks, period=100))
    """
    checks.integer("period", period, least=1)

    def init(params: Any) -> ShrinkState:
        group_counts(params, groups)
        return ShrinkState(jnp.zeros([], jnp.int32))

    def update(updates: Any, state: ShrinkState, params: Any = None):
        require_params("shrink_groups", params)
        factor = shrinking_factor(state.step, period)
        factors = {name: jnp.where(jnp.asarray(masks[name], bool), factor, 1.0) for name in groups}
        return scaled_updates(updates, params, groups, factors), ShrinkState(state.step + 1)

    return optax.GradientTransformation(init, update)


def hesso(
    inner: optax.GradientTransformation,
    groups: Groups,
    *,
    target: float = 0.5,
    start: int,
    period: int,
    periods: int = 1,
    weights: Mapping[str, float] | None = None,
    per_set: bool = False,
    multiple: int = 1,
) -> optax.GradientTransformationExtraArgs:
    """Trains with an optimizer and removes a share of the groups in one or several pruning periods.

    Of all groups floor(G min(target, 0.999)) are removed, as many in each period, the rest in the last. At the first step of a
    period those of lowest `group_saliency` that are not chosen yet are chosen; they shrink as in `shrink_groups`, are exactly 0
    at the end of the period, and stay 0.

    Args:
      inner: the optimizer; it ends the chain.
      groups: see `group_criteria`.
      target: share of the groups to remove, in [0, 1]; 0 is the inner optimizer.
      start: the step at which the first period begins, an integer >= 0.
      period: steps of a period, an integer >= 1.
      periods: number of periods, an integer >= 1.
      weights: of the criteria, see `group_saliency`.
      per_set: take the same share of each set (layer) instead of the lowest of all, so that layers of one size stay so.
      multiple: an integer >= 1; of each set a multiple of so many groups stays after every period (all of a smaller set), for
        which fewer are removed.

    Returns:
      An `optax.GradientTransformationExtraArgs` that needs `params`. `state.periods` says for each set which group goes in
      which period, -1 for those that stay; with `masks = {name: at >= 0 for name, at in state.periods.items()}`,
      `remove_groups(params, groups, masks)` is the smaller network.

    Raises:
      ValueError: a number is out of range, the groups do not fit the parameters, or `update` is called without `params`.

    Source: Chen et al., "HESSO: Towards Automatic Efficient and User Friendly Any Neural Network Training and Pruning", 2024,
    arXiv 2409.09085. The saliency takes the inner optimizer's step, scaled to root mean square 1 since it includes the rate.
    The released code begins to shrink a step late, so that its first period has one step less.

    Example:
      >>> groups = {"hidden": [("Dense_0/kernel", 1), ("Dense_0/bias", 0), ("Dense_1/kernel", 0)]}
      >>> optimizer = updates.hesso(optax.adam(3e-3), groups, target=0.7, start=200, period=200)
    """
    checks.between("target", target, 0.0, 1.0)
    checks.integer("start", start, least=0)
    checks.integer("period", period, least=1)
    checks.integer("periods", periods, least=1)
    checks.boolean("per_set", per_set)
    checks.integer("multiple", multiple, least=1)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> HessoState:
        none = {name: jnp.full([count], KEPT, jnp.int32) for name, count in group_counts(params, groups).items()}
        return HessoState(jnp.zeros([], jnp.int32), none, inner.init(params))

    def update(updates: Any, state: HessoState, params: Any = None, **extra_args: Any):
        require_params("hesso", params)
        updates, inner_state = inner.update(updates, state.inner, params, **extra_args)
        current = jnp.maximum(state.step - start, 0) // period
        begins = (state.step >= start) & ((state.step - start) % period == 0) & (current < periods)
        chosen = jax.lax.cond(
            begins,
            lambda: _choose(group_saliency(params, unit_direction(updates), groups, weights=weights), state.periods, current),
            lambda: state.periods,
        )
        factors = {
            name: jnp.where(at == KEPT, 1.0, shrinking_factor(state.step - start - at * period, period))
            for name, at in chosen.items()
        }
        return scaled_updates(updates, params, groups, factors), HessoState(state.step + 1, chosen, inner_state)

    def _choose(saliency: dict[str, Array], taken: dict[str, Array], current: Array) -> dict[str, Array]:
        """Puts the lowest groups that are not taken into the current period."""
        parts = [[name] for name in groups] if per_set else [list(groups)]
        result = {}
        for names in parts:
            scores = {name: jnp.where(taken[name] == KEPT, saliency[name], jnp.inf) for name in names}
            whole = int(sum(score.shape[0] for score in scores.values()) * min(target, MOST))
            count = jnp.where(current == periods - 1, whole - whole // periods * (periods - 1), whole // periods)
            for name, lowest in lowest_groups(scores, count, multiple).items():
                result[name] = jnp.where(lowest, current.astype(jnp.int32), taken[name])
        return result

    return optax.GradientTransformationExtraArgs(init, update)


def shrinking_factor(step: Array, period: int) -> Array:
    """(period - t - 1) / (period - t) within the period, 0 after it."""
    left = jnp.maximum(period - step, 1).astype(jnp.float32)
    return (left - 1.0) / left


def unit_direction(updates: Any) -> Any:
    """Minus the step, scaled to root mean square 1."""
    wide = jax.tree.map(at_least_float32, updates)
    norm, size = optax.tree.norm(wide), sum(leaf.size for leaf in jax.tree.leaves(wide))
    scale = safe_divide(jnp.sqrt(jnp.asarray(size, norm.dtype)), norm)
    return jax.tree.map(lambda u: -u * scale.astype(u.dtype), wide)


def scaled_updates(updates: Any, params: Any, groups: Groups, factors: Mapping[str, Array]) -> Any:
    """Updates after which the groups are the moved parameters times their factors."""
    by_leaf = leaf_factors(params, groups, factors)

    def one(path: Any, u: Array, w: Array) -> Array:
        factor = by_leaf.get(path_name(path))
        if factor is None:
            return u
        wide = at_least_float32(w)
        moved = (wide + u.astype(wide.dtype)) * factor.astype(wide.dtype) - wide
        return jnp.where(factor == 1.0, u, moved.astype(u.dtype))

    return jax.tree_util.tree_map_with_path(one, updates, params)


def require_params(name: str, params: Any) -> None:
    """Raises ValueError where an update of this name got no parameters."""
    if params is None:
        raise ValueError(f"{name} needs `params`: call update(updates, state, params)")
