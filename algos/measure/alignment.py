"""How well a task suits a model before training."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .rollouts import pass_at_k


def alignment(num_samples: int, num_correct: jax.Array, k: int) -> jax.Array:
    """How well a task suits a model: the mean of pass@k over its problems, before training.

    Args:
      num_samples: >= 1, samples of each problem.
      num_correct: `[P]`, how many of a problem's samples are right.
      k: in 1..num_samples.

    Returns:
      `[]` float32 in [0, 1]. Where it is high, training on one example, on wrong rewards or on failures alone still works.

    Raises:
      ValueError: num_samples or k is out of range.

    Wu et al., "Model-Task Alignment Drives Distinct RL Outcomes", 2025, arXiv 2508.21188.
    """
    return jnp.mean(pass_at_k(num_samples, num_correct, k))
