"""First-layer gradients without the scale of the inputs."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.experimental.shard_alike import shard_alike

from ..core import checks
from ..core.numerics import at_least_float32


def precondition_by_inputs(target: str, regularization: float = 0.1) -> optax.GradientTransformationExtraArgs:
    """Turns the gradient of a first layer's kernel into the step that moves its pre-activations.

    u <- (X' X / b + regularization I)^-1 u with the b rows X of the layer's input: the least-squares step of the weights for a
    step of the pre-activations along their gradient.

    Args:
      target: a regular expression, searched for in the paths of the leaves (`params/Dense_0/kernel`).
      regularization: > 0.

    Returns:
      A stateless `optax.GradientTransformationExtraArgs` at the head of a chain: `update(gradients, state, params,
      inputs=inputs)`, with the whole batch's `[..., n]` inputs of the layer. Targeted leaves are `[n, ...]`; others stay as
      they are. A leaf of a model with `models.TractDense` has that gradient already.

    Raises:
      TypeError: `target` is no text, or `update` is called without `inputs`.
      ValueError: `regularization` is not > 0, `target` matches no leaf, or a targeted leaf is not `[n, ...]`.

    Source: Petersen et al., "TrAct: Making First-layer Pre-Activations Trainable", 2024, arXiv 2410.23970.

    Example:
      >>> optimizer = optax.chain(updates.precondition_by_inputs("Dense_0/kernel"), optax.sgd(0.1))
    """
    if not isinstance(target, str):
        raise TypeError(f"`target` must be a regular expression, got {target!r}")
    if not isinstance(regularization, jax.Array):  # optax.inject_hyperparams passes arrays
        checks.positive("regularization", regularization)

    def update(updates: Any, state: Any, params: Any = None, *, inputs: jax.Array, **extra_args: Any):
        del params, extra_args
        rows = at_least_float32(inputs.reshape(-1, inputs.shape[-1]))
        moment = jnp.matmul(rows.T, rows, precision="highest") / rows.shape[0]
        factor = jax.scipy.linalg.cho_factor(moment + regularization * jnp.eye(rows.shape[1], dtype=rows.dtype))
        found = []

        def solve(path: Any, u: jax.Array) -> jax.Array:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            if not re.search(target, name):
                return u
            if u.ndim < 2 or u.shape[0] != rows.shape[1]:
                raise ValueError(f"`target` must match leaves [{rows.shape[1]}, ...], got {name} {list(u.shape)}")
            found.append(name)
            solved = jax.scipy.linalg.cho_solve(factor, u.reshape(u.shape[0], -1).astype(rows.dtype))
            return shard_alike(u, solved.reshape(u.shape).astype(u.dtype))[1]  # a solve would gather it

        updates = jax.tree_util.tree_map_with_path(solve, updates)
        if not found:
            raise ValueError(f"`target` must match a leaf of the gradients, got {target!r}")
        return updates, state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
