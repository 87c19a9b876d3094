"""Prefixes that tell a model what text follows: metadata, control tokens, markers."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp

from ..core import checks
from .control import pack_left
from .text import TokenBatch

Array = jax.Array


def prepend(
    batch: TokenBatch,
    prefix: Array,
    prefix_mask: Array,
    *,
    learn_prefix: bool = False,
    bos_token: int | None = None,
    eos_token: int | None = None,
    width: int | None = None,
    pad_token: int = 0,
) -> TokenBatch:
    """Puts a prefix before every text: [bos, prefix, text, eos], packed to the left.

    Args:
      batch: texts `[B, L]`.
      prefix: `[B, P]` integers.
      prefix_mask: `[B, P]` true on tokens of the prefix.
      learn_prefix: whether the prefix is learned like the text, or only conditioned on.
      bos_token: put before it all, and never learned; None for none.
      eos_token: put after it all, and learned; None for none.
      width: >= 1, to which the result is cut at its end, so that prefixes stay; left out, all fits.
      pad_token: written where `mask` is false.

    Returns:
      A `TokenBatch`, `[B, width]`.

    Raises:
      ValueError: an argument is out of range.

    Source: Keskar et al., "CTRL: A Conditional Transformer Language Model for Controllable Generation", 2019,
    arXiv 1909.05858.
    """
    checks.boolean("learn_prefix", learn_prefix)
    checks.integer("pad_token", pad_token, least=0)
    if width is not None:
        checks.integer("width", width, least=1)
    prefix, prefix_mask = prefix.astype(batch.tokens.dtype), prefix_mask.astype(bool)
    # Tokens, targets, which are there, which are learned.
    pieces = [
        (prefix, prefix, prefix_mask, prefix_mask & learn_prefix),
        (batch.tokens, batch.targets, batch.mask.astype(bool), batch.learned.astype(bool)),
    ]
    if bos_token is not None:
        pieces.insert(0, _constant("bos_token", bos_token, batch.tokens, learned=False))
    if eos_token is not None:
        pieces.append(_constant("eos_token", eos_token, batch.tokens, learned=True))
    tokens, targets, mask, learned = (jnp.concatenate(columns, axis=1) for columns in zip(*pieces, strict=True))
    packed, kept, (moved,) = pack_left(tokens, mask, learned, pad_token=pad_token)
    moved_targets, _, _ = pack_left(targets, mask, pad_token=pad_token)
    return TokenBatch(packed[:, :width], kept[:, :width], moved_targets[:, :width], moved[:, :width], batch.step)


def _constant(name: str, token: int, like: Array, *, learned: bool) -> tuple[Array, Array, Array, Array]:
    column = jnp.full((like.shape[0], 1), checks.integer(name, token, least=0), like.dtype)
    return column, column, jnp.ones(column.shape, bool), jnp.full(column.shape, learned)


def drop_prefix(key: Array, prefix_mask: Array, rate: float, *, field_ids: Array | None = None) -> Array:
    """Leaves prefixes out at random, so that the model also works without.

    Args:
      key: a PRNG key.
      prefix_mask: `[B, P]` true on tokens of the prefix.
      rate: in [0, 1], the probability that a prefix is left out.
      field_ids: `[B, P]` integers in [0, P), the field of each token, if fields are left out one by one.

    Returns:
      `[B, P]` bool, the tokens that stay.

    Raises:
      ValueError: the rate is out of range.
    """
    checks.between("rate", rate, 0.0, 1.0)
    if field_ids is None:
        return prefix_mask.astype(bool) & (jax.random.uniform(key, (prefix_mask.shape[0], 1)) >= rate)
    kept = jax.random.uniform(key, prefix_mask.shape) >= rate
    return prefix_mask.astype(bool) & jnp.take_along_axis(kept, field_ids, axis=1)


def url_domain(url: str) -> str:
    """The source of a document: its URL without the scheme, up to the first slash.

    Args:
      url: such as `"https://en.wikipedia.org/wiki/X"`.

    Returns:
      Such as `"en.wikipedia.org"`.

    Source: Gao et al., "Metadata Conditioning Accelerates Language Model Pre-training", 2025, arXiv 2501.01956.
    """
    return re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*://", "", url).partition("/")[0]


def meco(
    batch: TokenBatch,
    metadata: Array,
    metadata_mask: Array,
    *,
    bos_token: int,
    eos_token: int,
    width: int | None = None,
    pad_token: int = 0,
) -> TokenBatch:
    """Metadata conditioning: [bos, metadata, text, eos], where bos and metadata are not learned.

    The first 90 % of the steps have metadata, the last 10 % plain text: `curriculum.mixture_schedule` gives the two shares,
    `choose_rows` takes rows by them. The paper's metadata are the tokens of "URL: {domain}" and two line breaks. A row in
    which nothing is learned adds nothing to a loss.

    Args:
      batch: texts `[B, L]`.
      metadata: `[B, P]` integers.
      metadata_mask: `[B, P]` true on tokens of the metadata, false throughout for plain text.
      bos_token: begins a document.
      eos_token: ends a document.
      width: see `prepend`.
      pad_token: see `prepend`.

    Returns:
      A `TokenBatch`, `[B, L + P + 2]` unless cut.

    Raises:
      ValueError: an argument is out of range.

    Source: Gao et al., 2025, arXiv 2501.01956. The released code learns the last ten tokens of a block without any.
    """
    return prepend(batch, metadata, metadata_mask, bos_token=bos_token, eos_token=eos_token, width=width, pad_token=pad_token)
