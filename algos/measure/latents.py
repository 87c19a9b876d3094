"""How different the latents of a reasoning chain are."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import numerics

Array = jax.Array


class LatentDiversity(NamedTuple):
    """Of K latents.

    Attributes:
      between: `[...]` mean over pairs of 1 - cosine, in [0, 2]; 0 of a single latent.
      from_centre: `[...]` mean Euclidean distance to the mean of the vocabulary's embeddings.
    """

    between: Array
    from_centre: Array


def latent_diversity(latents: Array, embeddings: Array) -> LatentDiversity:
    """Whether latents have collapsed into one: mean_{i<j} (1 - cos(z_i, z_j)), and mean_i |z_i - mean_v e_v|

    Args:
      latents: z, `[..., K, D]`.
      embeddings: e, `[V, D]`, of the vocabulary.

    Returns:
      A `LatentDiversity`.

    Source: Wei et al., "SIM-CoT: Supervised Implicit Chain-of-Thought", 2025, arXiv 2509.20317.
    """
    latents, embeddings = numerics.at_least_float32(latents), numerics.at_least_float32(embeddings)
    norms = numerics.safe_sqrt(jnp.sum(jnp.square(latents), axis=-1, keepdims=True))
    directions = numerics.safe_divide(latents, jnp.broadcast_to(norms, latents.shape))
    count = latents.shape[-2]
    first, second = jnp.triu_indices(count, 1)
    cosines = jnp.sum(directions[..., first, :] * directions[..., second, :], axis=-1)
    between = jnp.sum(1.0 - cosines, axis=-1) / max(count * (count - 1) // 2, 1)
    centre = jnp.mean(embeddings, axis=0)
    offsets = latents - centre.reshape((1,) * (latents.ndim - 1) + (-1,))
    return LatentDiversity(between, jnp.mean(numerics.safe_sqrt(jnp.sum(jnp.square(offsets), axis=-1)), axis=-1))
