"""The contracts of curricula and of batch transforms."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..kinds import BatchTransform, Curriculum
from .errors import TracedJit, require, require_compiled_once, require_equal, require_same_types


def check_curriculum(curriculum: Curriculum, feedback: Any, unseen: Any) -> None:
    """Checks a curriculum: its weights are a distribution, its state is stable, and unseen arms' NaN does nothing.

    Args:
      curriculum: what to check.
      feedback: feedback as `update` takes it, in which some arms were not seen.
      unseen: the same feedback with NaN in place of the unseen arms' values.

    Raises:
      ContractError: the curriculum does otherwise.
    """
    state = curriculum.init()
    update, weights = TracedJit(curriculum.update), jax.jit(curriculum.weights)
    for _ in range(2):
        probabilities = np.asarray(weights(state), np.float64)
        require(probabilities.ndim == 1 and np.all(probabilities >= 0), f"weights must be [arms] and >= 0: {probabilities}")
        require(abs(probabilities.sum() - 1) < 1e-5, f"weights must sum to 1, got {probabilities.sum()}")
        new_state = update(state, feedback)
        require_same_types("the state", new_state, state)
        require_equal("the weights after NaN of unseen arms", weights(update(state, unseen)), weights(new_state))
        state = new_state
    require_compiled_once("update", update)


def check_batch_transform(transform: BatchTransform, batch: Any) -> None:
    """Checks a batch transform: the same key gives the same batch, another key another, shapes are static.

    Args:
      transform: `(key, batch) -> batch`.
      batch: a batch on which it draws at random.

    Raises:
      ContractError: the transform does otherwise.
    """
    compiled = TracedJit(transform)
    results = [compiled(jax.random.key(seed), batch) for seed in (0, 0, *range(1, 9))]
    require_compiled_once("batch transform", compiled)
    require_equal("the same key twice", results[1], results[0])
    require_equal("eager against compiled", transform(jax.random.key(0), batch), results[0], 1e-6)
    for result in results[2:]:
        require_same_types("the batch under another key", result, results[0])
    flat = [jnp.concatenate([jnp.ravel(x).astype(jnp.float32) for x in jax.tree.leaves(result)]) for result in results]
    require(any(np.any(np.asarray(x) != np.asarray(flat[0])) for x in flat[2:]), "eight other keys gave the same batch")
