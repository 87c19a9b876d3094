"""A multi-layer perceptron for vectors."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from .activations import ACTIVATIONS


class MLP(nn.Module):
    """Dense layers with an activation between them, none after the last.

    Attributes:
        features: width of each layer; the last is the number of outputs, for example classes.
        activation: one of "gelu", "gelu_tanh", "identity", "relu", "relu_squared", "silu", "tanh".
        use_bias: whether the layers have biases.
        dtype: floating type of the computation.
        param_dtype: floating type of the parameters.
        first: a layer in place of the first dense one, of `features[0]` outputs, such as `TractDense`; None for none.

    Raises:
        ValueError: `features` is empty or has a width below 1, or the activation is unknown.
    """

    features: tuple[int, ...]
    activation: str = "relu"
    use_bias: bool = True
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32
    first: nn.Module | None = None

    def __post_init__(self):
        if not self.features or min(self.features) < 1:
            raise ValueError(f"`features` must be at least one width of at least 1, got {self.features!r}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"`activation` must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., F]` to `[..., features[-1]]`."""
        for index, features in enumerate(self.features):
            if index:
                x = ACTIVATIONS[self.activation](x)
            if index or self.first is None:
                x = nn.Dense(features, use_bias=self.use_bias, dtype=self.dtype, param_dtype=self.param_dtype)(x)
                continue
            x = self.first(x)
            if x.shape[-1] != features:
                raise ValueError(f"`first` must have features[0]={features} outputs, got {x.shape[-1]}")
        return x
