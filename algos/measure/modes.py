"""Whether a model has several behaviours, and keeps them apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def silhouettes(features: Array, modes: Array) -> Array:
    """How much nearer each point is to its own mode than to the next one; their mean is the margin between the modes.

    s_i = (b_i - a_i) / max(a_i, b_i) with a_i the mean distance to the other points of i's mode and b_i the least mean distance
    to those of another one; 0 for a point alone in its mode, for points that all coincide, and for a single mode.

    Args:
      features: `[N, D]`, such as the logits of a response's first token; distances are Euclidean.
      modes: `[N]` integers.

    Returns:
      `[N]` in [-1, 1], floats of at least 32 bits.

    Raises:
      ValueError: the shapes are others.

    Sources: Rousseeuw, "Silhouettes: a Graphical Aid to the Interpretation and Validation of Cluster Analysis", 1987; Si et
    al., "Efficient Switchable Safety Control in LLMs via Magic-Token-Guided Co-Training", 2025, arXiv 2508.14904, whose safety
    alignment margin is their mean. The distance is a choice made here.
    """
    if features.ndim != 2 or modes.shape != features.shape[:1]:
        raise ValueError(f"`features` must be [N, D] and `modes` [N], got {features.shape} and {modes.shape}")
    x = numerics.at_least_float32(features)
    distances = numerics.safe_sqrt(jnp.sum(jnp.square(x[:, None, :] - x[None, :, :]), axis=-1))
    same = modes[:, None] == modes[None, :]
    sizes = jnp.sum(same, axis=1, dtype=x.dtype)
    totals = jnp.matmul(distances, same.astype(x.dtype), precision="highest")  # of i to all points of j's mode
    own = numerics.safe_divide(jnp.sum(jnp.where(same, distances, 0.0), axis=1), sizes - 1.0)
    others = jnp.min(jnp.where(same, jnp.inf, totals / sizes[None, :]), axis=1)
    known = (sizes > 1) & jnp.isfinite(others)
    others = jnp.where(known, others, 0.0)
    return jnp.where(known, numerics.safe_divide(others - own, jnp.maximum(own, others)), 0.0)


def mode_confusion(wanted: Array, shown: Array, num_modes: int) -> Array:
    """How often each behaviour is shown where each is wanted; the diagonal is compliance, the rest leaks.

    Args:
      wanted: `[N]` integers in 0..M - 1, the modes asked for.
      shown: `[N]` integers in 0..M - 1, those of the responses.
      num_modes: M >= 1.

    Returns:
      `[M, M]` float32, rows of sum 1, or 0 for a mode never asked for.

    Raises:
      ValueError: the shapes differ or M is less than 1.

    Source: Si et al., 2025, arXiv 2508.14904.
    """
    checks.integer("num_modes", num_modes, least=1)
    if wanted.ndim != 1 or wanted.shape != shown.shape:
        raise ValueError(f"`wanted` and `shown` must have one shape [N], got {wanted.shape} and {shown.shape}")
    counts = jnp.zeros([num_modes, num_modes], jnp.float32).at[wanted, shown].add(1.0)
    return numerics.safe_divide(counts, jnp.sum(counts, axis=1, keepdims=True))
