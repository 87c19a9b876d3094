"""Choosing the tokens of a whole batch with the largest scores, without sorting it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core.terms import row_counts
from .terms import Terms


def select_largest(
    terms: Terms, scores: jax.Array, candidates: jax.Array, count: jax.Array, *tie_breakers: jax.Array
) -> jax.Array:
    """Selects the candidates of the whole batch with the largest scores.

    Equal scores are told apart by the tie breakers, so that the choice does not depend on the order of the rows; where all
    are equal the earlier tokens are taken. The least score that is selected is found bit by bit, in at most 32 counts of the
    batch (64 for 64-bit scores): a small fraction of what sorting takes. So are ties, if there are any.

    Args:
      terms: the record, which says how the batch is spread over devices.
      scores: `[B, T]` floats.
      candidates: `[B, T]` booleans.
      count: `[]`, how many to select; all candidates if there are fewer.
      *tie_breakers: `[B, T]`, the larger first.

    Returns:
      `[B, T]` booleans, without gradient.
    """
    # Of fewer candidates all are wanted, which the first count tells: no bit is looked for in vain.
    undecided, left = candidates, jnp.minimum(count.astype(jnp.int32), _count(terms, candidates))
    selected = jnp.zeros_like(candidates)
    ordered_keys = [_ordered(jax.lax.stop_gradient(key)) for key in (scores, *tie_breakers)]
    for ordered in (*ordered_keys, ~_places(terms, scores)):
        least, exact = _least_selected(terms, ordered, undecided, left)
        taken = undecided & (left > 0) & ((ordered > least) | (exact & (ordered == least)))
        selected, undecided = selected | taken, undecided & (ordered == least) & ~exact
        left = left - _count(terms, taken)
    return selected


def _places(terms: Terms, x: jax.Array) -> jax.Array:
    """Where the entries `[B, T]` stand in the whole batch, as unsigned integers."""
    rows, width = x.shape
    everyone = jnp.arange(terms.gather(jnp.zeros(rows)).shape[0], dtype=jnp.uint32)
    return terms.local_rows(everyone, rows)[:, None] * jnp.uint32(width) + jnp.arange(width, dtype=jnp.uint32)[None, :]


def _ordered(x: jax.Array) -> jax.Array:
    """Unsigned integers in the order of the floats."""
    unsigned = jnp.uint64 if x.dtype == jnp.float64 else jnp.uint32
    x = jnp.where(x == 0, jnp.zeros_like(x), x)  # -0 equals 0
    bits = jax.lax.bitcast_convert_type(x, unsigned)
    sign = jnp.asarray(1, unsigned) << jnp.asarray(8 * x.dtype.itemsize - 1, unsigned)
    return jnp.where(bits >= sign, ~bits, bits | sign)


def _least_selected(terms: Terms, keys: jax.Array, candidates: jax.Array, count: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A bound, and whether exactly `count` candidates reach it; otherwise it is the largest key that as many or more reach."""
    width = 8 * keys.dtype.itemsize
    one = jnp.asarray(1, keys.dtype)

    def unfinished(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        bit, _, exact = state
        return (bit > 0) & ~exact

    def add_bit(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        bit, least, _ = state
        higher = least | (one << (bit - 1).astype(keys.dtype))
        reached = _count(terms, candidates & (keys >= higher))
        return bit - 1, jnp.where(reached >= count, higher, least), reached == count

    start = (jnp.asarray(width, jnp.int32), jnp.zeros([], keys.dtype), count <= 0)
    _, least, exact = jax.lax.while_loop(unfinished, add_bit, start)
    return least, exact


def _count(terms: Terms, where: jax.Array) -> jax.Array:
    return terms.across_devices(jnp.sum(row_counts(where).astype(jnp.int32), dtype=jnp.int32))


def share_of(fraction: float, total: jax.Array) -> jax.Array:
    """Returns max(floor(fraction * total), 1)."""
    return jnp.maximum(jnp.floor(fraction * total), 1.0)
