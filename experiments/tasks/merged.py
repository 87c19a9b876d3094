"""Merges as steps of an arm's optimizer: at the end with where it started, at the start of several models."""

import jax
import jax.numpy as jnp
import optax

from algax import merge


def merge_with_start(after: int, fraction: float = 0.25, scale: float = 0.7) -> optax.GradientTransformation:
    """The last step of an arm's optimizer: at one update the parameters become `merge.top_delta_merge` of start and end.

    Args:
        after: the update that ends in the merge, from 1; the number of a run's steps for its last.
        fraction: share of the entries that keep their change.
        scale: what is kept of it.

    Raises:
        ValueError: `after` is below 1.
    """
    if after < 1:
        raise ValueError(f"after must be at least 1; got {after}")

    def update(updates, state, params):
        start, count = state
        tuned = optax.apply_updates(params, updates)
        merged = merge.top_delta_merge(start, tuned, fraction=fraction, scale=scale)
        final = jax.tree.map(lambda x, y, p: jnp.where(count + 1 == after, x - p, y), merged, updates, params)
        return final, (start, count + 1)

    return optax.GradientTransformation(lambda params: (params, jnp.zeros([], jnp.int32)), update)
