"""RMS norm and layer norm, in float32 whatever the input's type."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Initializer

from .config import TransformerConfig
from .initializers import partitioned


def masked_normalise(x: jax.Array, mask: jax.Array, epsilon: float, *, centred: bool) -> jax.Array:
    """Normalises the last axis by statistics to which each entry contributes as much as its mask says.

    Layer norm, `centred`: `(x - m) / sqrt(sum_i c_i (x_i - m)^2 / sum_i c_i + epsilon)`, `m = sum_i c_i x_i / sum_i c_i`;
    RMS norm: the same with `m = 0`. With a mask of 1 for the entries of a smaller model and 0 for the rest, the first are
    those of its norm.

    Source: Li et al., FLM-101B: An Open LLM and How to Train It with $100K Budget, 2023, arXiv 2309.03852.

    Args:
        x: `[..., D]` float32.
        mask: `c`, `[D]` in [0, 1], not all 0.
        epsilon: added under the root, above 0.
        centred: layer norm if True, else RMS norm.

    Returns:
        `[..., D]`, neither scaled nor multiplied by the mask.
    """
    weights = jnp.expand_dims(mask / jnp.sum(mask), range(x.ndim - 1))
    if centred:
        x = x - jnp.sum(weights * x, axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.sum(weights * jnp.square(x), axis=-1, keepdims=True) + epsilon)


class Norm(nn.Module):
    """Normalises the last axis, then scales it.

    RMS norm: `scale * x / sqrt(mean(x^2) + epsilon)`.
    Layer norm: `scale * (x - mean(x)) / sqrt(var(x) + epsilon) + bias`.

    Sources: Ba, Kiros and Hinton, Layer Normalization, 2016, arXiv 1607.06450; Zhang and Sennrich, Root Mean Square
    Layer Normalization, 2019, arXiv 1910.07467.

    While a model grows, the variable `mask`, `[D]`, of the collection "growth" says how much each entry counts, see
    `masked_normalise`.

    Attributes:
        centred: layer norm if True, else RMS norm.
        use_bias: whether a bias is added.
        epsilon: added under the root, above 0.
        axis_name: logical name of the normalised axis.
        dtype: floating type of the output.
        param_dtype: floating type of the parameters.
    """

    centred: bool
    use_bias: bool
    epsilon: float
    axis_name: str
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns the normalised `x`, of any shape `[..., D]`."""
        x = x.astype(jnp.float32)
        if self.has_variable("growth", "mask"):
            y = masked_normalise(x, self.get_variable("growth", "mask"), self.epsilon, centred=self.centred)
        else:
            if self.centred:
                x = x - jnp.mean(x, axis=-1, keepdims=True)
            y = x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + self.epsilon)
        y = y * self._parameter("scale", nn.initializers.ones, x)
        if self.use_bias:
            y = y + self._parameter("bias", nn.initializers.zeros, x)
        return y.astype(self.dtype)

    def _parameter(self, name: str, initializer: Initializer, x: jax.Array) -> jax.Array:
        parameter = self.param(name, partitioned(initializer, self.axis_name), x.shape[-1:], self.param_dtype)
        return jnp.expand_dims(parameter.astype(jnp.float32), range(x.ndim - 1))


def residual_norm(config: TransformerConfig) -> Norm:
    """Returns the norm of the residual stream that `config` asks for."""
    return Norm(
        centred=config.norm == "layer_norm",
        use_bias=config.norm == "layer_norm" and config.bias == "all",
        epsilon=config.norm_epsilon,
        axis_name="embed",
        dtype=config.dtype,
        param_dtype=config.param_dtype,
    )


def head_norm(config: TransformerConfig, name: str | None = None) -> Norm:
    """Returns the bias-free norm of query or key heads that `config` asks for."""
    return Norm(
        centred=config.norm == "layer_norm",
        use_bias=False,
        epsilon=config.norm_epsilon,
        axis_name="head_size",
        dtype=config.dtype,
        param_dtype=config.param_dtype,
        name=name,
    )
