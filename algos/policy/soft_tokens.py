"""Chains of thought in the space of embeddings: noisy mixtures as tokens, and their log-density."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ..core import checks, numerics


def noise_scale(embeddings: jax.Array, fraction: float = 0.33) -> jax.Array:
    """Standard deviation of the noise: fraction * mean over the vocabulary of the root mean square of an embedding.

    Args:
      embeddings: `[V, D]`.
      fraction: > 0.

    Returns:
      `[]`, without gradient.

    Raises:
      ValueError: fraction is not positive.

    Butt et al., "Soft Tokens, Hard Truths", 2025, arXiv 2509.19170; which norm of the embeddings it means is not known.
    """
    checks.positive("fraction", fraction)
    squares = jnp.square(jax.lax.stop_gradient(numerics.at_least_float32(embeddings)))
    sizes = numerics.safe_sqrt(jnp.sum(squares, axis=-1) / embeddings.shape[1])
    return fraction * jnp.sum(sizes) / embeddings.shape[0]


def mixture_embedding(logits: jax.Array, embeddings: jax.Array, *, temperature: float = 0.5) -> jax.Array:
    """The next input before noise: h = softmax(logits / temperature) E.

    Args:
      logits: `[..., V]`.
      embeddings: E, `[V, D]`.
      temperature: > 0; 0.5 is "soft", 1e-4 "fuzzy", almost one embedding.

    Returns:
      `[..., D]`.

    Raises:
      ValueError: temperature is not positive.

    Butt et al., "Soft Tokens, Hard Truths", 2025, arXiv 2509.19170.
    """
    checks.positive("temperature", temperature)
    probs = jax.nn.softmax(numerics.at_least_float32(logits) / temperature, axis=-1)
    return jnp.matmul(probs, embeddings.astype(probs.dtype), precision=jax.lax.Precision.HIGHEST)


def soft_token(key: jax.Array, mixture: jax.Array, scale: jax.Array | float) -> jax.Array:
    """Samples the next input: the mixture plus Gaussian noise, without gradient.

    Args:
      key: a `jax.random.key`.
      mixture: `[..., D]`, see `mixture_embedding`.
      scale: > 0, standard deviation of the noise in every direction, see `noise_scale`.

    Returns:
      `[..., D]`.

    Butt et al., "Soft Tokens, Hard Truths", 2025, arXiv 2509.19170.
    """
    return jax.lax.stop_gradient(mixture + scale * jax.random.normal(key, mixture.shape, mixture.dtype))


def soft_log_probs(soft: jax.Array, mixture: jax.Array, scale: jax.Array | float) -> jax.Array:
    """Log-density of sampled inputs: -|soft - h|^2 / (2 s^2) - (D / 2) log(2 pi s^2).

    These are the `log_probs` of soft positions, beside the ordinary ones of the answer's tokens: `rloo` on them is the paper's
    objective. At test time ordinary tokens work best.

    Args:
      soft: `[..., D]`, see `soft_token`; no gradient flows into it.
      mixture: h, `[..., D]`, see `mixture_embedding`; the gradient is (soft - h) / s^2.
      scale: s > 0.

    Returns:
      `[...]`, in nats.

    Butt et al., "Soft Tokens, Hard Truths", 2025, arXiv 2509.19170.
    """
    variance = jnp.square(jnp.asarray(scale, mixture.dtype))
    distances = jnp.sum(jnp.square(jax.lax.stop_gradient(soft) - mixture), axis=-1)
    return -0.5 * distances / variance - 0.5 * mixture.shape[-1] * jnp.log(2.0 * math.pi * variance)
