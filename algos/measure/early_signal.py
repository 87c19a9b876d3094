"""Which of several fine-tuning runs will end well, told from their first steps."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def early_signal(grad_norms: Array, losses: Array, *, window: int) -> Array:
    """Scores runs by high loss and low gradient norm early on, which go with better final models.

    score_r = z(mean loss of run r) - z(mean gradient norm of run r), with means over the last `window` steps given and
    z(x) = (x - mean over runs) / population standard deviation over runs. Prune a share of the runs with
    `~curriculum.keep_lowest(scores, share)`.

    Args:
      grad_norms: `[R, S]` of R runs in their first S steps, 5 to 10 % of the training.
      losses: `[R, S]` of the same.
      window: in [1, S].

    Returns:
      `[R]` float32 scores, the higher the better; z is 0 where all runs are alike.

    Raises:
      ValueError: the shapes differ, or the window is out of range.

    Pareja et al., "Unveiling the Secret Recipe: A Guide For Supervised Fine-Tuning Small LLMs", 2024, arXiv 2412.13337. The
    paper reports the two signs; the score is made here.
    """
    if grad_norms.ndim != 2 or losses.shape != grad_norms.shape:
        raise ValueError(f"`losses` must have the shape [R, S] of `grad_norms` {grad_norms.shape}, got {losses.shape}")
    checks.between("window", checks.integer("window", window), 1, losses.shape[1])
    return _standardised(losses[:, -window:]) - _standardised(grad_norms[:, -window:])


def _standardised(x: Array) -> Array:
    means = jnp.mean(x.astype(jnp.float32), axis=1)
    centred = means - jnp.mean(means)
    return numerics.safe_divide(centred, numerics.safe_sqrt(jnp.mean(jnp.square(centred))))
