"""Entropy over the nucleus and at the most uncertain positions, pulled to where it was at the start."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import FactoredLogits, Logits, LossTransform, checks, loss_transform, numerics
from .terms import Terms


def nucleus_entropies(
    distribution: Logits | FactoredLogits, p: float = 0.8, *, nucleus: str = "inclusive", top_k: int | None = None
) -> jax.Array:
    """Entropy of the renormalised nucleus at every position: H' = -sum_v q log q, q = pi on the nucleus / its mass.

    Args:
      distribution: the policy's distributions.
      p: in (0, 1], mass of the nucleus.
      nucleus: "inclusive" is the smallest set with mass >= p; "exclusive" leaves out the token that crosses p, so that a
        token with probability >= p stands alone and H' = 0.
      top_k: >= 1, only the most likely tokens can be in the nucleus; None for no limit.

    Returns:
      Entropies in nats, of the distribution's shape; the gradient flows through q.

    Raises:
      ValueError: an argument is out of range or unknown.

    Jiang et al., "Rethinking Entropy Regularization in Large Reasoning Models", 2025, arXiv 2509.25133. The paper's nucleus
    is the inclusive one; released code has the exclusive one among the 10000 most likely tokens.
    """
    checks.between("p", p, 0.0, 1.0, closed="high")
    checks.option("nucleus", nucleus, ("inclusive", "exclusive"))
    if top_k is not None:
        checks.integer("top_k", top_k, least=1)

    def entropies(log_probs: jax.Array) -> jax.Array:
        vocabulary = log_probs.shape[-1]
        ranked, _ = jax.lax.top_k(log_probs, vocabulary if top_k is None else min(top_k, vocabulary))
        probabilities = jnp.exp(ranked)
        mass = jnp.cumsum(probabilities, axis=-1)
        # Rounding may bring the mass to 1 before the last token.
        kept = (mass < p) if nucleus == "exclusive" else (mass - probabilities < p) | (p == 1.0)
        kept = (kept & (probabilities > 0)).at[:, 0].set(True)
        normaliser = jax.nn.logsumexp(ranked, axis=-1, keepdims=True, where=kept)
        log_q = jnp.where(kept, ranked - normaliser, -jnp.inf)
        return -jnp.sum(numerics.weighted(log_q, log_q), axis=-1)

    return distribution.map(entropies)


def peak_mask(values: jax.Array, mask: jax.Array, quantile: float = 0.8) -> tuple[jax.Array, jax.Array]:
    """Finds each row's largest values: those above the row's quantile, interpolated linearly.

    Args:
      values: `[B, T]`.
      mask: `[B, T]` booleans, what counts.
      quantile: in [0, 1].

    Returns:
      `[B, T]` booleans, and the rows' quantiles `[B]` (0 for an empty row); without gradient.

    Raises:
      ValueError: the quantile is out of range.

    Jiang et al., "Rethinking Entropy Regularization in Large Reasoning Models", 2025, arXiv 2509.25133. Released code does
    not intersect with the mask.
    """
    checks.between("quantile", quantile, 0.0, 1.0)
    values = jax.lax.stop_gradient(values)
    bounds = numerics.masked_quantiles(values, mask, jnp.full([1], quantile, values.dtype))
    return mask & (values > bounds), bounds[:, 0]


class EntropyAnchor(NamedTuple):
    """State of `anchored_entropy`: the level to hold `[]`, and whether it is known `[]`."""

    level: jax.Array
    known: jax.Array


def anchored_entropy(
    coefficient: checks.ScalarOrSchedule = 0.005,
    *,
    anchor: float | None = None,
    p: float = 0.8,
    quantile: float = 0.8,
    nucleus: str = "inclusive",
    top_k: int | None = None,
) -> LossTransform:
    """Holds the entropy of the uncertain positions at its level: loss += coefficient (H - anchor)^2.

    H is the mean over responses of the mean of `nucleus_entropies` over the positions that `peak_mask` keeps; responses
    without such a position do not count.

    Args:
      coefficient: >= 0, or a schedule.
      anchor: >= 0, in nats; None takes the first batch's H.
      p: in (0, 1], mass of the nucleus.
      quantile: in [0, 1], positions above it are kept.
      nucleus: "inclusive" or "exclusive", see `nucleus_entropies`.
      top_k: >= 1 or None, see `nucleus_entropies`.

    Returns:
      A `LossTransform` with state (`EntropyAnchor`), reading `distribution` and adding to `loss`; metric `nucleus_entropy`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Jiang et al., "Rethinking Entropy Regularization in Large Reasoning Models", 2025, arXiv 2509.25133 (SIREN).
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)
    if anchor is not None:
        checks.non_negative("anchor", anchor)
    checks.between("quantile", quantile, 0.0, 1.0)
    nucleus_entropies(Logits(jnp.zeros([1, 1])), p, nucleus=nucleus, top_k=top_k)

    def update(terms: Terms, state: EntropyAnchor) -> tuple[Terms, EntropyAnchor]:
        entropies = nucleus_entropies(terms.distribution, p, nucleus=nucleus, top_k=top_k)
        part, share = _mean_over_peaks(terms, entropies, quantile)
        measured = terms.across_devices(jax.lax.stop_gradient(part))
        level = jnp.where(state.known, state.level.astype(measured.dtype), measured)
        # The square couples the parts of the batch: each contributes its share of the value and its own gradient.
        difference = measured - level
        squared = numerics.straight_through(share * jnp.square(difference), 2.0 * difference * part)
        strength = jnp.asarray(terms.value("coefficient", coefficient), squared.dtype)
        terms = terms.add_metric("nucleus_entropy", measured).add_loss(strength * squared)
        known = state.known | (terms.across_devices(share) > 0)
        return terms, EntropyAnchor(level.astype(state.level.dtype), known)

    return loss_transform(
        update,
        init=lambda: EntropyAnchor(jnp.asarray(anchor or 0.0, jnp.float32), jnp.asarray(anchor is not None)),
        reads=("distribution",),
        writes=("loss",),
        metrics=("nucleus_entropy",),
        hyperparameters={
            "coefficient": coefficient,
            "anchor": anchor,
            "p": p,
            "quantile": quantile,
            "nucleus": nucleus,
            "top_k": top_k,
        },
        couples_batch=True,
    )


def _mean_over_peaks(terms: Terms, entropies: jax.Array, quantile: float) -> tuple[jax.Array, jax.Array]:
    """This part's share of the mean over rows of the mean over peaks, and the share of the rows that it holds."""
    kept, _ = peak_mask(entropies, terms.mask, quantile)
    count = jnp.sum(kept, axis=1, dtype=entropies.dtype)
    per_row = numerics.safe_divide(jnp.sum(jnp.where(kept, entropies, 0.0), axis=1), count)
    counts = jnp.where(count > 0, jnp.ones_like(count), 0.0)
    rows = terms.batch_sum(counts)
    return numerics.safe_divide(terms.sum(counts * per_row), rows), numerics.safe_divide(terms.sum(counts), rows)
