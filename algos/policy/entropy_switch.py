"""Steering the entropy to any level by a few correct samples that were drawn at another temperature."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms


def entropy_switch(
    entropy: jax.Array,
    target: float,
    *,
    high_temperature: float = 1.2,
    low_temperature: float = 0.8,
    samples: int = 60,
) -> tuple[jax.Array, jax.Array]:
    """Chooses temperature and number of the regularising samples: hot and all up to the target, cold and half above.

    Learning from samples drawn at a temperature above 1 raises the entropy, below 1 it lowers it.

    Args:
      entropy: any shape, mean entropy per token at the last update, in nats; 0 before the first.
      target: >= 0, the entropy to hold, in nats.
      high_temperature: >= 1, up to the target.
      low_temperature: in (0, 1], above it.
      samples: >= 0, the most samples to use.

    Returns:
      `(temperature, count)` of that shape, the count int32.

    Raises:
      ValueError: an argument is out of range.

    Wang et al., "Arbitrary Entropy Policy Optimization: Entropy Is Controllable in Reinforcement Fine-tuning", 2025, arXiv
    2510.08141. Released code has the target 0.5, the paper's best run 0.75.
    """
    checks.non_negative("target", target)
    checks.between("high_temperature", high_temperature, 1.0, float("inf"))
    checks.between("low_temperature", low_temperature, 0.0, 1.0, closed="high")
    checks.integer("samples", samples, least=0)
    low = entropy <= target
    temperature = jnp.where(low, high_temperature, low_temperature).astype(entropy.dtype)
    return temperature, jnp.where(low, samples, samples // 2).astype(jnp.int32)


def replace_rows(batch: Any, samples: Any, keep: jax.Array, count: jax.Array) -> tuple[Any, jax.Array]:
    """Puts the first few samples worth keeping in the place of the batch's first rows.

    Args:
      batch: a tree of arrays `[B, ...]`.
      samples: a tree of the same structure, arrays `[R, ...]`.
      keep: `[R]` booleans, the samples that may be used (correct ones, say those with a group advantage above 0.05).
      count: `[]` integer, how many rows to replace; fewer if there are fewer to keep, or fewer rows.

    Returns:
      The batch with rows replaced, and `[B]` booleans that say which: the field `regularising` of `policy.Terms`.

    Raises:
      ValueError: the trees differ in structure, or `keep` is not `[R]`.

    Wang et al., "Arbitrary Entropy Policy Optimization: Entropy Is Controllable in Reinforcement Fine-tuning", 2025, arXiv
    2510.08141.
    """
    leaves = jax.tree.leaves(samples)
    if keep.ndim != 1 or any(x.shape[:1] != keep.shape for x in leaves):
        raise ValueError(f"`keep` must be [R] like the rows of `samples`, got {keep.shape}")
    structures: list[Any] = [jax.tree.structure(tree) for tree in (batch, samples)]
    if structures[0] != structures[1]:
        raise ValueError("`batch` and `samples` must be trees of the same structure")
    rows = jnp.arange(jax.tree.leaves(batch)[0].shape[0], dtype=jnp.int32)
    kept = keep.astype(bool)
    sources = jnp.argsort(~kept, stable=True)[jnp.minimum(rows, kept.shape[0] - 1)]
    replaced = rows < jnp.minimum(count.astype(jnp.int32), jnp.sum(kept, dtype=jnp.int32))

    def replace(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.where(replaced.reshape(-1, *(1,) * (x.ndim - 1)), y[sources], x)

    return jax.tree.map(replace, batch, samples), replaced


def regularising_advantage(advantage: float = 1.0) -> LossTransform:
    """Gives the regularising rows one advantage, whatever their group: A = advantage on them.

    Comes after the advantages. With old log-probs computed at temperature 1, these rows' ratio is 1 on policy and the
    surrogate's gradient is that of advantage * log pi.

    Args:
      advantage: > 0.

    Returns:
      A `LossTransform` reading `regularising` `[B]` and writing `advantages` `[B, T]`.

    Raises:
      ValueError: the advantage is not positive.

    Wang et al., "Arbitrary Entropy Policy Optimization: Entropy Is Controllable in Reinforcement Fine-tuning", 2025, arXiv
    2510.08141.
    """
    checks.positive("advantage", advantage)

    def update(terms: Terms) -> Terms:
        regularising = terms.mask & terms.regularising.astype(bool)[:, None]
        return terms.replace(advantages=jnp.where(regularising, advantage, terms.advantages))

    return loss_transform(
        update,
        reads=("regularising", "advantages"),
        writes=("advantages",),
        hyperparameters={"advantage": advantage},
    )
