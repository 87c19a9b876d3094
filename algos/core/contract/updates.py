"""The contract of update transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from .errors import TracedJit, require, require_compiled_once, require_equal, require_same_types


def example_params(dtype: Any = jnp.float32) -> dict[str, Any]:
    """Parameters of several ranks, with a leaf that is all zero."""
    rng = np.random.default_rng(0)
    return {
        "kernel": jnp.asarray(rng.normal(size=(8, 4)), dtype),
        "nested": {"bias": jnp.asarray(rng.normal(size=4), dtype), "scale": jnp.asarray(1.5, dtype)},
        "zeros": jnp.zeros([3], dtype),
    }


def _gradients(params: Any) -> Any:
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype), params)


def check_update(
    factory: Callable[..., optax.GradientTransformation],
    kwargs: Mapping[str, Any] | None = None,
    functions: tuple[str, ...] = (),
    extra_args: Mapping[str, Any] | None = None,
) -> None:
    """Checks an update transform: types, structure and sharding kept, compiled once, stable under scan, injectable.

    Args:
      factory: returns an Optax gradient transformation.
      kwargs: its hyperparameters.
      functions: names of those that are functions and no schedules.
      extra_args: keyword arguments that its `update` needs beside the parameters.

    Raises:
      ContractError: the transformation does otherwise.
    """
    kwargs, extra = dict(kwargs or {}), dict(extra_args or {})
    for dtype in (jnp.float32, jnp.bfloat16):
        _check_types(_given(factory(**kwargs), extra), example_params(dtype))
    _check_sharding(_given(factory(**kwargs), extra))
    injected = optax.inject_hyperparams(factory, static_args=functions)(**kwargs)
    params = example_params()
    grads = _gradients(params)
    expected, _ = factory(**kwargs).update(grads, factory(**kwargs).init(params), params, **extra)
    actual, _ = injected.update(grads, injected.init(params), params, **extra)
    require_equal("with injected hyperparameters", actual, expected, 1e-6)


def _given(tx: optax.GradientTransformation, extra: Mapping[str, Any]) -> optax.GradientTransformation:
    """The transformation with its extra arguments filled in."""
    tx = optax.with_extra_args_support(tx)
    return optax.GradientTransformation(tx.init, lambda updates, state, params: tx.update(updates, state, params, **extra))


def _check_types(tx: optax.GradientTransformation, params: Any) -> None:
    state = tx.init(params)
    step = TracedJit(lambda grads, state, params: tx.update(grads, state, params))
    updates, new_state = step(_gradients(params), state, params)
    require_same_types("the update", updates, params)
    require_same_types("the state", new_state, state)
    step(_gradients(params), new_state, params)
    require_compiled_once("update", step)
    require([np.all(np.isfinite(np.asarray(x, np.float32))) for x in jax.tree.leaves(updates)], "the update is not finite")
    eager, _ = tx.update(_gradients(params), state, params)
    require_equal("eager against compiled", eager, updates, 1e-5 if params["kernel"].dtype == jnp.float32 else 2e-2)
    jax.lax.scan(lambda s, _: (tx.update(_gradients(params), s, params)[1], None), state, None, length=2)


def _check_sharding(tx: optax.GradientTransformation) -> None:
    devices = jax.devices()[:2]
    mesh = jax.make_mesh((len(devices),), ("rows",), axis_types=(AxisType.Auto,), devices=devices)
    sharding = NamedSharding(mesh, PartitionSpec("rows"))
    params = {"kernel": jax.device_put(example_params()["kernel"], sharding)}
    updates, _ = jax.jit(tx.update)(jax.tree.map(jnp.ones_like, params), tx.init(params), params)
    kept = updates["kernel"].sharding
    require(kept.is_equivalent_to(sharding, 2), f"the update lost its sharding: {kept}, expected {sharding}")
