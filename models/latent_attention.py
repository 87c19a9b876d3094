"""Attention whose cache is one small latent a token, and the block with squared-ReLU feed-forward built on it."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from .activations import ACTIVATIONS
from .norms import Norm


class LatentCache(NamedTuple):
    """What later tokens need of the earlier ones, `kv_rank + rope_size` numbers a token.

    Attributes:
        latent: `[B, S, kv_rank]`, normalised.
        rope_key: `[B, S, rope_size]`, rotated, shared by all heads.
    """

    latent: jax.Array
    rope_key: jax.Array


def rotate_interleaved(x: jax.Array, positions: jax.Array, theta: float) -> jax.Array:
    """Rotates the pairs of channels (2 i, 2 i + 1) by the angle position theta^(-2 i / R), in float32.

    Source: Su et al., RoFormer, 2021, arXiv 2104.09864.

    Args:
        x: `[B, T, ..., R]`, R even.
        positions: `[B, T]` integers.
        theta: base of the wavelengths, above 0.

    Returns:
        The rotated channels, of the same shape and type.
    """
    size = x.shape[-1]
    frequencies = theta ** (-jnp.arange(0, size, 2, dtype=jnp.float32) / size)
    angles = jnp.expand_dims(positions.astype(jnp.float32), range(2, x.ndim))
    angles = angles * jnp.expand_dims(frequencies, range(x.ndim - 1))
    cosines, sines = jnp.cos(angles), jnp.sin(angles)
    first, second = x[..., ::2].astype(jnp.float32), x[..., 1::2].astype(jnp.float32)
    pairs = jnp.stack([first * cosines - second * sines, first * sines + second * cosines], axis=-1)
    return pairs.reshape(x.shape).astype(x.dtype)


class LatentAttention(nn.Module):
    """Causal multi-head latent attention without compression of the queries, nor biases.

    `[q_nope | q_rope] = W_q h` a head; `[c | k_rope] = W_dkv h`, `c <- RMSNorm(c)`; `[k_nope | v] = W_ukv c` a head; scores
    `(q_nope . k_nope + rotate(q_rope) . rotate(k_rope)) / sqrt(nope_size + rope_size)`, causal softmax over them of the values,
    `W_o` of all heads.

    Sources: Liu et al., DeepSeek-V2, 2024, arXiv 2405.04434; Deng et al., PLM: Efficient Peripheral Language Models
    Hardware-Co-Designed for Ubiquitous Computing, 2025, arXiv 2503.12167.

    Attributes:
        num_heads: at least 1.
        nope_size: channels of a head's query and key that are not rotated, at least 1.
        rope_size: channels that are rotated, even, at least 2.
        value_size: channels of a head's value, at least 1.
        kv_rank: channels of the latent, at least 1.
        rope_theta: base of the rotary wavelengths, above 0.
        norm_epsilon: above 0.

    Raises:
        ValueError: a value is out of bounds.
    """

    num_heads: int
    nope_size: int
    rope_size: int
    value_size: int
    kv_rank: int
    rope_theta: float = 100_000.0
    norm_epsilon: float = 1e-6

    def __post_init__(self):
        for name in ("num_heads", "nope_size", "rope_size", "value_size", "kv_rank"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, got {getattr(self, name)!r}")
        if self.rope_size % 2:
            raise ValueError(f"`rope_size` must be even, got {self.rope_size!r}")
        for name in ("rope_theta", "norm_epsilon"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0, got {getattr(self, name)!r}")
        super().__post_init__()

    @property
    def cache_size(self) -> int:
        """Numbers a token that a cache holds, in place of `2 num_heads head_size` for ordinary attention."""
        return self.kv_rank + self.rope_size

    @nn.compact
    def __call__(self, x: jax.Array, cache: LatentCache | None = None) -> tuple[jax.Array, LatentCache]:
        """Attends from T tokens to themselves and to those in the cache.

        Scores are taken with the latents, `q_nope . k_nope = (W_uk' q_nope) . c`, and values after the softmax, so that keys
        and values are never expanded.

        Args:
            x: `[B, T, D]` normalised residual stream.
            cache: of the tokens before these, or None.

        Returns:
            The `[B, T, D]` output, and the cache with these tokens at its end. The collection "intermediates" holds the
            `weights`, `[B, N, T, S]`.
        """
        start = 0 if cache is None else cache.latent.shape[1]
        positions = jnp.broadcast_to(start + jnp.arange(x.shape[1], dtype=jnp.int32)[None], x.shape[:2])
        query = self._kernel("query", (x.shape[-1], self.num_heads, self.nope_size + self.rope_size))
        expand = self._kernel("expand", (self.kv_rank, self.num_heads, self.nope_size + self.value_size))
        output = self._kernel("output", (self.num_heads, self.value_size, x.shape[-1]), inputs=2)
        whole = self._cache(x, positions, cache)
        plain, rotary = jnp.split(jnp.einsum("btd,dnq->btnq", x, query), [self.nope_size], axis=-1)
        rotary = rotate_interleaved(rotary, positions, self.rope_theta)
        absorbed = jnp.einsum("btnq,rnq->btnr", plain, expand[..., : self.nope_size])
        scores = jnp.einsum("btnr,bsr->bnts", absorbed, whole.latent) + jnp.einsum("btnq,bsq->bnts", rotary, whole.rope_key)
        scores = scores.astype(jnp.float32) * (self.nope_size + self.rope_size) ** -0.5
        slots = jnp.arange(whole.latent.shape[1], dtype=jnp.int32)
        seen = slots[None, None, :] <= positions[:, :, None]
        weights = jax.nn.softmax(jnp.where(seen[:, None], scores, jnp.finfo(jnp.float32).min), axis=-1)
        self.sow("intermediates", "weights", weights)
        latents = jnp.einsum("bnts,bsr->btnr", weights.astype(x.dtype), whole.latent)
        values = jnp.einsum("btnr,rnv->btnv", latents, expand[..., self.nope_size :])
        return jnp.einsum("btnv,nvd->btd", values, output), whole

    def _kernel(self, name: str, shape: tuple[int, ...], inputs: int = 1) -> jax.Array:
        axes = tuple(range(len(shape)))
        return self.param(name, nn.initializers.lecun_normal(axes[:inputs], axes[inputs:]), shape)

    def _cache(self, x: jax.Array, positions: jax.Array, cache: LatentCache | None) -> LatentCache:
        """What x adds, after what was there."""
        compress = self._kernel("compress", (x.shape[-1], self.cache_size))
        latent, rope_key = jnp.split(jnp.einsum("btd,dr->btr", x, compress), [self.kv_rank], axis=-1)
        norm = Norm(centred=False, use_bias=False, epsilon=self.norm_epsilon, axis_name="kv_rank", name="latent_norm")
        added = LatentCache(norm(latent).astype(x.dtype), rotate_interleaved(rope_key, positions, self.rope_theta))
        if cache is None:
            return added
        return LatentCache(*(jnp.concatenate(pair, axis=1) for pair in zip(cache, added, strict=True)))


class PLMBlock(nn.Module):
    """Pre-norm block: `x + attention(norm(x))`, then `x + W_down relu(W_up norm(x))^2`; no gate, no bias.

    Source: Deng et al., PLM: Efficient Peripheral Language Models Hardware-Co-Designed for Ubiquitous Computing, 2025,
    arXiv 2503.12167.

    Attributes:
        attention: the attention, such as `LatentAttention(16, 128, 64, 128, 512)`.
        mlp_size: units of the feed-forward part, most of them exactly 0 after training.
        norm_epsilon: above 0.
    """

    attention: LatentAttention
    mlp_size: int
    norm_epsilon: float = 1e-6

    @nn.compact
    def __call__(self, x: jax.Array, cache: LatentCache | None = None) -> tuple[jax.Array, LatentCache]:
        """Maps `[B, T, D]` to `[B, T, D]`, with a cache as in `LatentAttention`; sows the `hidden` activations."""

        def norm(name: str) -> Norm:
            return Norm(centred=False, use_bias=False, epsilon=self.norm_epsilon, axis_name="embed", name=name)

        attended, cache = self.attention(norm("attention_norm")(x), cache)
        x = x + attended
        up = nn.Dense(self.mlp_size, use_bias=False, name="up")
        hidden = ACTIVATIONS["relu_squared"](up(norm("mlp_norm")(x)))
        self.sow("intermediates", "hidden", hidden)
        return x + nn.Dense(x.shape[-1], use_bias=False, name="down")(hidden), cache
