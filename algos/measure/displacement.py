"""Likelihood displacement: which pairs lower the probability of their chosen response, and where it goes."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


class LogitVelocity(NamedTuple):
    """What gradient flow of a pair loss does to a hidden state, at its start.

    Attributes:
      hidden: `[D]` velocity of the hidden state.
      log_probs: `[V]` velocity of every token's log-prob.
    """

    hidden: Array
    log_probs: Array


def ches(
    chosen_hidden: Array, chosen_mask: Array, rejected_hidden: Array, rejected_mask: Array, *, length_normalized: bool = True
) -> Array:
    """Centered hidden embedding similarity of pairs: the higher, the more training displaces the chosen response.

    With S the sum of a response's hidden states, each read before one of its tokens, and n its number of tokens,
    CHES = <S_w, S_l> - ||S_w||^2, length-normalised <S_w, S_l> / (n_w n_l) - ||S_w||^2 / n_w^2.

    Args:
      chosen_hidden: `[B, L, D]` last-layer states of prompt and response; state t has read token t.
      chosen_mask: `[B, L]`, true on the tokens of the response (not on the first position, before which there is no state).
      rejected_hidden: `[B, M, D]`.
      rejected_mask: `[B, M]`.
      length_normalized: whether the scores are length-normalised, as they are to be compared between pairs.

    Returns:
      `[B]` scores, floats of at least 32 bits.

    Raises:
      ValueError: the shapes do not fit.

    Razin et al., "Unintentional Unalignment: Likelihood Displacement in Direct Preference Optimization", 2024,
    arXiv 2410.08847. The released code reads positions, not masks, and assumes that nothing is padded on the right.
    """
    checks.boolean("length_normalized", length_normalized)
    for name, hidden, mask in (("chosen", chosen_hidden, chosen_mask), ("rejected", rejected_hidden, rejected_mask)):
        if hidden.ndim != 3 or mask.shape != hidden.shape[:2]:
            raise ValueError(f"`{name}_mask` must have shape [B, L] of `{name}_hidden` {hidden.shape}, got {mask.shape}")
    chosen = _summed(chosen_hidden, chosen_mask, length_normalized)
    rejected = _summed(rejected_hidden, rejected_mask, length_normalized)
    return jnp.sum(chosen * rejected, axis=1) - jnp.sum(jnp.square(chosen), axis=1)


def displacement(log_probs: Array, initial_log_probs: Array) -> Array:
    """How far training has moved the log-probs of chosen responses: negative where they fell.

    Args:
      log_probs: `[B]` summed log-probs of the chosen responses.
      initial_log_probs: `[B]` the same before training.

    Returns:
      `[B]` differences.

    Razin et al., "Unintentional Unalignment: Likelihood Displacement in Direct Preference Optimization", 2024,
    arXiv 2410.08847.
    """
    return log_probs - initial_log_probs


def logit_velocity(
    unembedding: Array, hidden: Array, chosen: int, rejected: int, *, beta: float = 0.1, ref_margin: Array | float = 0.0
) -> LogitVelocity:
    """Gradient flow of DPO on one token's hidden state h, with the unembedding W fixed.

    dh/dt = beta sigma(-z) (W_w - W_l), d log p_v / dt = <W_v - sum_u p_u W_u, dh/dt>,
    z = beta (log p_w - log p_l - ref_margin): the tokens v with the largest <W_v, W_w - W_l> gain most.

    Args:
      unembedding: `[V, D]` W.
      hidden: `[D]` h.
      chosen: w in [0, V).
      rejected: l in [0, V).
      beta: > 0.
      ref_margin: `[]` the reference's log p_w - log p_l.

    Returns:
      `LogitVelocity`.

    Raises:
      ValueError: an argument is out of range.

    Razin et al., "Unintentional Unalignment: Likelihood Displacement in Direct Preference Optimization", 2024,
    arXiv 2410.08847.
    """
    checks.positive("beta", beta)
    for name, token in (("chosen", chosen), ("rejected", rejected)):
        checks.between(name, checks.integer(name, token), 0, unembedding.shape[0] - 1)
    logits = unembedding @ hidden
    difference = unembedding[chosen] - unembedding[rejected]
    margin = beta * (logits[chosen] - logits[rejected] - ref_margin)
    velocity = beta * jax.nn.sigmoid(-margin) * difference
    rates = unembedding @ velocity
    return LogitVelocity(velocity, rates - jnp.sum(jax.nn.softmax(logits) * rates))


def _summed(hidden: Array, mask: Array, length_normalized: bool) -> Array:
    """The sum (mean) of the states before the tokens of the response: `[B, L, D] -> [B, D]`."""
    before = mask.astype(bool)[:, 1:]
    states = jnp.where(before[..., None], numerics.at_least_float32(hidden)[:, :-1], 0.0)
    total = jnp.sum(states, axis=1)
    count = jnp.maximum(jnp.sum(before, axis=1, dtype=total.dtype), 1.0)
    return total / count[:, None] if length_normalized else total
