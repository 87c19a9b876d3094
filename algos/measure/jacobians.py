"""Jacobians of a model's predictions by its parameters, and the kernel they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from ..core import numerics

Apply = Callable[[Any, jax.Array], jax.Array]  # (parameters, inputs [N, ...]) -> [N] or [N, K]


def per_sample_jacobian(apply: Apply, params: Any, inputs: jax.Array) -> jax.Array:
    """The gradients g_i of each prediction by all parameters.

    Args:
      apply: (parameters, inputs) -> `[N]` or `[N, K]` predictions, each of its own row of the inputs alone.
      params: a tree of floating-point arrays, P numbers together; computed in at least float32.
      inputs: `[N, ...]`.

    Returns:
      `[N, P]`, or `[N, K, P]` for K outputs.

    Raises:
      ValueError: the predictions have another shape.

    Source: as for `sgd_stability_radius`.
    """
    flat, unravel = ravel_pytree(jax.tree.map(numerics.at_least_float32, params))
    shape = jax.eval_shape(lambda vector: apply(unravel(vector), inputs), flat).shape
    if len(shape) not in (1, 2) or shape[0] != inputs.shape[0]:
        raise ValueError(f"`apply` must return [N] or [N, K] with N = {inputs.shape[0]}, got {shape}")
    one = jax.jacrev(lambda vector, row: apply(unravel(vector), row[None])[0])
    return jax.vmap(one, in_axes=(None, 0))(flat, inputs)


def ntk_matrix(apply: Apply, params: Any, inputs: jax.Array) -> jax.Array:
    """The neural tangent kernel J J^T of some inputs.

    Args:
      apply: as for `per_sample_jacobian`.
      params: as for `per_sample_jacobian`.
      inputs: `[N, ...]`.

    Returns:
      `[N, N]`, or `[N K, N K]` with the outputs of a row next to each other. Divided by N it has the nonzero eigenvalues of the
      Gauss-Newton matrix of sum_i |f_i - y_i|^2 / (2 N).

    Raises:
      ValueError: as for `per_sample_jacobian`.

    Source: Jacot, Gabriel, Hongler, "Neural Tangent Kernel", 2018, arXiv 1806.07572.
    """
    jacobian = per_sample_jacobian(apply, params, inputs)
    rows = jnp.reshape(jacobian, (-1, jacobian.shape[-1]))
    return rows @ rows.T
