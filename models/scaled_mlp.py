"""A residual network whose width and depth scale by the rules of muP or of the neural tangent kernel."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from .activations import ACTIVATIONS

PARAMETERIZATIONS = ("mup", "ntk")


class ScaledMLP(nn.Module):
    """A bias-free residual network, all of whose weights are N(0, 1) at the start.

    h_1 = W_0 x / sqrt(d);  h_{l+1} = h_l + W_l phi(h_l) / sqrt(depth width), l = 1..depth;  f = W phi(h) / (gamma sqrt(width)),
    gamma = 1 for "ntk", sqrt(width) for "mup". Gradient descent of rate `rate_scale * eta_0`, rate_scale = gamma^2, and the
    sharpness times rate_scale, compare across widths: under muP the same eta_0 is best at all of them.

    Source: Noci et al., "Why do Learning Rates Transfer? Reconciling Optimization and Scaling Limits for Deep Learning", 2024,
    arXiv 2402.17457; Yang et al., "Tensor Programs VI: Feature Learning in Infinite-Depth Neural Networks", 2023,
    arXiv 2310.02244.

    Attributes:
        width: units of every hidden layer, at least 1.
        depth: hidden residual layers, at least 1.
        outputs: at least 1.
        parameterization: "mup" or "ntk".
        activation: one of "gelu", "gelu_tanh", "identity", "relu", "relu_squared", "silu", "tanh".

    Raises:
        ValueError: a number is below 1, or an option unknown.
    """

    width: int
    depth: int
    outputs: int
    parameterization: str = "mup"
    activation: str = "relu"

    def __post_init__(self):
        for name in ("width", "depth", "outputs"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, got {getattr(self, name)!r}")
        for name, allowed in (("parameterization", PARAMETERIZATIONS), ("activation", tuple(ACTIVATIONS))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"`{name}` must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        super().__post_init__()

    @property
    def rate_scale(self) -> float:
        """gamma^2: what multiplies learning rate and sharpness."""
        return float(self.width) if self.parameterization == "mup" else 1.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., d]` to `[..., outputs]`."""
        x = x.astype(jnp.float32)
        phi = ACTIVATIONS[self.activation]
        h = self._weights("input", x.shape[-1], self.width, x) / math.sqrt(x.shape[-1])
        for layer in range(self.depth):
            h = h + self._weights(f"hidden_{layer}", self.width, self.width, phi(h)) / math.sqrt(self.depth * self.width)
        return self._weights("output", self.width, self.outputs, phi(h)) / math.sqrt(self.rate_scale * self.width)

    def _weights(self, name: str, fan_in: int, fan_out: int, x: jax.Array) -> jax.Array:
        return x @ self.param(name, nn.initializers.normal(1.0), (fan_in, fan_out))
