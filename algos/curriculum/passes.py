"""How often examples are seen."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks


def one_epoch(key: jax.Array, examples: int, *, steps: int, batch_size: int) -> jax.Array:
    """Draws batches of which no two share an example: one pass, in random order.

    Train on them without dropout and weight decay, which only slow a run that cannot overfit.

    Args:
      key: a PRNG key.
      examples: >= 1, in the data.
      steps: >= 1, batches.
      batch_size: >= 1; steps times batch_size is at most `examples`.

    Returns:
      `[steps, batch_size]` int32 indices below `examples`, each at most once.

    Raises:
      ValueError: an argument is out of range, or there are too few examples for one pass.

    Source: Komatsuzaki, "One Epoch Is All You Need", 2019, arXiv 1906.06669.
    """
    for name, number in (("examples", examples), ("steps", steps), ("batch_size", batch_size)):
        checks.integer(name, number, least=1)
    needed = steps * batch_size
    if needed > examples:
        raise ValueError(f"`examples` must be at least steps * batch_size = {needed} for one pass, got {examples}")
    order = jax.random.permutation(key, examples)[:needed]
    return jnp.reshape(order, (steps, batch_size)).astype(jnp.int32)
