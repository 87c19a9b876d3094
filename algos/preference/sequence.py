"""Log-probabilities of whole responses from a causal model's logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import Logits, checks
from ..core.numerics import safe_divide

Array = jax.Array

IGNORED = -100


def sequence_log_probs(logits: Array, labels: Array, *, weights: Array | None = None, reduction: str = "sum") -> Array:
    """Log-probs of labels under causal logits: `logits[:, t]` predicts `labels[:, t + 1]`.

    With l_bt the log-prob of label t + 1, m_bt = 0 where that label is -100 and 1 elsewhere, and w_bt the weights:
    `"sum"` is sum_t w m l, `"mean"` is sum_t w m l / sum_t w m, `"none"` is w m l.

    Args:
      logits: `[B, L, V]`.
      labels: `[B, L]` integers; -100 marks prompts and padding. The first label is never predicted.
      weights: `[B, L - 1]` factor of every predicted label; left out, all are 1.
      reduction: `"sum"`, `"mean"` or `"none"`.

    Returns:
      `[B]`, or `[B, L - 1]` without reduction; exactly 0, in value and gradient, for a row without labels.

    Raises:
      ValueError: an unknown reduction, or shapes that do not fit.

    Released code divides by the count unguarded, which gives NaN for a row without labels.
    """
    checks.option("reduction", reduction, ("sum", "mean", "none"))
    if logits.ndim != 3 or labels.shape != logits.shape[:2]:
        raise ValueError(f"`labels` must have shape [B, L] of `logits` {logits.shape}, got {labels.shape}")
    targets = labels[:, 1:]
    where = targets != IGNORED
    if weights is not None and weights.shape != targets.shape:
        raise ValueError(f"`weights` must have shape [B, L - 1] = {targets.shape}, got {weights.shape}")
    log_probs = Logits(logits[:, :-1]).log_probs(jnp.where(where, targets, 0), where)
    factors = where.astype(log_probs.dtype)
    if weights is not None:
        factors = jnp.where(where, weights.astype(log_probs.dtype), 0.0)
    weighted = factors * log_probs
    if reduction == "none":
        return weighted
    total = jnp.sum(weighted, axis=1)
    return total if reduction == "sum" else safe_divide(total, jnp.sum(factors, axis=1))
