"""The Transformer's feed-forward block."""

import flax.linen as nn
import jax
from flax.typing import Initializer

from .activations import ACTIVATIONS
from .config import TransformerConfig
from .initializers import kernel_init, partitioned, residual_init


class FeedForward(nn.Module):
    """`down(activation(gate(x)) * up(x))` if gated, else `down(activation(up(x)))`.

    Source of the gated form: Shazeer, GLU Variants Improve Transformer, 2020, arXiv 2002.05202.
    """

    config: TransformerConfig

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, T, D]` to `[B, T, D]`."""
        config = self.config
        activation = ACTIVATIONS[config.activation]
        hidden = self._dense("up", config.mlp_width, kernel_init, ("embed", "mlp"))(x)
        if config.mlp == "gated":
            hidden = activation(self._dense("gate", config.mlp_width, kernel_init, ("embed", "mlp"))(x)) * hidden
        else:
            hidden = activation(hidden)
        return self._dense("down", config.hidden_size, residual_init(config.num_layers), ("mlp", "embed"))(hidden)

    def _dense(self, name: str, features: int, init: Initializer, axes: tuple[str, str]) -> nn.Dense:
        return nn.Dense(
            features,
            use_bias=self.config.bias == "all",
            kernel_init=partitioned(init, *axes),
            bias_init=partitioned(nn.initializers.zeros, axes[1]),
            dtype=self.config.dtype,
            param_dtype=self.config.param_dtype,
            name=name,
        )
