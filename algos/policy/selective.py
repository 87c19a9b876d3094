"""Supervised fine-tuning on the tokens that the policy gets wrong and is sure about, and the reward for constraints kept."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .selection import select_largest, share_of
from .terms import Terms


def selective_cross_entropy(*, ratio: float = 0.2, entropy_coefficient: float = 1.0) -> LossTransform:
    """Cross-entropy on the tokens with the largest -log pi - c H alone: loss += mean of -log pi over them.

    Of the N valid tokens of the batch max(floor(ratio N), 1) are kept. Confident mistakes come first, so that tokens which
    are rightly uncertain keep their entropy.

    Args:
      ratio: in [0, 1], share of tokens to keep; 1 is the plain cross-entropy.
      entropy_coefficient: c >= 0; 0 keeps the hardest tokens.

    Returns:
      A `LossTransform` reading `log_probs`, `entropies` and adding to `loss`; metric `cross_entropy`, on all tokens.

    Raises:
      ValueError: an argument is out of range.

    Wang et al., "Light-IF: Endowing LLMs with Generalizable Reasoning via Preview and Self-Checking for Complex Instruction
    Following", 2025, arXiv 2508.03178 (Entropy-SFT).
    """
    checks.between("ratio", ratio, 0.0, 1.0)
    checks.non_negative("entropy_coefficient", entropy_coefficient)

    def update(terms: Terms) -> Terms:
        losses = -terms.log_probs
        total = terms.total(losses)
        count = jnp.minimum(share_of(ratio, total), total)
        kept = select_largest(terms, losses - entropy_coefficient * terms.entropies, terms.mask, count, losses)
        terms = terms.add_metric("cross_entropy", losses)
        return terms.add_loss(terms.mean(jnp.where(kept, losses, 0.0), count=count))

    return loss_transform(
        update,
        reads=("log_probs", "entropies"),
        writes=("loss",),
        metrics=("cross_entropy",),
        hyperparameters={"ratio": ratio, "entropy_coefficient": entropy_coefficient},
        couples_batch=True,
    )


def constraint_reward(satisfied: jax.Array, where: jax.Array | None = None) -> jax.Array:
    """The share of an instruction's constraints that a response keeps.

    Args:
      satisfied: `[B, C]`, true or 1 where the response keeps the constraint.
      where: `[B, C]`, true where there is a constraint; None for all.

    Returns:
      Rewards in [0, 1], `[B]` float32, 0 for a response without constraints; a reward for the format is added by the caller.

    Raises:
      ValueError: the shapes are not `[B, C]`.

    Wang et al., "Light-IF: Endowing LLMs with Generalizable Reasoning via Preview and Self-Checking for Complex Instruction
    Following", 2025, arXiv 2508.03178.
    """
    if satisfied.ndim != 2 or (where is not None and where.shape != satisfied.shape):
        raise ValueError(
            f"`satisfied` and `where` must have one shape [B, C], got {satisfied.shape} and {getattr(where, 'shape', None)}"
        )
    exists = jnp.ones(satisfied.shape, bool) if where is None else where.astype(bool)
    kept = jnp.sum(exists & satisfied.astype(bool), axis=1, dtype=jnp.float32)
    return kept / jnp.maximum(jnp.sum(exists, axis=1, dtype=jnp.float32), 1.0)
