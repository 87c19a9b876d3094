"""Filters: transforms that take tokens or responses out of the loss.

A filter's place in the chain is its scope: before the advantages it keeps responses out of the group statistics too, after
them only out of the loss. The reductions that follow count what is left.
"""

from __future__ import annotations

import jax.numpy as jnp

from ..core import LossTransform, loss_transform
from .terms import Terms


def dynamic_filter() -> LossTransform:
    """Drops groups whose rewards are all equal, which carry no signal: keep a group iff max reward > min reward.

    Returns:
      A `LossTransform` writing `mask` `[B, T]`; metric `kept_rows`, the share of non-empty responses that stay.

    Yu et al., "DAPO", 2025, arXiv 2503.14476, where dropped groups are sampled anew; here shapes are static, so the batch
    shrinks instead.
    """

    def update(terms: Terms) -> Terms:
        rewards, groups = terms.rewards, terms.groups(terms.group_ids)
        keep = groups.max(rewards) > -groups.max(-rewards)
        terms = terms.add_metric("kept_rows", keep.astype(rewards.dtype))
        return terms.replace(mask=terms.mask & keep[:, None])

    return loss_transform(update, reads=("rewards", "group_ids"), writes=("mask",), metrics=("kept_rows",))


def mask_truncated() -> LossTransform:
    """Drops responses that hit the length limit before their stop token.

    Returns:
      A `LossTransform` writing `mask` `[B, T]`; metric `truncated`, the share of responses dropped.

    Yu et al., "DAPO", 2025, arXiv 2503.14476 (overlong filtering).
    """

    def update(terms: Terms) -> Terms:
        truncated = terms.truncated.astype(bool)
        terms = terms.add_metric("truncated", jnp.where(truncated, 1.0, 0.0))
        return terms.replace(mask=terms.mask & ~truncated[:, None])

    return loss_transform(update, reads=("truncated",), writes=("mask",), metrics=("truncated",))
