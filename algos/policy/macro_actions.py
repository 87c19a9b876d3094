"""Macro actions: segments of tokens that share a value, a reward and an advantage."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from .advantages import generalised_advantage
from .process_rewards import at_positions, last_before, next_from
from .terms import Terms

POOLS = ("equal", "last", "position")


def ngram_segments(*, length: int = 5, last_alone: bool = True) -> LossTransform:
    """Cuts each response into segments of so many valid tokens.

    Args:
      length: >= 1; 1 makes every token a segment, a length beyond the responses' makes one segment.
      last_alone: the last valid token is a segment of its own, so that a reward on it is not averaged away.

    Returns:
      A `LossTransform` writing `segment_ids` `[B, T]`.

    Raises:
      ValueError: length is not a positive integer.

    Chai et al., "MA-RLHF: Reinforcement Learning from Human Feedback with Macro Actions", 2024, arXiv 2410.02743. Released code
    takes the first row's segments for all rows.
    """
    checks.integer("length", length, least=1)
    checks.boolean("last_alone", last_alone)

    def update(terms: Terms) -> Terms:
        return _with_starts(terms, (_turn(terms) % length) == 0, last_alone)

    return loss_transform(update, writes=("segment_ids",), hyperparameters={"length": length, "last_alone": last_alone})


def random_segment_ids(
    key: jax.Array, mask: jax.Array, *, lengths: Sequence[int] = (1, 2, 3, 5, 10), repeats: int = 3, last_alone: bool = True
) -> jax.Array:
    """Cuts responses into segments of lengths in random order, the same for all rows; the rest is one segment.

    A helper for building a batch, drawn once for all the epochs that use it.

    Args:
      key: a `jax.random.key`.
      mask: `[B, T]` true on valid tokens.
      lengths: integers >= 1.
      repeats: >= 1, how often each length occurs.
      last_alone: the last valid token is a segment of its own.

    Returns:
      `segment_ids` `[B, T]`.

    Raises:
      ValueError: a length or repeats is not a positive integer.

    Chai et al., "MA-RLHF: Reinforcement Learning from Human Feedback with Macro Actions", 2024, arXiv 2410.02743.
    """
    for value in lengths:
        checks.integer("lengths", value, least=1)
    if not lengths:
        raise ValueError("`lengths` must hold at least one integer >= 1, got none")
    checks.integer("repeats", repeats, least=1)
    checks.boolean("last_alone", last_alone)
    terms = Terms(mask=mask).prepare()
    shuffled = jax.random.permutation(key, jnp.asarray([value for value in lengths for _ in range(repeats)], jnp.int32))
    bounds = jnp.pad(jnp.cumsum(shuffled), (1, 0))
    starts = (_turn(terms)[..., None] == bounds[None, None, :]).any(axis=-1)
    return _with_starts(terms, starts, last_alone).segment_ids


def perplexity_segments(*, last_alone: bool = True) -> LossTransform:
    """Starts a segment at every token followed by a less likely one: old_log_probs[t+1] < old_log_probs[t].

    Args:
      last_alone: the last valid token is a segment of its own.

    Returns:
      A `LossTransform` reading `old_log_probs` and writing `segment_ids` `[B, T]`.

    Chai et al., "MA-RLHF: Reinforcement Learning from Human Feedback with Macro Actions", 2024, arXiv 2410.02743.
    """
    checks.boolean("last_alone", last_alone)

    def update(terms: Terms) -> Terms:
        following = at_positions(terms.old_log_probs, _after(terms.mask), jnp.asarray(jnp.inf, terms.old_log_probs.dtype))
        return _with_starts(terms, following < terms.old_log_probs, last_alone)

    return loss_transform(update, reads=("old_log_probs",), writes=("segment_ids",), hyperparameters={"last_alone": last_alone})


def _turn(terms: Terms) -> jax.Array:
    """How many valid tokens precede each one: `[B, T]` integers."""
    mask = terms.mask.astype(jnp.int32)
    return jnp.cumsum(mask, axis=1) - mask


def _with_starts(terms: Terms, starts: jax.Array, last_alone: bool) -> Terms:
    if last_alone:
        starts = starts | (_after(terms.mask) == terms.mask.shape[1])
    return terms.replace(segment_ids=jnp.cumsum(starts & terms.mask, axis=1))


def _slots(terms: Terms) -> jax.Array:
    """Numbers each row's segments from 0 on: `[B, T]` integers."""
    previous = at_positions(terms.segment_ids, last_before(terms.mask), jnp.zeros([], terms.segment_ids.dtype))
    starts = terms.mask & ((terms.segment_ids != previous) | (_turn(terms) == 0))
    return jnp.maximum(jnp.cumsum(starts, axis=1) - 1, 0)


def _segment_sum(terms: Terms, x: jax.Array, slots: jax.Array) -> jax.Array:
    """Sums over the segments: `[B, T]`, slot j for the row's j-th segment."""
    x = jnp.where(terms.mask, x, 0.0)
    return jax.vmap(lambda row, ids: jax.ops.segment_sum(row, ids, num_segments=row.shape[0]))(x, slots)


def _pool(terms: Terms, x: jax.Array, slots: jax.Array, pool: str) -> jax.Array:
    ones = jnp.ones_like(x)
    if pool == "equal":
        weights = ones
    elif pool == "last":
        following = at_positions(slots, _after(terms.mask), jnp.asarray(-1, slots.dtype))
        weights = jnp.where(following != slots, 1.0, 0.0).astype(x.dtype)
    else:
        sizes = _segment_sum(terms, ones, slots)
        first = jnp.cumsum(sizes, axis=1) - sizes  # valid tokens before each segment
        within = _turn(terms).astype(x.dtype) - jnp.take_along_axis(first, slots, axis=1)
        weights = 1.0 / jnp.maximum(within + 1.0, 1.0)
    return numerics.safe_divide(_segment_sum(terms, weights * x, slots), _segment_sum(terms, weights, slots))


def _after(where: jax.Array) -> jax.Array:
    """Position of the first true entry strictly after each one, T if there is none."""
    return jnp.pad(next_from(where), ((0, 0), (0, 1)), constant_values=where.shape[1])[:, 1:]


def pool_segments(terms: Terms, x: jax.Array, pool: str = "equal") -> jax.Array:
    """The weighted mean of a per-token array over each segment, on all of the segment's tokens.

    Args:
      terms: the record, with `segment_ids` and `mask` `[B, T]`.
      x: `[B, T]`.
      pool: "equal" weighs the valid tokens the same, "last" takes the last one, "position" weighs the t-th (from 0) with
        1 / (t + 1).

    Returns:
      `[B, T]`, 0 on masked tokens.

    Raises:
      ValueError: an unknown pool.

    Chai et al., "MA-RLHF: Reinforcement Learning from Human Feedback with Macro Actions", 2024, arXiv 2410.02743.
    """
    checks.option("pool", pool, POOLS)
    slots = _slots(terms)
    return jnp.where(terms.mask, jnp.take_along_axis(_pool(terms, x, slots, pool), slots, axis=1), 0.0)


def segment_gae(*, gamma: float = 1.0, trace_decay: float = 0.95, pool: str = "equal") -> LossTransform:
    """Generalised advantage estimation over segments: values, rewards and the recursion live on segments, not tokens.

    Each token gets the advantage and the return of its segment; the ratio and its clip stay per token. With segments of one
    token this is `generalised_advantage`.

    Args:
      gamma: discount in [0, 1], per segment.
      trace_decay: lambda in [0, 1].
      pool: how a segment's value and reward follow from its tokens', see `pool_segments`.

    Returns:
      A `LossTransform` reading `segment_ids`, `token_rewards` and `old_values` and writing `advantages` and `returns`
      `[B, T]`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Chai et al., "MA-RLHF: Reinforcement Learning from Human Feedback with Macro Actions", 2024, arXiv 2410.02743. Released code
    broadcasts the advantages of a segment over its tokens rightly for one row a device only.
    """
    over_segments = generalised_advantage(gamma=gamma, trace_decay=trace_decay)
    checks.option("pool", pool, POOLS)

    def update(terms: Terms) -> Terms:
        slots = _slots(terms)
        occupied = _segment_sum(terms, jnp.ones_like(terms.old_values), slots) > 0
        rewards, values = (_pool(terms, x, slots, pool) for x in (terms.token_rewards, terms.old_values))
        pooled = terms.replace(mask=occupied, token_rewards=rewards, old_values=values)
        segments = over_segments.update(pooled, ())[0]
        spread = {
            name: jnp.where(terms.mask, jnp.take_along_axis(getattr(segments, name), slots, axis=1), 0.0)
            for name in over_segments.writes
        }
        return terms.replace(**spread)

    return loss_transform(
        update,
        reads=("segment_ids", "token_rewards", "old_values"),
        writes=("advantages", "returns"),
        hyperparameters={"gamma": gamma, "trace_decay": trace_decay, "pool": pool},
    )
