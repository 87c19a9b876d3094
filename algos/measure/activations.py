"""How many units of a network are silent."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def activation_sparsity(activations: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """The share of activations that are exactly 0.

    Args:
      activations: `[..., U]`.
      mask: `[...]` true where a row counts; None for all.

    Returns:
      `[]` float32 in [0, 1]; 0 where no row counts.

    Raises:
      ValueError: the mask does not fit.

    Source: Deng et al., "PLM: Efficient Peripheral Language Models Hardware-Co-Designed for Ubiquitous Computing", 2025,
    arXiv 2503.12167, which reports 90.9 % in its squared-ReLU layers.
    """
    if mask is None:
        mask = jnp.ones(activations.shape[:-1], bool)
    if mask.shape != activations.shape[:-1]:
        raise ValueError(f"`mask` must have shape {activations.shape[:-1]}, got {mask.shape}")
    silent = jnp.sum((activations == 0) & mask[..., None], dtype=jnp.float32)
    counted = jnp.sum(mask, dtype=jnp.float32) * activations.shape[-1]
    return silent / jnp.maximum(counted, 1.0)
