"""Training with sparse weights whose masks move: drop the smallest, grow where the gradient is largest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ..core import checks

Array = jax.Array


class RigLState(NamedTuple):
    """Steps taken, the boolean masks, and the inner optimizer's state."""

    step: Array
    masks: Any
    inner: Any


def random_mask(key: Array, shape: Sequence[int], sparsity: float) -> Array:
    """A mask with floor((1 - sparsity) n) true entries at random places.

    Args:
      key: `jax.random.key`.
      shape: of the mask.
      sparsity: share of false entries, in [0, 1].

    Returns:
      Booleans of that shape.

    Raises:
      ValueError: the sparsity is out of range.
    """
    checks.between("sparsity", sparsity, 0.0, 1.0)
    return _largest(jax.random.uniform(key, tuple(shape)), int((1.0 - sparsity) * math.prod(shape)))


def random_masks(sparsities: Mapping[str, float], *, seed: int = 0) -> Callable[[Any], Any]:
    """Random masks for the leaves of a tree, for `rigl`.

    Args:
      sparsities: regular expressions, searched for in the paths of the leaves (`params/Dense_0/kernel`), and the share of
        false entries there, in [0, 1]; the first that matches counts, and a leaf without one stays dense.
      seed: an integer >= 0.

    Returns:
      A function of the parameters that returns such a tree: booleans from `random_mask`, or None.

    Raises:
      ValueError: a sparsity is out of range, or (when called) an expression matches no leaf.

    Example:
      >>> optimizer = updates.rigl(optax.adam(1e-3), updates.random_masks({"kernel": 0.75}), every=100, until=7500)
    """
    checks.integer("seed", seed, least=0)
    if not sparsities:
        raise ValueError("`sparsities` must hold at least one expression, got none")
    for sparsity in sparsities.values():
        checks.between("sparsities", sparsity, 0.0, 1.0)

    def masks(params: Any) -> Any:
        leaves = jax.tree_util.tree_leaves_with_path(params)
        keys, found, used = jax.random.split(jax.random.key(seed), len(leaves)), [], set()
        for key, (path, leaf) in zip(keys, leaves, strict=True):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            pattern = next((pattern for pattern in sparsities if re.search(pattern, name)), None)
            used.add(pattern)
            found.append(None if pattern is None else random_mask(key, leaf.shape, sparsities[pattern]))
        if unmatched := sorted(set(sparsities) - used):
            raise ValueError(f"`sparsities` must each match a leaf, got {unmatched}")
        return jax.tree.unflatten(jax.tree.structure(params), found)

    return masks


def erdos_renyi_densities(shapes: Sequence[Sequence[int]], sparsity: float) -> list[float]:
    """Densities of layers that grow with the sum of their dimensions over the product: epsilon sum(dims) / prod(dims).

    Args:
      shapes: of the layers' kernels.
      sparsity: of all of them together, in [0, 1).

    Returns:
      One density a layer, at most 1; epsilon is such that the densities add up to 1 - sparsity of all entries.

    Raises:
      ValueError: the sparsity is out of range, or there are no layers.

    Source: Evci et al., "Rigging the Lottery: Making All Tickets Winners", 2019, arXiv 1911.11134.
    """
    checks.between("sparsity", sparsity, 0.0, 1.0, closed="low")
    if not shapes:
        raise ValueError("`shapes` must hold at least one shape, got none")
    sizes, sums = [math.prod(shape) for shape in shapes], [sum(shape) for shape in shapes]
    dense: set[int] = set()
    while True:
        open_layers = [i for i in range(len(shapes)) if i not in dense]
        budget = (1.0 - sparsity) * sum(sizes) - sum(sizes[i] for i in dense)
        epsilon = budget / sum(sums[i] for i in open_layers) if open_layers else 0.0
        full = {i for i in open_layers if epsilon * sums[i] > sizes[i]}
        if not full:
            return [1.0 if i in dense else epsilon * sums[i] / sizes[i] for i in range(len(shapes))]
        dense |= full


def drop_and_grow(weights: Array, mask: Array, dense_gradient: Array, drop_fraction: Any) -> tuple[Array, Array]:
    """One step of a mask: keeps all but floor(f n) of the n active entries, and grows as many inactive ones.

    Args:
      weights: any shape; the smallest magnitudes among the active ones are dropped.
      mask: booleans of that shape.
      dense_gradient: the gradient as if no weight were masked; the largest magnitudes among what was not kept grow.
      drop_fraction: f in [0, 1], a number or array `[]`.

    Returns:
      `(kept, grown)`, two disjoint masks of together n entries; ties go to the lower index. A dropped entry may grow again at
      once.

    Source: as for `rigl`.
    """
    active = jnp.sum(mask, dtype=jnp.int32)
    dropped = (drop_fraction * active.astype(jnp.float32)).astype(jnp.int32)
    kept = _largest(jnp.where(mask, jnp.abs(weights), -1.0), active - dropped) & mask
    grown = _largest(jnp.where(kept, -1.0, jnp.abs(dense_gradient)), dropped) & ~kept
    return kept, grown


@jax.custom_batching.custom_vmap
def _drop_and_grow_if(due: Array, *operands: Array) -> tuple[Array, Array]:
    """`drop_and_grow` if due, else the mask as it is; the sorts cost far more than a step."""
    return jax.lax.cond(due, drop_and_grow, lambda weights, mask, *_: (mask, jnp.zeros_like(mask)), *operands)


@_drop_and_grow_if.def_vmap
def _drop_and_grow_if_any(size: int, batched: Any, due: Array, *operands: Array) -> tuple[tuple[Array, Array], Any]:
    """Of many runs at once, which `vmap` alone would let sort in every step: they sort when one of them is due."""
    dues, *rows = (
        x if mapped else jnp.broadcast_to(x[None], (size, *x.shape))
        for x, mapped in zip((due, *operands), jax.tree.leaves(batched), strict=True)
    )

    def some(*rows: Array) -> tuple[Array, Array]:
        chosen = dues.reshape(size, *(1,) * (rows[0].ndim - 1))
        kept, grown = jax.vmap(drop_and_grow)(*rows)
        return jnp.where(chosen, kept, rows[1]), chosen & grown

    return jax.lax.cond(jnp.any(dues), some, lambda weights, mask, *_: (mask, jnp.zeros_like(mask)), *rows), (True, True)


def rigl(
    inner: optax.GradientTransformation,
    masks: Any,
    *,
    every: int = 100,
    until: int = 7500,
    drop_fraction: float = 0.3,
) -> optax.GradientTransformationExtraArgs:
    """Trains sparse weights with an optimizer and moves their masks every so many steps.

    The share dropped falls as f_t = drop_fraction (1 + cos(pi t / until)) / 2. Gradients and the optimizer's moments are
    masked, masked weights are exactly 0 after every step, and grown ones start from 0.

    Args:
      inner: the optimizer; RigL wraps it and ends the chain.
      masks: a tree like the parameters with boolean arrays, or None for a leaf that stays dense, see `random_mask`; or a
        function of the parameters that returns one.
      every: steps between moves, an integer >= 1.
      until: the step after which masks stay, an integer >= 1; three quarters of the training.
      drop_fraction: in [0, 1].

    Returns:
      An `optax.GradientTransformationExtraArgs` that needs `params` and, as updates, the dense gradients: those of the loss
      with respect to all entries, which a model computing with zeros gives by itself.

    Raises:
      ValueError: a number is out of range, or `update` is called without `params`.

    Source: Evci et al., "Rigging the Lottery: Making All Tickets Winners", 2019, arXiv 1911.11134; used for iso-FLOP layers
    by Thangarasa et al., "Sparse Iso-FLOP Transformations for Maximizing Training Efficiency", 2023, arXiv 2303.11525.
    Released code ranks the magnitudes of all entries, which is the same while masked weights are 0.

    Example:
      >>> params = {"kernel": jnp.ones((4, 4)), "bias": jnp.zeros(4)}
      >>> masks = {"kernel": updates.random_mask(jax.random.key(0), (4, 4), 0.75), "bias": None}
      >>> optimizer = updates.rigl(optax.adam(1e-3), masks, every=100, until=7500)
    """
    checks.integer("every", every, least=1)
    checks.integer("until", until, least=1)
    if not isinstance(drop_fraction, jax.Array):  # optax.inject_hyperparams passes arrays
        checks.between("drop_fraction", drop_fraction, 0.0, 1.0)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> RigLState:
        given = masks(params) if callable(masks) else masks
        given = _map(lambda mask, w: None if mask is None else jnp.asarray(mask, bool), given, params)
        return RigLState(jnp.zeros([], jnp.int32), given, inner.init(params))

    def update(gradients: Any, state: RigLState, params: Any = None, **extra_args: Any):
        if params is None:
            raise ValueError("rigl needs `params`: call update(updates, state, params)")
        step = state.step + 1
        fraction = drop_fraction * 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.minimum(step, until).astype(jnp.float32) / until))
        due = (step % every == 0) & (step < until)

        def move(mask: Array | None, w: Array, gradient: Array) -> tuple[Array, Array] | None:
            """What stays of a mask, and what it becomes."""
            if mask is None:
                return None
            kept, grown = _drop_and_grow_if(due, w, mask, gradient, fraction)
            return kept, kept | grown

        masked = _map(_where, state.masks, gradients)
        updates, inner_state = inner.update(masked, state.inner, params, **extra_args)
        pairs = _map(move, state.masks, params, gradients)
        staying, moved = (_map(lambda m, pair, i=i: m if m is None else pair[i], state.masks, pairs) for i in (0, 1))
        whole = _map(lambda mask, w: jnp.ones([], bool) if mask is None else mask, staying, params)
        inner_state = optax.tree_utils.tree_map_params(inner, lambda moment, m: _where(m, moment), inner_state, whole)
        updates = _map(lambda m, u, w: u if m is None else jnp.where(m, u, -w.astype(u.dtype)), staying, updates, params)
        return updates, RigLState(step, moved, inner_state)

    return optax.GradientTransformationExtraArgs(init, update)


def iso_flop_width(kind: str, sparsity: float, fan_in: int, fan_out: int, *, kernel_size: int = 1) -> int:
    """The width at which a sparse family of layers costs as many multiplications as the dense one it replaces.

    With i = kernel_size^2 fan_in and o = fan_out: "factorized" ceil(i o / ((1 - s) (i + o))), the inner width of two sparse
    factors; "factorized_first" ceil(i o / ((1 - s) i + o)), where only the first is sparse; "doped" floor(s i o / (i + o)), the
    rank of a dense term beside a sparse matrix; "parallel" round(1 / (1 - s)), the number of branches; "wide"
    floor(o sqrt(round(1 / (1 - s)))), the widened layer.

    Args:
      kind: one of these five.
      sparsity: s in [0, 1).
      fan_in: inputs (channels), an integer >= 1.
      fan_out: outputs (channels), an integer >= 1.
      kernel_size: side of a square convolution kernel, an integer >= 1.

    Returns:
      An integer.

    Raises:
      ValueError: an unknown kind, or a number out of range.

    Source: Thangarasa et al., 2023, arXiv 2303.11525. Rounding follows released code, so that s = 0.3 widens nothing.
    """
    checks.option("kind", kind, ("factorized", "factorized_first", "doped", "parallel", "wide"))
    checks.between("sparsity", sparsity, 0.0, 1.0, closed="low")
    for name, value in {"fan_in": fan_in, "fan_out": fan_out, "kernel_size": kernel_size}.items():
        checks.integer(name, value, least=1)
    branches = round(1.0 / (1.0 - sparsity))
    if kind == "parallel":
        return branches
    if kind == "wide":
        return int(fan_out * math.sqrt(branches))
    inputs, density = kernel_size**2 * fan_in, 1.0 - sparsity
    exact = {
        "factorized": inputs * fan_out / (density * (inputs + fan_out)),
        "factorized_first": inputs * fan_out / (density * inputs + fan_out),
        "doped": sparsity * inputs * fan_out / (inputs + fan_out),
    }[kind]
    return math.floor(exact) if kind == "doped" else math.ceil(exact)


def sparse_training_flops(
    sparse_flops: float,
    *,
    batch_size: int,
    steps: int,
    dense_flops: float = 0.0,
    every: int | None = None,
    until: float = 1.0,
) -> float:
    """Floating-point operations of training with masks: 3 f_s a sample.

    While masks move a dense backward pass joins now and then: (3 f_s every + 2 f_s + f_d) / (every + 1) a sample.

    Args:
      sparse_flops: f_s >= 0, of a forward pass of one sample with masks.
      batch_size: samples a step, an integer >= 1.
      steps: an integer >= 1.
      dense_flops: f_d >= 0, of a forward pass without masks.
      every: steps between moves of the masks, an integer >= 1; None for masks that stay.
      until: share of the steps during which masks move, in [0, 1].

    Returns:
      The total.

    Raises:
      ValueError: a number is out of range.

    Source: Evci et al., 2019, arXiv 1911.11134, appendix.
    """
    checks.non_negative("sparse_flops", sparse_flops)
    checks.non_negative("dense_flops", dense_flops)
    checks.between("until", until, 0.0, 1.0)
    for name, value in {"batch_size": batch_size, "steps": steps}.items():
        checks.integer(name, value, least=1)
    static = 3.0 * sparse_flops
    if every is None:
        return static * batch_size * steps
    checks.integer("every", every, least=1)
    moving = (static * every + 2.0 * sparse_flops + dense_flops) / (every + 1)
    return batch_size * steps * (until * moving + (1.0 - until) * static)


def _largest(scores: Array, count: Any) -> Array:
    """True at the `count` largest scores; ties go to the lower index."""
    order = jnp.argsort(-scores.reshape(-1), stable=True)
    ranks = jnp.zeros(order.shape, jnp.int32).at[order].set(jnp.arange(order.shape[0], dtype=jnp.int32))
    return (ranks < count).reshape(scores.shape)


def _map(fn: Callable[..., Any], masks: Any, *trees: Any) -> Any:
    """Maps over leaves with their masks, None among them."""
    return jax.tree.map(fn, masks, *trees, is_leaf=lambda x: x is None)


def _where(mask: Array | None, x: Array) -> Array:
    return x if mask is None else jnp.where(mask, x, jnp.zeros([], x.dtype))
