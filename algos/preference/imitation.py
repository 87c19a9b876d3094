"""Supervised training seen as imitation under a divergence: losses of implicit rewards, and the rewards of tokens."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform
from .prospect import unpaired_log_ratio_score, unpaired_mean
from .terms import Terms

Array = jax.Array

# phi(x) = -f*(-x) and the least x it is used for.
_PHI = {
    "total_variation": (lambda x: x, -math.inf),
    "pearson_chi2": (lambda x: x - jnp.square(x) / 4.0, -math.inf),
    "squared_hellinger": (lambda x: x / (1.0 + x), -1.0 + 1e-3),
    "reverse_kl": (lambda x: -jnp.exp(-(x + 1.0)), -81.0),
    "js": (lambda x: jnp.log(2.0 - jnp.exp(-x)), -math.log(2.0) + 1e-3),
}


def imitation_link(divergence: str = "pearson_chi2", *, beta: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Loss = -phi(x), x = beta h + V, with h the log-ratio of a demonstration and V a value of its prompt

    =====================  ==================  ======================================
    divergence             phi(x)              for x at least (zero gradient below)
    =====================  ==================  ======================================
    `total_variation`      x                   any
    `pearson_chi2`         x - x^2 / 4         any; largest at x = 2
    `squared_hellinger`    x / (1 + x)         -1 + 0.001
    `reverse_kl`           -exp(-(x + 1))      -81
    `js`                   log(2 - exp(-x))    -log 2 + 0.001
    =====================  ==================  ======================================

    Args:
      divergence: from the demonstrations.
      beta: > 0, weight of the KL to the reference, or a schedule.

    Returns:
      A transform reading `scores` (h) and, where given, `prompt_values` (V, else 0), writing `unpaired_losses`.

    Wang et al., "Implicit Reward as the Bridge: A Unified View of SFT and DPO Connections", 2025, arXiv 2507.00018. The bounds
    and V = 0 are choices made here. phi is -f*(-x) with `divergence`'s conjugate f*, continued where that leaves its range.
    """
    checks.option("divergence", divergence, tuple(_PHI))
    checks.schedule("beta", beta, checks.positive)
    phi, least = _PHI[divergence]

    def update(terms: Terms) -> Terms:
        x = terms.value("beta", beta) * terms.scores
        if terms.prompt_values is not None:
            x = x + terms.prompt_values.astype(x.dtype)
        return terms.replace(unpaired_losses=-phi(jnp.maximum(x, least)))

    return loss_transform(
        update,
        reads=("scores",),
        optional_reads=("prompt_values",),
        writes=("unpaired_losses",),
        hyperparameters={"divergence": divergence, "beta": beta},
    )


def divergence_sft(divergence: str = "pearson_chi2", *, beta: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Supervised training that keeps to the reference: L = -mean_n phi(beta log(pi / ref)), see `imitation_link`.

    Args:
      divergence: see `imitation_link`; `"total_variation"` is plain supervised training, beta times the mean negative
        log-likelihood of a sequence up to a constant.
      beta: > 0, or a schedule.

    Returns:
      A chain reading `log_probs` and `ref_log_probs`. Take a peak learning rate 4 to 10 times below that of supervised
      training.

    Example:
      >>> loss = preference.divergence_sft("squared_hellinger")
      >>> terms = preference.Terms(log_probs=jnp.zeros(1), ref_log_probs=-jnp.ones(1))
      >>> float(loss(terms))
      -0.5

    Wang et al., "Implicit Reward as the Bridge: A Unified View of SFT and DPO Connections", 2025, arXiv 2507.00018.
    """
    return chain(unpaired_log_ratio_score(), imitation_link(divergence, beta=beta), unpaired_mean(), name="divergence_sft")


def implicit_values(logits: Array) -> Array:
    """The value of a prefix under a model whose logits are read as a Q-function: V = log sum_v exp(logits_v).

    Args:
      logits: `[..., V]`, unnormalised.

    Returns:
      `[...]`, floats of at least 32 bits.

    Wang et al., "Implicit Reward as the Bridge: A Unified View of SFT and DPO Connections", 2025, arXiv 2507.00018.
    """
    return jax.nn.logsumexp(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)), axis=-1)


def implicit_token_rewards(
    log_probs: Array, values: Array, mask: Array | None = None, ref_log_probs: Array | None = None
) -> Array:
    """The rewards of tokens under a model whose logits are read as a Q-function: r_t = Q_t - V_(t+1).

    Q_t = log pi(y_t) + V_t (less log ref(y_t) with a reference); the value after the last token is 0, so that the rewards of a
    response sum to its log-prob (log-ratio) plus V_0.

    Args:
      log_probs: `[B, T]` log-probs of the tokens.
      values: `[B, T]` values of the prefixes before the tokens, see `implicit_values`.
      mask: `[B, T]`, true where a token counts, without gaps; None for everywhere.
      ref_log_probs: `[B, T]` log-probs under a reference, or None.

    Returns:
      `[B, T]`, 0 behind the mask.

    Raises:
      ValueError: the shapes differ.

    Wang et al., "Implicit Reward as the Bridge: A Unified View of SFT and DPO Connections", 2025, arXiv 2507.00018.
    """
    given = {"values": values, "mask": mask, "ref_log_probs": ref_log_probs}
    for name, array in given.items():
        if array is not None and (array.shape != log_probs.shape or log_probs.ndim != 2):
            raise ValueError(f"`{name}` must have the shape [B, T] of `log_probs` {log_probs.shape}, got {array.shape}")
    where = jnp.ones(log_probs.shape, bool) if mask is None else mask.astype(bool)
    states = jnp.where(where, values, 0.0)
    following = jnp.pad(states[:, 1:], ((0, 0), (0, 1)))
    advantages = log_probs if ref_log_probs is None else log_probs - ref_log_probs
    return jnp.where(where, advantages + states - following, 0.0)
