"""Controls for what a reward teaches: wrong rewards in place of the right ones, and advantages of one sign alone."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms

_READS = {"random": ("key",), "inverted": ("rewards",), "format": ("well_formed",)}


def corrupt_rewards(kind: str) -> LossTransform:
    """Replaces the rewards by ones that say nothing, or the wrong thing, about correctness.

    Args:
      kind: "random" tosses a fair coin for 0 or 1; "inverted" takes 1 - s of a reward s in [0, 1]; "format" gives 1 to a
        response of the required format and 0 to others. For the majority's answer as the label see `majority_labels`.

    Returns:
      A `LossTransform` writing `rewards` `[B]` and reading `key`, `rewards` or `well_formed`, each for its kind.

    Raises:
      ValueError: an unknown kind.

    Wu et al., "Model-Task Alignment Drives Distinct RL Outcomes", 2025, arXiv 2508.21188.
    """
    checks.option("kind", kind, tuple(_READS))

    def update(terms: Terms) -> Terms:
        if kind == "format":
            return terms.replace(rewards=jnp.where(terms.well_formed.astype(bool), 1.0, 0.0))
        if kind == "inverted":
            return terms.replace(rewards=1.0 - terms.rewards)
        key: Any = terms.key
        everyone = terms.gather(terms.mask)  # one draw for the batch, whichever device holds which rows
        tosses = jax.random.bernoulli(key, 0.5, everyone.shape[:1])
        return terms.replace(rewards=jnp.where(terms.local_rows(tosses, terms.mask.shape[0]), 1.0, 0.0))

    return loss_transform(update, reads=_READS[kind], writes=("rewards",), hyperparameters={"kind": kind})


def keep_sign(sign: str) -> LossTransform:
    """Learns from successes or from failures alone: A <- max(A, 0) or min(A, 0).

    Args:
      sign: "positive" or "negative".

    Returns:
      A `LossTransform` reading and writing `advantages` `[B, T]`; what is left out still counts in a reduction's mean.

    Raises:
      ValueError: an unknown sign.

    Wu et al., "Model-Task Alignment Drives Distinct RL Outcomes", 2025, arXiv 2508.21188; Zhu et al., "The Surprising
    Effectiveness of Negative Reinforcement in LLM Reasoning", 2025, arXiv 2506.01347.
    """
    checks.option("sign", sign, ("positive", "negative"))
    bound = jnp.maximum if sign == "positive" else jnp.minimum

    def update(terms: Terms) -> Terms:
        return terms.replace(advantages=bound(terms.advantages, 0.0))

    return loss_transform(update, reads=("advantages",), writes=("advantages",), hyperparameters={"sign": sign})
