"""A Transformer that decodes, or encodes, whatever its attention mask lets it see."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from .attention import Attention
from .cache import Cache, LayerCache
from .config import TransformerConfig
from .embeddings import declare_embedding, declare_head, declare_positions, logits_of
from .feed_forward import FeedForward
from .norms import residual_norm
from .positions import Rotation, rotation, token_positions


class Block(nn.Module):
    """Pre-norm block: `x + attention(norm(x))`, then `x + feed_forward(norm(x))`."""

    config: TransformerConfig

    def setup(self):
        """Names the four parts."""
        self.attention_norm = residual_norm(self.config)
        self.attention = Attention(self.config)
        self.mlp_norm = residual_norm(self.config)
        self.mlp = FeedForward(self.config)

    def __call__(
        self, x: jax.Array, rotation: Rotation | None, mask: jax.Array, cache: tuple[LayerCache, jax.Array] | None
    ) -> tuple[jax.Array, LayerCache]:
        """Maps `[B, T, D]` to `[B, T, D]`; the rest is as in `Attention`."""
        attended, layer = self.attention(self.attention_norm(x), rotation, mask, cache)
        x = x + attended
        return x + self.mlp(self.mlp_norm(x)), layer


class Transformer(nn.Module):
    """A Transformer with causal attention, unless a mask lets it read a prefix, or everything as an encoder does, both ways.

    `module.init(key, tokens)` returns parameters boxed with their logical axis names (see `param_shardings`);
    `flax.core.meta.unbox` turns them into plain arrays. `module.apply` takes either.

    Source: Vaswani et al., Attention Is All You Need, 2017, arXiv 1706.03762; pre-norm as in Radford et al., 2019.
    """

    config: TransformerConfig

    def setup(self):
        """Declares the parameters."""
        config = self.config
        self.embedding = declare_embedding(self, config)
        if config.positions == "learned":
            self.position_embedding = declare_positions(self, config)
        self.blocks = [Block(config) for _ in range(config.num_layers)]
        self.final_norm = residual_norm(config)
        if not config.tied_head:
            self.head_kernel = declare_head(self, config)

    def __call__(
        self,
        tokens: jax.Array,
        mask: jax.Array | None = None,
        positions: jax.Array | None = None,
        cache: Cache | None = None,
        attention_mask: jax.Array | None = None,
    ) -> jax.Array | tuple[jax.Array, Cache]:
        """Computes the logits of the token that follows each token.

        Args:
            tokens: `[B, T]` integers below `vocabulary_size`; with a cache, those that follow what it holds.
            mask: `[B, T]`, nonzero at real tokens, padding on either side; None means all are real. Logits at tokens
                that are not real mean nothing, but are finite.
            positions: `[B, T]` integers below `max_length`; None counts the real tokens.
            cache: what `init_cache` or an earlier call returned, with room for T more tokens.
            attention_mask: `[B, T, S]` or `[B, 1, T, S]` bool, True where a token may see another, such as `decoder_mask` or
                `encoder_mask` give; S is T, or the cache's slots. What is no real token is never seen. None is causal.

        Returns:
            `[B, T, V]` float32 logits; with a cache, the pair of logits and the longer cache.

        Raises:
            ValueError: a shape is wrong or T is above what fits.
        """
        hidden, new_cache = self._run(tokens, mask, positions, cache, attention_mask)
        logits = self._logits(hidden)
        return logits if cache is None else (logits, new_cache)

    def hidden(
        self,
        tokens: jax.Array,
        mask: jax.Array | None = None,
        positions: jax.Array | None = None,
        attention_mask: jax.Array | None = None,
    ) -> jax.Array:
        """Computes the `[B, T, D]` normalised states, of type `dtype`, that the head maps to logits.

        `logits = hidden @ kernel` with the kernel that `head` returns, so a caller can evaluate a large vocabulary in
        chunks. Arguments and errors are those of `__call__`.
        """
        return self._run(tokens, mask, positions, None, attention_mask)[0]

    def embed(self, tokens: jax.Array) -> jax.Array:
        """Returns the embeddings `[..., D]` of tokens, without positions; `logits_of_embeddings` takes them."""
        return jnp.take(self.embedding, tokens, axis=0)

    def logits_of_embeddings(self, embeddings: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Computes the logits `[B, T, V]` after inputs that need not be tokens, such as mixtures of embeddings.

        Args:
            embeddings: `[B, T, D]`, such as `embed` gives.
            mask: as in `__call__`.
        """
        mask = jnp.ones(embeddings.shape[:2], bool) if mask is None else mask.astype(bool)
        return self._logits(self._run_blocks(embeddings, mask, token_positions(mask, None), None, None)[0])

    def head(self) -> tuple[jax.Array, None]:
        """Returns the head's `[D, V]` kernel and its bias, which is None: no supported family has one."""
        return self.embedding.T if self.config.tied_head else self.head_kernel, None

    def next_logits(
        self, tokens: jax.Array, mask: jax.Array | None, cache: Cache, attention_mask: jax.Array | None = None
    ) -> tuple[jax.Array, Cache]:
        """Computes the logits after the last of `tokens` only, the head's work for one token instead of T.

        Args:
            tokens: `[B, T]` integers that follow what the cache holds, padding on the left.
            mask: `[B, T]`, nonzero at real tokens; None means all are real.
            cache: what `init_cache` or an earlier call returned, with room for T more tokens.
            attention_mask: as in `__call__`.

        Returns:
            `[B, V]` float32 logits and the longer cache.

        Raises:
            ValueError: a shape is wrong or T is above the cache's slots.
        """
        hidden, new_cache = self._run(tokens, mask, None, cache, attention_mask)
        return self._logits(hidden[:, -1]), new_cache

    def _logits(self, hidden: jax.Array) -> jax.Array:
        return logits_of(hidden, self.head()[0])

    def _run(
        self,
        tokens: jax.Array,
        mask: jax.Array | None,
        positions: jax.Array | None,
        cache: Cache | None,
        attention_mask: jax.Array | None,
    ) -> tuple[jax.Array, Cache]:
        config = self.config
        _check_inputs(config, tokens, mask, positions, cache)
        mask = jnp.ones(tokens.shape, bool) if mask is None else mask.astype(bool)
        if positions is None:
            positions = token_positions(mask, None if cache is None else jnp.sum(cache.mask, axis=1, dtype=jnp.int32))
        return self._run_blocks(self.embed(tokens), mask, positions, cache, attention_mask)

    def _run_blocks(
        self,
        x: jax.Array,
        mask: jax.Array,
        positions: jax.Array,
        cache: Cache | None,
        attention_mask: jax.Array | None,
    ) -> tuple[jax.Array, Cache]:
        config = self.config
        key_mask, seen = visible_keys(mask, cache, attention_mask)
        if config.positions == "learned":
            x = x + jnp.take(self.position_embedding, positions, axis=0)
        x = x.astype(config.dtype)
        angles = None
        if config.positions == "rotary":
            angles = rotation(positions, config.head_width, config.rope_theta, config.rope_scaling)
        layers = []
        for index, block in enumerate(self.blocks):
            x, layer = block(x, angles, seen, None if cache is None else (cache.layers[index], cache.length))
            layers.append(layer)
        length = jnp.int32(x.shape[1]) + (0 if cache is None else cache.length)
        return self.final_norm(x), Cache(tuple(layers), key_mask, length)


def visible_keys(mask: jax.Array, cache: Cache | None, attention_mask: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """Returns which slots hold real tokens, `[B, S]`, and which of them each token may see, `[B, T, S]`.

    Args:
        mask: `[B, T]` bool, True at real tokens.
        cache: of the tokens before these, or None.
        attention_mask: `[B, T, S]` or `[B, 1, T, S]`; None is causal.

    Raises:
        ValueError: the attention mask has another shape.
    """
    if cache is None:
        key_mask, start = mask, jnp.zeros((), jnp.int32)
    else:
        key_mask, start = jax.lax.dynamic_update_slice_in_dim(cache.mask, mask, cache.length, axis=1), cache.length
    if attention_mask is None:
        slots = jnp.arange(key_mask.shape[1], dtype=jnp.int32)
        allowed = (slots[None, :] <= start + jnp.arange(mask.shape[1], dtype=jnp.int32)[:, None])[None]
    else:
        shape = (*mask.shape, key_mask.shape[1])
        if attention_mask.shape not in (shape, (shape[0], 1, *shape[1:])):
            raise ValueError(
                f"`attention_mask` must have shape [B, T, S] = {shape} or [B, 1, T, S], got {attention_mask.shape}"
            )
        allowed = attention_mask.reshape(shape).astype(bool)
    return key_mask, key_mask[:, None, :] & allowed


def _check_inputs(
    config: TransformerConfig,
    tokens: jax.Array,
    mask: jax.Array | None,
    positions: jax.Array | None,
    cache: Cache | None,
) -> None:
    if tokens.ndim != 2 or not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise ValueError(f"`tokens` must be integers of shape [B, T], got {tokens.dtype} of shape {tokens.shape}")
    for name, array in (("mask", mask), ("positions", positions)):
        if array is not None and array.shape != tokens.shape:
            raise ValueError(f"`{name}` must have the shape of tokens, {tokens.shape}, got {array.shape}")
    limit = config.max_length if cache is None else cache.mask.shape[1]
    if not 1 <= tokens.shape[1] <= limit:
        owner = "max_length" if cache is None else "the cache's length"
        raise ValueError(f"`tokens` must have between 1 and {owner}={limit} columns, got {tokens.shape[1]}")
    if cache is not None and cache.mask.shape[0] != tokens.shape[0]:
        raise ValueError(f"`cache` must have the {tokens.shape[0]} rows of tokens, got {cache.mask.shape[0]}")
