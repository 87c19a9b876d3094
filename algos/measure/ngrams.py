"""How much of a test text stands in a training text, by shared runs of tokens."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks, numerics


def ngram_overlap(
    test: jax.Array, train: jax.Array, test_mask: jax.Array | None = None, train_mask: jax.Array | None = None, *, n: int = 8
) -> jax.Array:
    """The share of a test text's tokens that n-grams of one training text cover.

    A token is covered if it lies in some run of n tokens of the test text that the training text holds too. A test text counts
    as contaminated by a training text above a half; a training set with more than a fiftieth of contaminated tests is left out.

    Args:
      test: `[T]` integers.
      train: `[S]` integers.
      test_mask: `[T]`, true on the tokens of the text; None for all.
      train_mask: `[S]`, the same of the training text.
      n: in 1..min(T, S).

    Returns:
      `[]` in [0, 1], 0 for a text without tokens; use `jax.vmap` over training texts and tests.

    Raises:
      ValueError: n is out of range, or a mask has another shape than its text.

    Lambert et al., "Tulu 3: Pushing Frontiers in Open Language Model Post-Training", 2024, arXiv 2411.15124.
    """
    checks.between("n", checks.integer("n", n), 1, min(len(test), len(train)))
    there, known = (_mask(*pair) for pair in (("test_mask", test, test_mask), ("train_mask", train, train_mask)))
    runs, others = (_runs(x, n) for x in (test, train))
    whole, present = (jnp.all(_runs(x, n), axis=1) for x in (there, known))
    same = jnp.all(runs[:, None] == others[None], axis=-1) & present[None]
    found = same.any(axis=1) & whole
    # Token t lies in the runs that begin at t - n + 1 .. t.
    begins = jnp.pad(found, (n - 1, n - 1))
    covered = _runs(begins, n).any(axis=1) & there
    return numerics.safe_divide(jnp.sum(covered, dtype=jnp.float32), jnp.sum(there, dtype=jnp.float32))


def _mask(name: str, tokens: jax.Array, mask: jax.Array | None) -> jax.Array:
    if mask is None:
        return jnp.ones(tokens.shape, bool)
    if mask.shape != tokens.shape:
        raise ValueError(f"`{name}` must have the shape of its text, {tokens.shape}, got {mask.shape}")
    return mask.astype(bool)


def _runs(x: jax.Array, n: int) -> jax.Array:
    """All runs of n neighbours, `[T] -> [T - n + 1, n]`."""
    return x[jnp.arange(len(x) - n + 1)[:, None] + jnp.arange(n)[None]]
