"""The configuration of the decoder-only Transformer."""

import dataclasses
import numbers
from typing import Any

import jax.numpy as jnp

from .activations import ACTIVATIONS

NORMS = ("rms_norm", "layer_norm")
POSITIONS = ("rotary", "learned")
MLPS = ("gated", "plain")
BIASES = ("none", "query_key_value", "all")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RopeScaling:
    """Llama 3's change of the rotary wavelengths for contexts longer than those of pretraining.

    With `s = clip((original_max_length / wavelength - low) / (high - low), 0, 1)` a frequency is multiplied by
    `s + (1 - s) / factor`: short wavelengths are kept, long ones are stretched by `factor`.

    Source: Grattafiori et al., The Llama 3 Herd of Models, 2024, arXiv 2407.21783, which gives the longer context only; the
    formula is that of the released code ("llama3" in the checkpoints' configuration).

    Attributes:
        factor: stretch of the long wavelengths, at least 1.
        low_frequency_factor: wavelengths above `original_max_length / low_frequency_factor` are long; above 0.
        high_frequency_factor: wavelengths below `original_max_length / high_frequency_factor` are short; above
            `low_frequency_factor`.
        original_max_length: context length of pretraining, in tokens.

    Raises:
        TypeError: `original_max_length` is not an integer.
        ValueError: a value is out of bounds.
    """

    factor: float
    low_frequency_factor: float
    high_frequency_factor: float
    original_max_length: int

    def __post_init__(self):
        if not self.factor >= 1:
            raise ValueError(f"`factor` must be at least 1, got {self.factor!r}")
        if not 0 < self.low_frequency_factor < self.high_frequency_factor:
            raise ValueError(
                "`low_frequency_factor` must be above 0 and below `high_frequency_factor`, got "
                f"{self.low_frequency_factor!r} and {self.high_frequency_factor!r}"
            )
        _require_positive_integer("original_max_length", self.original_max_length)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes and choices of a decoder-only Transformer; hashable, so it may be a static argument of `jax.jit`.

    Families: Llama is the defaults with an untied head; Qwen2 adds `bias="query_key_value"`; Qwen3 has
    `query_key_norm=True` and its own `head_size`; GPT-2 is `norm="layer_norm"`, `positions="learned"`, `mlp="plain"`,
    `activation="gelu_tanh"`, `bias="all"`, `tied_head=True`, `norm_epsilon=1e-5`.

    Attributes:
        vocabulary_size: number V of tokens.
        hidden_size: width D of the residual stream.
        num_layers: number of blocks.
        num_heads: number N of query heads.
        max_length: most positions a sequence, or a cache, may have.
        num_key_value_heads: number K of key-value heads, a divisor of `num_heads`; None means `num_heads`.
        head_size: width H of a head, even for rotary positions; None means `hidden_size / num_heads`.
        mlp_size: width of the feed-forward block; None means `4 * hidden_size`.
        norm: "rms_norm" or "layer_norm".
        norm_epsilon: added to the mean square or variance, above 0.
        positions: "rotary" or "learned".
        rope_theta: base of the rotary wavelengths, above 0; read for rotary positions only.
        rope_scaling: change of the rotary wavelengths for long contexts, or None.
        mlp: "gated", `down(activation(gate(x)) * up(x))`, or "plain", `down(activation(up(x)))`.
        activation: one of "gelu", "gelu_tanh", "identity", "relu", "relu_squared", "silu", "tanh".
        bias: "none"; "query_key_value", on those three projections; or "all", on every projection of the blocks and
            on every layer norm of the residual stream. The head never has one.
        query_key_norm: whether each query and key head is normalised, with one scale for all heads, before rotation.
        tied_head: whether the head is the transposed embedding.
        dtype: floating type of the activations; logits and reductions are float32 all the same.
        param_dtype: floating type of the parameters.

    Raises:
        TypeError: a size is not an integer, a dtype is not floating, or `rope_scaling` is not a `RopeScaling`.
        ValueError: a value is out of bounds or an option is unknown.
    """

    vocabulary_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    max_length: int
    num_key_value_heads: int | None = None
    head_size: int | None = None
    mlp_size: int | None = None
    norm: str = "rms_norm"
    norm_epsilon: float = 1e-6
    positions: str = "rotary"
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    mlp: str = "gated"
    activation: str = "silu"
    bias: str = "none"
    query_key_norm: bool = False
    tied_head: bool = False
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        for name in ("vocabulary_size", "hidden_size", "num_layers", "num_heads", "max_length"):
            _require_positive_integer(name, getattr(self, name))
        for name in ("num_key_value_heads", "head_size", "mlp_size"):
            if getattr(self, name) is not None:
                _require_positive_integer(name, getattr(self, name))
        for name in ("norm_epsilon", "rope_theta"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0, got {getattr(self, name)!r}")
        _require_one_of("norm", self.norm, NORMS)
        _require_one_of("positions", self.positions, POSITIONS)
        _require_one_of("mlp", self.mlp, MLPS)
        _require_one_of("activation", self.activation, tuple(ACTIVATIONS))
        _require_one_of("bias", self.bias, BIASES)
        for name in ("dtype", "param_dtype"):
            if not jnp.issubdtype(getattr(self, name), jnp.floating):
                raise TypeError(f"`{name}` must be a floating type, got {getattr(self, name)!r}")
        if self.rope_scaling is not None and not isinstance(self.rope_scaling, RopeScaling):
            raise TypeError(f"`rope_scaling` must be a RopeScaling or None, got {self.rope_scaling!r}")
        self._check_heads()

    def _check_heads(self):
        if self.head_size is None and self.hidden_size % self.num_heads:
            raise ValueError(
                f"`num_heads` must divide hidden_size={self.hidden_size} when head_size is None, got {self.num_heads}"
            )
        if self.num_heads % self.key_value_heads:
            raise ValueError(f"`num_key_value_heads` must divide num_heads={self.num_heads}, got {self.key_value_heads}")
        if self.positions == "rotary" and self.head_width % 2:
            raise ValueError(f"`head_size` must be even for rotary positions, got {self.head_width}")

    @property
    def key_value_heads(self) -> int:
        """Number K of key-value heads."""
        return self.num_heads if self.num_key_value_heads is None else self.num_key_value_heads

    @property
    def head_width(self) -> int:
        """Width H of a head."""
        return self.hidden_size // self.num_heads if self.head_size is None else self.head_size

    @property
    def mlp_width(self) -> int:
        """Width of the feed-forward block."""
        return 4 * self.hidden_size if self.mlp_size is None else self.mlp_size


def _require_positive_integer(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{name}` must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"`{name}` must be at least 1, got {value}")


def _require_one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(allowed)}, got {value!r}")
