"""LoRA: low-rank adapters of any named projections, as a transform of parameters.

Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021, arXiv 2106.09685.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp

from .layers.allora import allora_product

# A kernel's first axis is its input, but the attention's output projection reads heads: [heads, head size, hidden size].
INPUT_AXES = {r"attention/output/kernel$": 2}


class Factors(NamedTuple):
    """`a`, `[in, r]`, and `b`, `[r, out]`, of one kernel; in and out are products of its input and output axes."""

    a: jax.Array
    b: jax.Array


class Adapters(flax.struct.PyTreeNode):
    """Adapters of a model; the factors are the leaves.

    Attributes:
        factors: `Factors` by path of the kernel, such as `params/blocks_0/attention/query/kernel`.
        scale: `alpha / r`, static.
    """

    factors: dict[str, Factors]
    scale: float = flax.struct.field(pytree_node=False)


def init(
    key: jax.Array,
    params: Any,
    rank: int,
    targets: Sequence[str] = (r"attention/(query|value)/kernel$",),
    alpha: float = 16.0,
    input_axes: Mapping[str, int] = INPUT_AXES,
) -> Adapters:
    """Returns adapters that change nothing yet: `a` is normal with variance `1 / in`, `b` is zero.

    The paper says only that `a` is Gaussian; the released code draws it uniformly within `±1 / sqrt(in)`.

    Args:
        key: a typed key.
        params: the parameters, unboxed; only their shapes are read.
        rank: rank r of the change, at least 1.
        targets: regular expressions, searched for in the parameters' paths (`params/blocks_0/mlp/up/kernel`); the default
            is the paper's choice.
        alpha: the change is scaled by `alpha / r`; above 0.
        input_axes: regular expressions of paths and the number of leading axes that are a kernel's input; 1 elsewhere.

    Returns:
        Float32 adapters of each matching parameter.

    Raises:
        ValueError: `rank` or `alpha` is out of bounds, a target matches nothing, or it matches a parameter that has no
            output axis.
    """
    if rank < 1:
        raise ValueError(f"`rank` must be at least 1, got {rank}")
    if not alpha > 0:
        raise ValueError(f"`alpha` must be above 0, got {alpha}")
    targeted = _matching(_named_shapes(params), targets)
    shapes = {path: _matrix_shape(path, shape, input_axes) for path, shape in targeted.items()}
    factors = {}
    for subkey, (path, (inputs, outputs)) in zip(jax.random.split(key, len(shapes)), shapes.items(), strict=True):
        a = jax.random.normal(subkey, (inputs, rank), jnp.float32) / math.sqrt(inputs)
        factors[path] = Factors(a, jnp.zeros((rank, outputs), jnp.float32))
    return Adapters(factors=factors, scale=alpha / rank)


def apply(params: Any, adapters: Adapters, eta: float | None = None) -> Any:
    """Returns parameters whose targeted kernels are `kernel + alpha / r * a @ b`, summed in float32.

    Gradients flow into `adapters` only: `params` are under `stop_gradient`. A loss of the adapters is then
    `lambda adapters: loss(module.apply(lora.apply(params, adapters), ...))`.

    Args:
        params: the parameters that `adapters` were made for, or others of the same shapes.
        adapters: what `init` returned.
        eta: trains with ALLoRA: the gradients of the changes are scaled as by `allora`. Its paper has no factor `alpha / r`
            (`alpha` is the rank); None for the ordinary gradients.

    Returns:
        The parameters, of the structure, shapes and types of `params`.

    Raises:
        ValueError: `adapters` have a path that `params` lack, or factors that do not fit the parameter there.
    """
    _check(_named_shapes(params), adapters)

    def adapt(path: Any, leaf: jax.Array) -> jax.Array:
        leaf = jax.lax.stop_gradient(leaf)
        factors = adapters.factors.get(_name(path))
        if factors is None:
            return leaf
        product = jnp.matmul(factors.a, factors.b, precision="highest") if eta is None else allora_product(*factors, eta)
        change = adapters.scale * product
        return (leaf.astype(jnp.float32) + change.reshape(leaf.shape)).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(adapt, params)


def merge(params: Any, adapters: Adapters) -> tuple[Any, dict[str, jax.Array]]:
    """Merges the adapters for use without them.

    Subtracting `alpha / r * a @ b` again would not give the same floating-point numbers, so the kernels that were changed
    are returned too, which is what makes `unmerge` exact.

    Args:
        params: the parameters, as in `apply`.
        adapters: what `init` returned, trained.

    Returns:
        What `apply` returns, and the kernels before the change, by path.

    Raises:
        ValueError: as `apply`.
    """
    merged = apply(params, adapters)
    originals = {path: leaf for path, leaf in _named(params).items() if path in adapters.factors}
    return merged, originals


def unmerge(params: Any, originals: Mapping[str, jax.Array]) -> Any:
    """Undoes `merge`, bit for bit: `unmerge(*merge(params, adapters))` is `params`.

    Args:
        params: merged parameters.
        originals: the kernels that `merge` returned with them.

    Returns:
        The parameters before `merge`.

    Raises:
        ValueError: `originals` have a path that `params` lack.
    """
    missing = [path for path in originals if path not in _named(params)]
    if missing:
        raise ValueError(f"`originals` have paths that `params` lack: {', '.join(missing)}")
    return jax.tree_util.tree_map_with_path(lambda path, leaf: originals.get(_name(path), leaf), params)


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _named(params: Any) -> dict[str, Any]:
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}


def _named_shapes(params: Any) -> dict[str, tuple[int, ...]]:
    return {path: leaf.shape for path, leaf in _named(params).items()}


def _matching(shapes: dict[str, tuple[int, ...]], targets: Sequence[str]) -> dict[str, tuple[int, ...]]:
    if isinstance(targets, str):
        raise ValueError(f"`targets` must be a sequence of regular expressions, got the text {targets!r}")
    unmatched = [target for target in targets if not any(re.search(target, path) for path in shapes)]
    if unmatched or not targets:
        raise ValueError(f"`targets` must each match a parameter, got {unmatched or list(targets)} for {sorted(shapes)}")
    return {path: shape for path, shape in shapes.items() if any(re.search(target, path) for target in targets)}


def _matrix_shape(path: str, shape: tuple[int, ...], input_axes: Mapping[str, int]) -> tuple[int, int]:
    """Products of the input and of the output axes."""
    axes = next((axes for pattern, axes in input_axes.items() if re.search(pattern, path)), 1)
    if not 0 < axes < len(shape):
        raise ValueError(f"`targets` must match kernels with {axes} input axes and output axes, got {path} {list(shape)}")
    return math.prod(shape[:axes]), math.prod(shape[axes:])


def _check(shapes: dict[str, tuple[int, ...]], adapters: Adapters) -> None:
    problems = []
    for path, (a, b) in adapters.factors.items():
        if path not in shapes:
            problems.append(f"{path} is not a parameter")
        elif a.shape[1] != b.shape[0] or a.shape[0] * b.shape[1] != math.prod(shapes[path]):
            problems.append(f"{path} {list(shapes[path])} does not fit a {list(a.shape)} and b {list(b.shape)}")
    if problems:
        raise ValueError("`adapters` do not fit `params`: " + "; ".join(problems))
