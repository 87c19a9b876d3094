"""Attention from a decoder to the states of an encoder."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from .attention import grouped_attention, output_projection, project
from .cache import LayerCache
from .config import TransformerConfig
from .norms import head_norm


class CrossAttention(nn.Module):
    """Queries of the decoder, keys and values of the encoder's states; positions do not enter.

    Source: Vaswani et al., Attention Is All You Need, 2017, arXiv 1706.03762.
    """

    config: TransformerConfig

    def setup(self):
        """Names the projections."""
        config = self.config
        self.query = project(config, config.num_heads, "heads")
        self.key = project(config, config.key_value_heads, "kv_heads")
        self.value = project(config, config.key_value_heads, "kv_heads")
        if config.query_key_norm:
            self.query_norm, self.key_norm = head_norm(config), head_norm(config)
        self.output = output_projection(config)

    def memory(self, states: jax.Array) -> LayerCache:
        """Returns the keys and values of an encoder's states `[B, S, D]`, which serve every step of decoding."""
        key, value = self.key(states), self.value(states)
        if self.config.query_key_norm:
            key = self.key_norm(key)
        return LayerCache(jnp.swapaxes(key, 1, 2), jnp.swapaxes(value, 1, 2))

    def __call__(self, x: jax.Array, memory: LayerCache, mask: jax.Array) -> jax.Array:
        """Attends from the decoder's residual stream to the encoder.

        Args:
            x: `[B, T, D]` normalised residual stream.
            memory: what `memory` returned.
            mask: `[B, T, S]` bool, True where a token may see a state.

        Returns:
            `[B, T, D]`.
        """
        query = self.query(x)
        if self.config.query_key_norm:
            query = self.query_norm(query)
        return self.output(grouped_attention(query, memory.keys, memory.values, mask))
