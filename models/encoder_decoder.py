"""An encoder that reads a text both ways, and a decoder that writes another one with its help."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from .attention import Attention
from .attention_masks import cross_mask, decoder_mask, encoder_mask
from .cache import Cache, LayerCache, init_cache
from .config import TransformerConfig
from .cross_attention import CrossAttention
from .embeddings import declare_embedding, declare_head, declare_positions, logits_of
from .feed_forward import FeedForward
from .norms import residual_norm
from .positions import Rotation, rotation, segment_positions, token_positions
from .transformer import Block, visible_keys


class EncoderDecoderCache(NamedTuple):
    """What an `EncoderDecoder` keeps while it writes.

    Attributes:
        memory: keys and values of the encoder's states for each layer of the decoder.
        memory_mask: `[B, S]` bool, True at real tokens of the source.
        decoder: what the decoder keeps of its own tokens.
    """

    memory: tuple[LayerCache, ...]
    memory_mask: jax.Array
    decoder: Cache


class DecoderBlock(nn.Module):
    """Pre-norm block: self-attention, attention to the encoder, feed-forward, each added to the residual stream."""

    config: TransformerConfig

    def setup(self):
        """Names the six parts."""
        config = self.config
        self.attention_norm, self.attention = residual_norm(config), Attention(config)
        self.cross_norm, self.cross_attention = residual_norm(config), CrossAttention(config)
        self.mlp_norm, self.mlp = residual_norm(config), FeedForward(config)

    def memory(self, states: jax.Array) -> LayerCache:
        """Returns the keys and values of an encoder's states."""
        return self.cross_attention.memory(states)

    def __call__(
        self,
        x: jax.Array,
        rotation: Rotation | None,
        masks: tuple[jax.Array, jax.Array],
        memory: LayerCache,
        cache: tuple[LayerCache, jax.Array] | None,
    ) -> tuple[jax.Array, LayerCache]:
        """Maps `[B, T, D]` to `[B, T, D]`; `masks` are those of self-attention and of attention to the encoder."""
        attended, layer = self.attention(self.attention_norm(x), rotation, masks[0], cache)
        x = x + attended
        x = x + self.cross_attention(self.cross_norm(x), memory, masks[1])
        return x + self.mlp(self.mlp_norm(x)), layer


class EncoderDecoder(nn.Module):
    """A Transformer with an encoder, which sees all of the source, and a causal decoder, which sees it too.

    Both have the configuration's `num_layers`, and share the embedding of tokens. `module.init(key, source, targets)` returns
    parameters boxed with their logical axis names, as for `Transformer`.

    Source: Vaswani et al., Attention Is All You Need, 2017, arXiv 1706.03762; pre-norm and one embedding as in Raffel et al.,
    2019, arXiv 1910.10683.

    Attributes:
        config: of both parts.
    """

    config: TransformerConfig

    def setup(self):
        """Declares the parameters."""
        config = self.config
        self.embedding = declare_embedding(self, config)
        if config.positions == "learned":
            self.source_positions = declare_positions(self, config, "source_position_embedding")
            self.target_positions = declare_positions(self, config, "target_position_embedding")
        self.encoder_blocks = [Block(config) for _ in range(config.num_layers)]
        self.encoder_norm = residual_norm(config)
        self.decoder_blocks = [DecoderBlock(config) for _ in range(config.num_layers)]
        self.final_norm = residual_norm(config)
        if not config.tied_head:
            self.head_kernel = declare_head(self, config)

    def __call__(
        self,
        source: jax.Array,
        targets: jax.Array,
        source_mask: jax.Array | None = None,
        target_mask: jax.Array | None = None,
        source_segments: jax.Array | None = None,
        target_segments: jax.Array | None = None,
    ) -> jax.Array:
        """Computes the logits of the token that follows each target.

        Args:
            source: `[B, S]` integers below `vocabulary_size`, which the encoder reads.
            targets: `[B, T]` integers, which the decoder reads: the text to be written, behind a token that starts it.
            source_mask: `[B, S]`, nonzero at real tokens; None means all are.
            target_mask: `[B, T]`, nonzero at real tokens; None means all are.
            source_segments: `[B, S]` integers, which of the texts packed into a row a token is of; None for one a row.
            target_segments: `[B, T]` integers, the same of the targets; they see the source of their own text only.

        Returns:
            `[B, T, V]` float32 logits; those at tokens that are not real mean nothing, but are finite.

        Raises:
            ValueError: a shape is wrong, or segments are given on one side only.
        """
        return self._logits(self.hidden(source, targets, source_mask, target_mask, source_segments, target_segments))

    def hidden(
        self,
        source: jax.Array,
        targets: jax.Array,
        source_mask: jax.Array | None = None,
        target_mask: jax.Array | None = None,
        source_segments: jax.Array | None = None,
        target_segments: jax.Array | None = None,
    ) -> jax.Array:
        """Computes the `[B, T, D]` states that the head maps to logits; arguments and errors are those of `__call__`."""
        source_mask = _checked_mask(self.config, "source", source, source_mask, source_segments)
        target_mask = _checked_mask(self.config, "targets", targets, target_mask, target_segments)
        masks = (
            decoder_mask(target_mask, segment_ids=target_segments),
            cross_mask(target_mask, source_mask, target_segments, source_segments),
        )
        states = self.encode(source, source_mask, source_segments)
        memory = tuple(block.memory(states) for block in self.decoder_blocks)
        return self._decode(targets, _positions(target_mask, target_segments), masks, memory, None)[0]

    def encode(
        self, source: jax.Array, source_mask: jax.Array | None = None, source_segments: jax.Array | None = None
    ) -> jax.Array:
        """Computes the encoder's normalised states `[B, S, D]`; arguments and errors are those of `__call__`."""
        config = self.config
        source_mask = _checked_mask(config, "source", source, source_mask, source_segments)
        positions = _positions(source_mask, source_segments)
        x = jnp.take(self.embedding, source, axis=0)
        if config.positions == "learned":
            x = x + jnp.take(self.source_positions, positions, axis=0)
        x, angles, seen = x.astype(config.dtype), _angles(config, positions), encoder_mask(source_mask, source_segments)
        for block in self.encoder_blocks:
            x, _ = block(x, angles, seen, None)
        return self.encoder_norm(x)

    def head(self) -> tuple[jax.Array, None]:
        """Returns the head's `[D, V]` kernel and its bias, which is None."""
        return self.embedding.T if self.config.tied_head else self.head_kernel, None

    def start(self, source: jax.Array, source_mask: jax.Array | None, length: int) -> EncoderDecoderCache:
        """Reads a source, once for all the tokens that will be written.

        Args:
            source: `[B, S]` integers.
            source_mask: `[B, S]`, nonzero at real tokens; None means all are.
            length: number of tokens, the one that starts included, that `next_logits` will be given.

        Returns:
            An `EncoderDecoderCache` without targets.

        Raises:
            ValueError: a shape is wrong or a length is above `max_length`.
        """
        source_mask = _checked_mask(self.config, "source", source, source_mask, None)
        states = self.encode(source, source_mask)
        memory = tuple(block.memory(states) for block in self.decoder_blocks)
        return EncoderDecoderCache(memory, source_mask, init_cache(self.config, source.shape[0], length))

    def next_logits(
        self, targets: jax.Array, mask: jax.Array | None, cache: EncoderDecoderCache
    ) -> tuple[jax.Array, EncoderDecoderCache]:
        """Computes the logits after the last of some targets.

        Args:
            targets: `[B, T]` integers that follow what the cache holds, padding on the left.
            mask: `[B, T]`, nonzero at real tokens; None means all are.
            cache: what `start` or an earlier call returned, with room for T more tokens.

        Returns:
            `[B, V]` float32 logits and the longer cache.

        Raises:
            ValueError: a shape is wrong.
        """
        mask, own = _checked_mask(self.config, "targets", targets, mask, None), cache.decoder
        positions = token_positions(mask, jnp.sum(own.mask, axis=1, dtype=jnp.int32))
        key_mask, seen = visible_keys(mask, own)
        x, layers = self._decode(targets, positions, (seen, cross_mask(mask, cache.memory_mask)), cache.memory, own)
        longer = Cache(layers, key_mask, own.length + jnp.int32(targets.shape[1]))
        return self._logits(x[:, -1]), cache._replace(decoder=longer)

    def _logits(self, hidden: jax.Array) -> jax.Array:
        return logits_of(hidden, self.head()[0])

    def _decode(
        self,
        targets: jax.Array,
        positions: jax.Array,
        masks: tuple[jax.Array, jax.Array],
        memory: tuple[LayerCache, ...],
        cache: Cache | None,
    ) -> tuple[jax.Array, tuple[LayerCache, ...]]:
        config = self.config
        x = jnp.take(self.embedding, targets, axis=0)
        if config.positions == "learned":
            x = x + jnp.take(self.target_positions, positions, axis=0)
        x, angles, layers = x.astype(config.dtype), _angles(config, positions), []
        for index, block in enumerate(self.decoder_blocks):
            own = None if cache is None else (cache.layers[index], cache.length)
            x, layer = block(x, angles, masks, memory[index], own)
            layers.append(layer)
        return self.final_norm(x), tuple(layers)


def _angles(config: TransformerConfig, positions: jax.Array) -> Rotation | None:
    if config.positions != "rotary":
        return None
    return rotation(positions, config.head_width, config.rope_theta, config.rope_scaling)


def _positions(mask: jax.Array, segment_ids: jax.Array | None) -> jax.Array:
    return token_positions(mask) if segment_ids is None else segment_positions(mask, segment_ids)


def _checked_mask(
    config: TransformerConfig, name: str, tokens: jax.Array, mask: jax.Array | None, segment_ids: jax.Array | None
) -> jax.Array:
    """The mask of real tokens, `[B, T]` bool."""
    if tokens.ndim != 2 or not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise ValueError(f"`{name}` must be integers of shape [B, T], got {tokens.dtype} of shape {tokens.shape}")
    if not 1 <= tokens.shape[1] <= config.max_length:
        raise ValueError(f"`{name}` must have between 1 and max_length={config.max_length} columns, got {tokens.shape[1]}")
    for what, array in (("mask", mask), ("segments", segment_ids)):
        if array is not None and array.shape != tokens.shape:
            raise ValueError(f"the {what} of `{name}` must have its shape {tokens.shape}, got {array.shape}")
    return jnp.ones(tokens.shape, bool) if mask is None else mask.astype(bool)
