"""The parameters at a Transformer's two ends: embeddings of tokens and positions, and the head."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from .config import TransformerConfig
from .initializers import embedding_init, kernel_init, partitioned


def declare_embedding(module: nn.Module, config: TransformerConfig) -> Any:
    """The embedding `[V, D]`, a parameter of `module`."""
    shape = (config.vocabulary_size, config.hidden_size)
    return module.param("embedding", partitioned(embedding_init, "vocabulary", "embed"), shape, config.param_dtype)


def declare_positions(module: nn.Module, config: TransformerConfig, name: str = "position_embedding") -> Any:
    """The embedding of positions `[max_length, D]`, a parameter of `module`."""
    shape = (config.max_length, config.hidden_size)
    return module.param(name, partitioned(embedding_init, "length", "embed"), shape, config.param_dtype)


def declare_head(module: nn.Module, config: TransformerConfig) -> Any:
    """The head's kernel `[D, V]`, a parameter of `module` unless its head is tied."""
    shape = (config.hidden_size, config.vocabulary_size)
    return module.param("head_kernel", partitioned(kernel_init, "embed", "vocabulary"), shape, config.param_dtype)


def logits_of(hidden: jax.Array, kernel: jax.Array) -> jax.Array:
    """The float32 logits `[..., V]` of states `[..., D]`."""
    return jnp.dot(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)
