"""The order of several data sets: one after the other, or all at once."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ..core import checks


def phase_order(key: jax.Array, sizes: Sequence[int], *, stacked: bool = False) -> jax.Array:
    """Orders the examples of several data sets: phase after phase, each shuffled, or stacked, all shuffled together.

    Args:
      key: a PRNG key.
      sizes: examples in each phase, integers >= 1.
      stacked: whether the phases are one; as good as phases for fine-tuning small models, and simpler.

    Returns:
      `[sum of sizes]` int32 indices into the concatenated data sets, each once.

    Raises:
      ValueError: there is no phase, or an empty one.

    Pareja et al., "Unveiling the Secret Recipe: A Guide For Supervised Fine-Tuning Small LLMs", 2024, arXiv 2412.13337.
    """
    checks.boolean("stacked", stacked)
    counts = [checks.integer("sizes", size, least=1) for size in sizes]
    if not counts:
        raise ValueError(f"`sizes` must name a phase at least, got {sizes!r}")
    counts = [sum(counts)] if stacked else counts
    starts = [sum(counts[:i]) for i in range(len(counts))]
    keys = jax.random.split(key, len(counts))
    parts = [start + jax.random.permutation(own, count) for own, start, count in zip(keys, starts, counts, strict=True)]
    return jnp.concatenate(parts).astype(jnp.int32)
