"""Contrastive terms between sampled chains of thought and annotated ones, to be added to a policy loss."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ..core import checks, numerics


def pooled_embedding(states: jax.Array, scores: jax.Array, mask: jax.Array) -> jax.Array:
    """Embedding of a chain: z = sum_t softmax_t(scores) states_t over the tokens that count.

    Args:
      states: `[B, T, H]`, such as the hidden layer of a value head.
      scores: `[B, T]`, such as its values.
      mask: `[B, T]`, true on the tokens that count.

    Returns:
      `[B, H]`, 0 for a row without tokens.

    Zhu et al., "CARFT: Boosting LLM Reasoning via Contrastive Learning with Annotated Chain-of-Thought-based Reinforced
    Fine-Tuning", 2025, arXiv 2508.15868.
    """
    where = mask.astype(bool)
    scores = jnp.where(where, scores, 0.0)
    greatest = jax.lax.stop_gradient(jnp.max(jnp.where(where, scores, -jnp.inf), axis=1, keepdims=True))
    exponents = jnp.where(where, scores - jnp.where(jnp.isfinite(greatest), greatest, 0.0), 0.0)
    factors = jnp.where(where, jnp.exp(exponents), 0.0)
    factors = numerics.safe_divide(factors, jnp.sum(factors, axis=1, keepdims=True))
    return jnp.sum(factors[..., None] * jnp.where(where[..., None], states, 0.0), axis=1)


def positive_contrast(
    annotations: jax.Array,
    samples: jax.Array,
    correct: jax.Array,
    *,
    temperature: float = 0.2,
    cap: float | None = 0.9,
    released: bool = False,
) -> jax.Array:
    """Pulls correct samples to their annotations: the mean over correct rows of l_i.

    l_i = -min(cos(a_i, s_i), cap) / tau + log sum_j exp(cos(a_i, s_j) / tau), the sum over all samples of the batch.

    Args:
      annotations: a, `[B, H]` pooled embeddings; without gradient.
      samples: s, `[B, H]`.
      correct: `[B]`, true where the sample is right.
      temperature: tau > 0.
      cap: in [-1, 1], the similarity from which the pull ends; None for none.
      released: True sums l over all rows as soon as one is correct, as the released code's broadcasting does.

    Returns:
      `[]`, 0 without correct rows. Add it to a policy loss with a coefficient (0.1 in the paper) and PPO's critic.

    Raises:
      ValueError: an argument is out of range.

    Zhu et al., "CARFT", 2025, arXiv 2508.15868.
    """
    _check(temperature, cap, released)
    similar = _cosines(jax.lax.stop_gradient(annotations), samples) / temperature
    losses = jax.nn.logsumexp(similar, axis=1) - _capped(jnp.diagonal(similar), temperature, cap)
    return _mean(losses, correct.astype(bool), released)


def negative_contrast(
    annotations: jax.Array,
    common: jax.Array,
    different: jax.Array,
    wrong: jax.Array,
    *,
    temperature: float = 0.2,
    cap: float | None = 0.9,
    released: bool = False,
) -> jax.Array:
    """Pulls what wrong samples share with the annotation away from where they differ: the mean over wrong rows of l_i.

    l_i = -min(cos(a_i, c_i), cap) / tau + log sum_j [exp(cos(c_i, c_j) / tau) + exp(cos(c_i, d_j) / tau)].

    Args:
      annotations: a, `[B, H]`, the annotation's tokens outside the common subsequence, pooled; without gradient.
      common: c, `[B, H]`, the sample's tokens in the common subsequence, pooled; see `common_subsequence`.
      different: d, `[B, H]`, its other tokens, pooled.
      wrong: `[B]`, true where the sample is wrong and has a common subsequence with the annotation.
      temperature: see `positive_contrast`.
      cap: see `positive_contrast`.
      released: see `positive_contrast`.

    Returns:
      `[]`, 0 without wrong rows.

    Raises:
      ValueError: an argument is out of range.

    Zhu et al., "CARFT", 2025, arXiv 2508.15868.
    """
    _check(temperature, cap, released)
    pull = jnp.diagonal(_cosines(jax.lax.stop_gradient(annotations), common)) / temperature
    others = jnp.concatenate([_cosines(common, common), _cosines(common, different)], axis=1) / temperature
    losses = jax.nn.logsumexp(others, axis=1) - _capped(pull, temperature, cap)
    return _mean(losses, wrong.astype(bool), released)


def common_subsequence(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marks a longest common subsequence of two sequences of tokens, outside of compiled code.

    Args:
      first: `[T1]` integers.
      second: `[T2]` integers.

    Returns:
      `[T1]` and `[T2]` booleans, true on the tokens of the subsequence, equally many in both.

    Zhu et al., "CARFT", 2025, arXiv 2508.15868.
    """
    first, second = np.asarray(first), np.asarray(second)
    longest = np.zeros([len(first) + 1, len(second) + 1], np.int64)  # of first[i:] and second[j:]
    for i in reversed(range(len(first))):
        for j in reversed(range(len(second))):
            same = first[i] == second[j]
            longest[i, j] = longest[i + 1, j + 1] + 1 if same else max(longest[i + 1, j], longest[i, j + 1])
    in_first, in_second = np.zeros(len(first), bool), np.zeros(len(second), bool)
    i = j = 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            in_first[i] = in_second[j] = True
            i, j = i + 1, j + 1
        elif longest[i + 1, j] >= longest[i, j + 1]:
            i += 1
        else:
            j += 1
    return in_first, in_second


def _check(temperature: float, cap: float | None, released: bool) -> None:
    checks.positive("temperature", temperature)
    if cap is not None:
        checks.between("cap", cap, -1.0, 1.0)
    checks.boolean("released", released)


def _cosines(a: jax.Array, b: jax.Array) -> jax.Array:
    """`[B, H], [C, H] -> [B, C]`; 0 with an embedding of 0."""

    def unit(x: jax.Array) -> jax.Array:
        return numerics.safe_divide(x, numerics.safe_sqrt(jnp.sum(jnp.square(x), axis=1, keepdims=True)))

    return jnp.matmul(unit(a), unit(b).T, precision=jax.lax.Precision.HIGHEST)


def _capped(scaled: jax.Array, temperature: float, cap: float | None) -> jax.Array:
    return scaled if cap is None else jnp.minimum(scaled, cap / temperature)


def _mean(losses: jax.Array, where: jax.Array, released: bool) -> jax.Array:
    if released:
        return jnp.where(where.any(), jnp.sum(losses), 0.0)
    return jnp.sum(jnp.where(where, losses, 0.0)) / jnp.maximum(jnp.sum(where, dtype=losses.dtype), 1.0)
