"""Positions of tokens under padding, and rotary position embedding."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .config import RopeScaling


class Rotation(NamedTuple):
    """Cosines and sines of the rotary angles, each `[B, T, 1, H / 2]` float32."""

    cosines: jax.Array
    sines: jax.Array


def token_positions(mask: jax.Array, seen: jax.Array | None = None) -> jax.Array:
    """Counts the real tokens before each token: `seen + cumsum(mask) - 1`, never below 0.

    Args:
        mask: `[B, T]` bool, True at real tokens.
        seen: `[B]` int32, real tokens that came before these; None means none.

    Returns:
        `[B, T]` int32; a token that is not real takes the position of the last real one.
    """
    counts = jnp.cumsum(mask.astype(jnp.int32), axis=-1, dtype=jnp.int32)
    if seen is not None:
        counts = counts + seen[:, None]
    return jnp.maximum(counts - 1, 0)


def segment_positions(mask: jax.Array, segment_ids: jax.Array) -> jax.Array:
    """Counts the real tokens before each token in its own segment of a packed row.

    Args:
        mask: `[B, T]` bool, True at real tokens.
        segment_ids: `[B, T]` integers.

    Returns:
        `[B, T]` int32, never below 0.
    """
    before = jnp.tril(jnp.ones((mask.shape[1], mask.shape[1]), bool))[None]
    same = segment_ids[:, :, None] == segment_ids[:, None, :]
    return jnp.maximum(jnp.sum(before & same & mask[:, None, :], axis=2, dtype=jnp.int32) - 1, 0)


def rotation(positions: jax.Array, head_size: int, theta: float, scaling: RopeScaling | None = None) -> Rotation:
    """Computes the rotary angles `position * theta^(-2 i / H)` for `i < H / 2`.

    Source: Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021, arXiv 2104.09864. Released
    Llama and Qwen checkpoints pair channel `i` with `i + H / 2`, where the paper pairs `2 i` with `2 i + 1`; so do we.

    Args:
        positions: `[B, T]` integers.
        head_size: width H of a head, even.
        theta: base of the wavelengths, above 0.
        scaling: change of the wavelengths for long contexts, or None.

    Returns:
        The cosines and sines for `rotate`.
    """
    frequencies = theta ** (-jnp.arange(0, head_size, 2, dtype=jnp.float32) / head_size)
    if scaling is not None:
        frequencies = scale_frequencies(frequencies, scaling)
    angles = positions.astype(jnp.float32)[..., None, None] * frequencies[None, None, None, :]
    return Rotation(jnp.cos(angles), jnp.sin(angles))


def scale_frequencies(frequencies: jax.Array, scaling: RopeScaling) -> jax.Array:
    """Returns the `[H / 2]` rotary frequencies, in radians a token, after the change that `RopeScaling` describes."""
    turns = scaling.original_max_length * frequencies / (2 * jnp.pi)
    width = scaling.high_frequency_factor - scaling.low_frequency_factor
    kept = jnp.clip((turns - scaling.low_frequency_factor) / width, 0.0, 1.0)
    return frequencies * (kept + (1.0 - kept) / scaling.factor)


def rotate(heads: jax.Array, rotation: Rotation) -> jax.Array:
    """Rotates each pair of channels `(i, i + H / 2)` by its angle, in float32.

    Args:
        heads: `[B, T, N, H]` queries or keys.
        rotation: what `rotation` returned for the same positions.

    Returns:
        The rotated heads, of the same shape and type.
    """
    first, second = jnp.split(heads.astype(jnp.float32), 2, axis=-1)
    cosines, sines = rotation
    rotated = jnp.concatenate([first * cosines - second * sines, second * cosines + first * sines], axis=-1)
    return rotated.astype(heads.dtype)
