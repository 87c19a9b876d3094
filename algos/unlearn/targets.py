"""Losses that pull the forget set's distributions towards altered ones; each adds to `loss`."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform
from .terms import Terms

Array = jax.Array


def undial(*, strength: float = 10.0, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Distils the reference with the logit of the memorised token turned down.

    loss += coefficient mean_bt -sum_v q_bt(v) log p_bt(v), q = softmax(ref_logits - strength onehot(forget_token))

    Args:
      strength: >= 0, how far the logit is turned down; the paper's beta.
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `forget_tokens`, `forget_distribution` and `ref_forget_distribution`.

    Dong et al., "UNDIAL: Self-Distillation with Adjusted Logits for Robust Unlearning in Large Language Models", 2024,
    arXiv 2402.10052. The mean is over the tokens that count; the released code averages over all positions, which an
    all-true `forget_mask` reproduces (it then indexes the vocabulary with the label -100 of ignored ones).
    """
    checks.non_negative("strength", strength)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def cross_entropies(log_probs: Array, ref_log_probs: Array, tokens: Array) -> Array:
        memorised = jax.nn.one_hot(tokens, log_probs.shape[-1], dtype=log_probs.dtype)
        teacher = jax.nn.softmax(ref_log_probs.astype(log_probs.dtype) - strength * memorised, axis=-1)
        return _cross_entropies(teacher, log_probs)

    def update(terms: Terms) -> Terms:
        where = terms.where(terms.forget_tokens, "forget_mask")
        others = (terms.ref_forget_distribution, terms.forget_tokens)
        losses = terms.forget_distribution.map(cross_entropies, *others, where=where)
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(losses, "forget_mask"))

    return loss_transform(
        update,
        reads=("forget_tokens", "forget_distribution", "ref_forget_distribution"),
        optional_reads=("forget_mask",),
        writes=("loss",),
        hyperparameters={"strength": strength, "coefficient": coefficient},
    )


def ce_u(*, ignore_first: int = 1, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Cross-entropy unlearning: moves the memorised token's probability to the others, in proportion.

    loss += coefficient mean_bt -sum_v q_bt(v) log p_bt(v), with q the model's own distribution without the memorised
    token, rescaled, and without gradient. The logit of that token gets the gradient p, which never explodes.

    Args:
      ignore_first: how many of the first tokens of every answer are left out, an integer >= 0.
      coefficient: >= 0, or a schedule.

    Returns:
      A chain of `drop_first_forget_tokens` and the loss, reading `forget_tokens` and `forget_distribution`. Terms that
      come later in a longer chain see the shortened `forget_mask` too.

    Yang, "CE-U: Cross Entropy Unlearning", 2025, arXiv 2503.01224.
    """
    checks.integer("ignore_first", ignore_first, least=0)
    return chain(drop_first_forget_tokens(ignore_first), _counterfactual_cross_entropy(coefficient=coefficient), name="ce_u")


def drop_first_forget_tokens(count: int = 1) -> LossTransform:
    """Takes the first tokens that count of every forget sequence out of `forget_mask`.

    Args:
      count: how many, an integer >= 0.

    Returns:
      A transform that rewrites `forget_mask`; put it before everything that reads it.
    """
    checks.integer("count", count, least=0)

    def update(terms: Terms) -> Terms:
        where = terms.forget_mask
        position = jnp.cumsum(where, axis=1, dtype=jnp.int32)
        return terms.replace(forget_mask=where & (position > count))

    return loss_transform(update, optional_reads=("forget_mask",), writes=("forget_mask",), hyperparameters={"count": count})


def _counterfactual_cross_entropy(*, coefficient: checks.ScalarOrSchedule) -> LossTransform:
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def cross_entropies(log_probs: Array, tokens: Array) -> Array:
        memorised = jax.nn.one_hot(tokens, log_probs.shape[-1], dtype=jnp.bool_)
        target = jax.nn.softmax(jnp.where(memorised, -jnp.inf, jax.lax.stop_gradient(log_probs)), axis=-1)
        return _cross_entropies(target, log_probs)

    def update(terms: Terms) -> Terms:
        where = terms.where(terms.forget_tokens, "forget_mask")
        losses = terms.forget_distribution.map(cross_entropies, terms.forget_tokens, where=where)
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(losses, "forget_mask"))

    return loss_transform(
        update,
        reads=("forget_tokens", "forget_distribution"),
        optional_reads=("forget_mask",),
        writes=("loss",),
        hyperparameters={"coefficient": coefficient},
        name="counterfactual_cross_entropy",
    )


def _cross_entropies(target: Array, log_probs: Array) -> Array:
    """-sum_v target(v) log p(v), `[N, V] -> [N]`, with 0 times infinity being 0."""
    return -jnp.sum(target * jnp.where(target > 0, log_probs, 0.0), axis=-1)
