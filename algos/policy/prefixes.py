"""Responses that begin with a piece of a demonstration: how long the piece is, and what is learnt from it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .selection import select_largest
from .shared import centred_in_groups, std_in_groups
from .terms import Terms


def prefix_lengths(
    key: jax.Array, lengths: jax.Array, low: jax.Array | float, *, high: float = 0.95, min_length: int = 1
) -> jax.Array:
    """Draws how much of each demonstration is given: floor(l n) with l ~ U(low, high), clipped to [min_length, n - 1].

    Args:
      key: a `jax.random.key`.
      lengths: `[B]` integers >= 1, the demonstrations' lengths n in tokens.
      low: in [0, high], least share, such as the value of `optax.cosine_decay_schedule(0.95, steps, 0.05 / 0.95)` at the step.
      high: in [0, 1], greatest share.
      min_length: >= 0, in tokens; a shorter demonstration is given but for its last token.

    Returns:
      Prefix lengths, `[B]` int32.

    Raises:
      ValueError: `high` or `min_length` is out of range.

    Huang et al., "Blending Supervised and Reinforcement Fine-Tuning with Prefix Sampling", 2025, arXiv 2507.01679.
    """
    checks.between("high", high, 0.0, 1.0)
    checks.integer("min_length", min_length, least=0)
    lengths = lengths.astype(jnp.int32)
    shares = low + (high - low) * jax.random.uniform(key, lengths.shape)
    drawn = jnp.floor(shares * lengths.astype(shares.dtype)).astype(jnp.int32)
    return jnp.minimum(jnp.maximum(drawn, min_length), jnp.maximum(lengths - 1, 0))


def prefix_advantage(*, scale: str = "none", epsilon: float = 1e-6) -> LossTransform:
    """Advantages in groups of which some responses continue a given prefix, each part compared with its own kind.

    A response is a hybrid if it has guided tokens. With mean m and standard deviation s of the group's plain responses, and
    m_p, s_p of the k hybrids that share a prefix:
    plain A = (R - m) / (s + epsilon), continuation A = (R - m_p) / (s_p + epsilon), prefix A = (R / (1 + epsilon) - m) / k.
    One response alone has mean 0 and standard deviation 1. With scale "none" nothing is divided but the prefix by k.

    Args:
      scale: "std" as above (ddof 1), or "none".
      epsilon: > 0.

    Returns:
      A `LossTransform` reading `rewards`, `group_ids`, `guided_tokens` and, where given, `prefix_ids` (without it every hybrid
      has a prefix of its own), writing `advantages` `[B, T]`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Huang et al., "Blending Supervised and Reinforcement Fine-Tuning with Prefix Sampling", 2025, arXiv 2507.01679.
    """
    checks.option("scale", scale, ("none", "std"))
    checks.positive("epsilon", epsilon)

    def update(terms: Terms) -> Terms:
        rewards, guided = terms.rewards, terms.guided_tokens.astype(bool) & terms.mask
        hybrid = guided.any(axis=1)
        groups = terms.groups(terms.group_ids)
        plain, siblings = groups.only(~hybrid), groups.split(hybrid.astype(jnp.int32))
        if terms.prefix_ids is not None:
            siblings = siblings.split(jnp.where(hybrid, terms.prefix_ids, 0))
        count = siblings.count(rewards)
        if terms.prefix_ids is None:
            count = jnp.where(hybrid, 1.0, count)
        centred = jnp.where(count > 1, centred_in_groups(siblings, rewards), rewards)
        unit = jnp.where(count > 1, std_in_groups(siblings, rewards), 1.0) + epsilon if scale == "std" else 1.0
        mean = jnp.where(plain.count(rewards) > 1, plain.mean(rewards), 0.0)
        on_prefix = (rewards / (1.0 + epsilon if scale == "std" else 1.0) - mean) / jnp.maximum(count, 1.0)
        advantages = jnp.where(guided, on_prefix[:, None], (centred / unit)[:, None])
        return terms.replace(advantages=jnp.where(terms.mask, advantages, 0.0))

    return loss_transform(
        update,
        reads=("rewards", "group_ids", "guided_tokens"),
        optional_reads=("prefix_ids",),
        writes=("advantages",),
        hyperparameters={"scale": scale, "epsilon": epsilon},
    )


def keep_uncertain_guidance(keep: float = 0.2) -> LossTransform:
    """Learns of the guided tokens only those the policy is least sure about: A <- 0 on the rest.

    Of the n guided tokens of the batch the floor((1 - keep) n) with the lowest entropy get advantage 0. They still count in
    the denominators.

    Args:
      keep: in [0, 1], share of guided tokens to learn.

    Returns:
      A `LossTransform` reading `entropies`, `guided_tokens` and `advantages`, writing `advantages` `[B, T]`.

    Raises:
      ValueError: keep is out of range.

    Huang et al., "Blending Supervised and Reinforcement Fine-Tuning with Prefix Sampling", 2025, arXiv 2507.01679.
    """
    checks.between("keep", keep, 0.0, 1.0)

    def update(terms: Terms) -> Terms:
        guided = terms.guided_tokens.astype(bool) & terms.mask
        total = terms.batch_sum(jnp.where(guided, 1.0, 0.0))
        count = total - jnp.floor((1.0 - keep) * total)
        kept = select_largest(terms, terms.entropies, guided, count, terms.advantages)
        return terms.replace(advantages=jnp.where(guided & ~kept, 0.0, terms.advantages))

    return loss_transform(
        update,
        reads=("entropies", "guided_tokens", "advantages"),
        writes=("advantages",),
        hyperparameters={"keep": keep},
        couples_batch=True,
    )


def guidance_bounds(*, low: float = 0.2, high: float = 0.2, guided: tuple[float, float] | None = None) -> LossTransform:
    """Bounds of the ratio that differ between the policy's tokens and guided ones, for a clipped surrogate after it.

    Args:
      low: in [0, 1], how far the ratio may fall below 1 on tokens of the policy.
      high: >= 0, how far it may rise above 1.
      guided: (low, high) on guided tokens; None leaves them without bounds.

    Returns:
      A `LossTransform` reading `guided_tokens`, writing `lower_bounds` and `upper_bounds` `[B, T]`.

    Raises:
      ValueError: an argument is out of range.

    Huang et al., "Blending Supervised and Reinforcement Fine-Tuning with Prefix Sampling", 2025, arXiv 2507.01679. Released
    code has bounds for guided tokens but applies them only where it does not clip these tokens at all.
    """
    checks.between("low", low, 0.0, 1.0)
    checks.non_negative("high", high)
    if guided is not None:
        checks.between("guided", guided[0], 0.0, 1.0)
        checks.non_negative("guided", guided[1])
    lower, upper = (0.0, float("inf")) if guided is None else (1.0 - guided[0], 1.0 + guided[1])

    def update(terms: Terms) -> Terms:
        where = terms.guided_tokens.astype(bool)
        return terms.replace(lower_bounds=jnp.where(where, lower, 1.0 - low), upper_bounds=jnp.where(where, upper, 1.0 + high))

    return loss_transform(
        update,
        reads=("guided_tokens",),
        writes=("lower_bounds", "upper_bounds"),
        hyperparameters={"low": low, "high": high, "guided": guided},
    )
