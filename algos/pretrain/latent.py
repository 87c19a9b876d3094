"""Latent reasoning: hidden states fed back as inputs, and each step's text as supervision of them."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform, numerics
from .objectives import next_token
from .terms import Terms

Array = jax.Array


def step_weights(num_steps: int, reduction: str = "sequence") -> LossTransform:
    """Weights that make the token mean a mean over reasoning steps.

    With n tokens in all, those of step k being n_k tokens of m_k sequences, and K' steps that have tokens:

    * `"sequence"`: n / (K m_k), each step the sum over its tokens, a mean over sequences, all K steps counting;
    * `"token"`: n / (K' n_k), each step a mean over its tokens, steps without tokens left out.

    Args:
      num_steps: K >= 1.
      reduction: `"sequence"` or `"token"`.

    Returns:
      A transform reading `step_ids` and writing `weights`.

    Raises:
      ValueError: an argument is out of range.

    Source: Wei et al., "SIM-CoT: Supervised Implicit Chain-of-Thought", 2025, arXiv 2509.20317; `"sequence"` is what its
    Coconut variant does, `"token"` its CODI variant.
    """
    checks.integer("num_steps", num_steps, least=1)
    checks.option("reduction", reduction, ("sequence", "token"))

    def update(terms: Terms) -> Terms:
        ones = jnp.ones(terms.step_ids.shape, jnp.float32)
        total, weights, used = terms.batch_sum(ones), jnp.zeros_like(ones), jnp.float32(0.0)
        for step in range(num_steps):
            inside = terms.mask & (terms.step_ids == step)
            of_step = inside.astype(jnp.float32)
            sequences = jnp.max(of_step, axis=1, initial=0.0)
            count = terms.batch_sum(sequences if reduction == "sequence" else of_step)
            weights = jnp.where(inside, numerics.safe_divide(total, count), weights)
            used += (count > 0).astype(jnp.float32)
        steps = jnp.float32(num_steps) if reduction == "sequence" else used
        return terms.replace(weights=numerics.safe_divide(weights, steps))

    return loss_transform(
        update,
        reads=("step_ids",),
        writes=("weights",),
        hyperparameters={"num_steps": num_steps, "reduction": reduction},
    )


def step_supervision(
    num_steps: int, reduction: str = "sequence", *, coefficient: checks.ScalarOrSchedule = 1.0
) -> LossTransform:
    """Cross-entropy of an auxiliary decoder that reads the latents of a step and writes its text.

    loss = coefficient mean_k L_k with L_k the mean negative log-likelihood of step k, per sequence or per token; see
    `step_weights`. The K texts of a problem stand side by side in a row, an end token after each. The gradient flows through
    the latents into the model; in use the decoder is left out.

    Args:
      num_steps: K >= 1.
      reduction: `"sequence"` or `"token"`.
      coefficient: >= 0, or a schedule.

    Returns:
      A chain reading `log_probs` and `step_ids`.

    Example:
      >>> terms = pretrain.Terms(log_probs=-jnp.ones((1, 3)), step_ids=jnp.array([[0, 0, 1]]))
      >>> float(pretrain.step_supervision(2)(terms))  # (2 + 1) / 2
      1.5

    Source: Wei et al., 2025, arXiv 2509.20317.
    """
    return chain(step_weights(num_steps, reduction), next_token(coefficient=coefficient), name="step_supervision")


def latent_feedback(hidden_fn: Callable[[Array], Array], embeddings: Array, latent: Array, *, most: int) -> Array:
    """Puts at each latent position the hidden state of the position before it, one after the other.

    Args:
      hidden_fn: embeddings `[B, T, D]` -> last states `[B, T, D]`, causal.
      embeddings: `[B, T, D]`; what is at latent positions is not read.
      latent: `[B, T]` true at latent positions, not at the first.
      most: >= 0, as many latent positions as a row has at most; one call of `hidden_fn` for each.

    Returns:
      Embeddings `[B, T, D]` with latents, differentiable through all of them.

    Raises:
      ValueError: `most` is negative.

    Source: Hao et al., "Training Large Language Models to Reason in a Continuous Latent Space", 2024, arXiv 2412.06769.
    """
    checks.integer("most", most, least=0)
    latent = latent.astype(bool)
    order = jnp.cumsum(latent, axis=1, dtype=jnp.int32)

    def fill(filled: Array, count: Array) -> tuple[Array, None]:
        states = jnp.pad(hidden_fn(filled), ((0, 0), (1, 0), (0, 0)))[:, :-1]
        here = latent & (order == count)
        return jnp.where(here[..., None], states.astype(filled.dtype), filled), None

    cleared = jnp.where(latent[..., None], jnp.zeros([], embeddings.dtype), embeddings)
    return jax.lax.scan(fill, cleared, jnp.arange(1, most + 1, dtype=jnp.int32))[0]
