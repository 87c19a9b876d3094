"""Which token may see which: causal, with a prefix read both ways, packed; encoder and cross attention."""

import jax
import jax.numpy as jnp


def decoder_mask(mask: jax.Array, prefix: jax.Array | None = None, segment_ids: jax.Array | None = None) -> jax.Array:
    """Causal attention, in which the tokens of a prefix see each other both ways.

    Query q sees key k if q >= k or both are in the prefix, and both are real tokens of one segment.

    Source: Raffel et al., Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer, 2019,
    arXiv 1910.10683. Where the inputs are the tokens shifted right by one, the prefix covers one input more than tokens.

    Args:
        mask: `[B, T]`, nonzero at real tokens.
        prefix: `[B, T]`, nonzero in the prefix; None for none, all ones for full attention.
        segment_ids: `[B, T]` integers, which document of a packed row a token is of; None for one document a row.

    Returns:
        `[B, T, T]` bool, query before key.
    """
    positions = jnp.arange(mask.shape[1])
    allowed = (positions[:, None] >= positions[None, :])[None]
    if prefix is not None:
        in_prefix = prefix.astype(bool)
        allowed = allowed | (in_prefix[:, :, None] & in_prefix[:, None, :])
    return allowed & encoder_mask(mask, segment_ids)


def encoder_mask(mask: jax.Array, segment_ids: jax.Array | None = None) -> jax.Array:
    """Full attention: real tokens of one segment see each other. Arguments and result are those of `decoder_mask`."""
    return cross_mask(mask, mask, segment_ids, segment_ids)


def cross_mask(
    query_mask: jax.Array,
    key_mask: jax.Array,
    query_segments: jax.Array | None = None,
    key_segments: jax.Array | None = None,
) -> jax.Array:
    """Attention from a decoder to an encoder: real tokens of the same segment.

    Args:
        query_mask: `[B, T]`, nonzero at the decoder's real tokens.
        key_mask: `[B, S]`, nonzero at the encoder's real tokens.
        query_segments: `[B, T]` integers; None, with the keys', for one segment a row.
        key_segments: `[B, S]` integers.

    Returns:
        `[B, T, S]` bool.

    Raises:
        ValueError: segments are given on one side only.
    """
    if (query_segments is None) != (key_segments is None):
        raise ValueError("`query_segments` and `key_segments` must be given together, got one of them")
    allowed = query_mask.astype(bool)[:, :, None] & key_mask.astype(bool)[:, None, :]
    if query_segments is None or key_segments is None:
        return allowed
    return allowed & (query_segments[:, :, None] == key_segments[:, None, :])
