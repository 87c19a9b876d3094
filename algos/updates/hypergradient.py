"""A factor of the update that follows the inner product of successive updates."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from ..core.numerics import at_least_float32, safe_divide

MODES = ("add", "accumulate", "multiply")


class HypergradientState(NamedTuple):
    """The factor before clipping on the way out, and the update it was last compared with."""

    factor: jax.Array
    previous: Any


def hypergradient_factor(
    initial: float = 1.0,
    lower: float = 1.0 / 3.0,
    upper: float = 3.0,
    mode: str = "add",
    cap: float | None = None,
    normalize: bool = False,
    reference_weight: float = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """Multiplies updates by a factor that grows while successive updates agree and falls while they disagree.

    h_t = <u_t, u_{t-1}> + reference_weight <u_t, reference> is minus the derivative of the loss by the rate. "add": a <-
    clip(a + h, lower, upper). "accumulate": a <- a + h, clipped only where it is used. "multiply": a <- clip(a min(cap, 1 + h),
    lower, upper). The update becomes a_t u_t, and the unscaled u_t is remembered.

    Args:
      initial: the first factor, > 0, which the first update gets.
      lower: smallest factor, > 0.
      upper: largest factor, >= lower.
      mode: "add" (server rate), "accumulate" (the rate a server sends to its clients) or "multiply" (a client's rate).
      cap: > 1, the largest growth in a step with "multiply"; None for no limit.
      normalize: divide the inner products by the norms; without, they depend on the scale of the updates.
      reference_weight: >= 0, weight of the agreement with `reference`, an extra argument of `update` that is needed then.

    Returns:
      An `optax.GradientTransformationExtraArgs` whose state holds `factor` and `previous`. To compare a client's first step
      with the last global change, put that change into `state.previous`.

    Raises:
      ValueError: a number is out of range, an unknown mode, or `reference` is missing.

    Source: Wang et al., "FedHyper: A Universal and Robust Learning Rate Scheduler for Federated Learning with Hypergradient
    Descent", 2023, arXiv 2310.03156. The paper bounds the server's factor by 1/3 and 3, released code by 0.2 and 5.

    Example:
      >>> server = updates.hypergradient_factor()
    """
    if not isinstance(initial, jax.Array):  # optax.inject_hyperparams passes arrays
        for name, value in {"initial": initial, "lower": lower}.items():
            checks.positive(name, value)
        checks.between("upper", upper, lower, float("inf"))
        if cap is not None:
            checks.between("cap", cap, 1.0, float("inf"), closed="neither")
        checks.non_negative("reference_weight", reference_weight)
    checks.option("mode", mode, MODES)
    checks.boolean("normalize", normalize)

    def agreement(first: Any, second: Any) -> jax.Array:
        product = optax.tree.vdot(first, second)
        if normalize:
            return safe_divide(product, optax.tree.norm(first) * optax.tree.norm(second))
        return product

    def init(params: Any) -> HypergradientState:
        zeros = jax.tree.map(lambda x: jnp.zeros_like(at_least_float32(x)), params)
        return HypergradientState(jnp.asarray(initial, jnp.float32), zeros)

    def update(updates: Any, state: HypergradientState, params: Any = None, *, reference: Any = None, **extra_args: Any):
        del params, extra_args
        wide = jax.tree.map(at_least_float32, updates)
        change = agreement(wide, state.previous)
        if reference is not None:
            change = change + reference_weight * agreement(wide, jax.tree.map(at_least_float32, reference))
        elif not isinstance(reference_weight, jax.Array) and reference_weight:
            raise ValueError("`reference` must be given to update while `reference_weight` is not 0")
        change = change.astype(jnp.float32)
        growth = 1.0 + change if cap is None else jnp.minimum(cap, 1.0 + change)
        factor = state.factor * growth if mode == "multiply" else state.factor + change
        clipped = jnp.clip(factor, lower, upper)
        scaled = jax.tree.map(lambda w, u: (w * clipped.astype(w.dtype)).astype(u.dtype), wide, updates)
        return scaled, HypergradientState(factor if mode == "accumulate" else clipped, wide)

    return optax.GradientTransformationExtraArgs(init, update)
