"""The key-value cache: an explicit pytree of static shape."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .config import TransformerConfig


class LayerCache(NamedTuple):
    """Keys (already rotated) and values of one layer, each `[B, K, S, H]`, the order in which attention reads them."""

    keys: jax.Array
    values: jax.Array


class Cache(NamedTuple):
    """What a Transformer keeps of the tokens it has seen; every leaf but `length` has a leading batch axis.

    Attributes:
        layers: the keys and values of each layer.
        mask: `[B, S]` bool, True at slots that hold a real token.
        length: int32 scalar, slots filled so far, the same for all rows.
    """

    layers: tuple[LayerCache, ...]
    mask: jax.Array
    length: jax.Array


def init_cache(config: TransformerConfig, batch_size: int, length: int, dtype: Any = None) -> Cache:
    """Returns an empty cache.

    Args:
        config: the Transformer's configuration.
        batch_size: number B of rows.
        length: number S of slots, at most `config.max_length`; the caller never writes more tokens than that.
        dtype: floating type of keys and values; None means `config.dtype`.

    Returns:
        A `Cache` of zeros.

    Raises:
        ValueError: `length` is below 1 or above `config.max_length`.
    """
    if not 1 <= length <= config.max_length:
        raise ValueError(f"`length` must be between 1 and max_length={config.max_length}, got {length}")
    shape = (batch_size, config.key_value_heads, length, config.head_width)
    dtype = config.dtype if dtype is None else dtype
    layers = tuple(LayerCache(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype)) for _ in range(config.num_layers))
    return Cache(layers, jnp.zeros((batch_size, length), bool), jnp.zeros((), jnp.int32))


def write_layer(layer: LayerCache, keys: jax.Array, values: jax.Array, length: jax.Array) -> LayerCache:
    """Writes `[B, K, T, H]` keys and values into the slots from `length` on."""

    def write(slots: jax.Array, new: jax.Array) -> jax.Array:
        return jax.lax.dynamic_update_slice_in_dim(slots, new.astype(slots.dtype), length, axis=2)

    return LayerCache(write(layer.keys, keys), write(layer.values, values))
