"""Grouped-query attention, with or without a key-value cache."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from .cache import LayerCache, write_layer
from .config import TransformerConfig
from .initializers import kernel_init, partitioned, residual_init
from .norms import head_norm
from .positions import Rotation, rotate


def grouped_attention(query: jax.Array, key: jax.Array, value: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes `softmax(q k' / sqrt(H)) v` where query head n reads key-value head `n // (N / K)`.

    Source: Ainslie et al., GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints, 2023,
    arXiv 2305.13245. The softmax is in float32. A query that may see nothing gets the mean of all values: finite, and
    nobody reads it.

    Args:
        query: `[B, T, N, H]`.
        key: `[B, K, S, H]`, K a divisor of N.
        value: `[B, K, S, H]`.
        mask: `[B, T, S]` bool, True where the query may see the key.

    Returns:
        `[B, T, N, H]`, of the query's type.
    """
    batch, queries, heads, size = query.shape
    groups = key.shape[1]
    query = query.reshape(batch, queries, groups, heads // groups, size)
    scores = jnp.einsum("btkgh,bksh->bkgts", query, key, preferred_element_type=jnp.float32) * size**-0.5
    scores = jnp.where(mask[:, None, None], scores, jnp.finfo(jnp.float32).min)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    return jnp.einsum("bkgts,bksh->btkgh", weights, value).reshape(batch, queries, heads, size)


def project(config: TransformerConfig, heads: int, axis_name: str, name: str | None = None) -> nn.DenseGeneral:
    """The projection `[..., D] -> [..., heads, H]` of queries, keys or values; without a name where an attribute gives it."""
    return nn.DenseGeneral(
        (heads, config.head_width),
        use_bias=config.bias != "none",
        kernel_init=partitioned(kernel_init, "embed", axis_name, "head_size"),
        bias_init=partitioned(nn.initializers.zeros, axis_name, "head_size"),
        dtype=config.dtype,
        param_dtype=config.param_dtype,
        name=name,
    )


def output_projection(config: TransformerConfig, name: str | None = None) -> nn.DenseGeneral:
    """The projection `[..., N, H] -> [..., D]` of what the heads found."""
    return nn.DenseGeneral(
        config.hidden_size,
        axis=(-2, -1),
        use_bias=config.bias == "all",
        kernel_init=partitioned(residual_init(config.num_layers), "heads", "head_size", "embed"),
        bias_init=partitioned(nn.initializers.zeros, "embed"),
        dtype=config.dtype,
        param_dtype=config.param_dtype,
        name=name,
    )


class Attention(nn.Module):
    """Projects to heads, attends, and projects back."""

    config: TransformerConfig

    @nn.compact
    def __call__(
        self, x: jax.Array, rotation: Rotation | None, mask: jax.Array, cache: tuple[LayerCache, jax.Array] | None
    ) -> tuple[jax.Array, LayerCache]:
        """Attends from `x` to itself, or to the cache after writing `x` into it.

        Args:
            x: `[B, T, D]` normalised residual stream.
            rotation: rotary cosines and sines of the T positions, or None.
            mask: `[B, T, S]` bool, True where a query may see a key; S is T without a cache.
            cache: the layer's cache and the number of slots filled in it, or None.

        Returns:
            The `[B, T, D]` output and the keys and values attended to: the written cache, or those of `x` without one.
        """
        config = self.config
        query = project(config, config.num_heads, "heads", "query")(x)
        key = project(config, config.key_value_heads, "kv_heads", "key")(x)
        value = project(config, config.key_value_heads, "kv_heads", "value")(x)
        if config.query_key_norm:
            query, key = head_norm(config, "query_norm")(query), head_norm(config, "key_norm")(key)
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        key, value = jnp.swapaxes(key, 1, 2), jnp.swapaxes(value, 1, 2)
        layer = LayerCache(key, value) if cache is None else write_layer(cache[0], key, value, cache[1])
        heads = grouped_attention(query, layer.keys.astype(config.dtype), layer.values.astype(config.dtype), mask)
        return output_projection(config, "output")(heads), layer
