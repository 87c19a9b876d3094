"""A linear model whose weights are differences of squares, so that training prefers some solutions to others."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class DiagonalNetwork(nn.Module):
    """`f(x) = sum_j (u_j^2 - v_j^2) x_j`, with u and v at `scale` to begin with.

    Source: Woodworth et al., Kernel and Rich Regimes in Overparametrized Models, 2020, arXiv 2002.09277.

    Attributes:
        scale: of the start, above 0; large ones keep near the start, small ones prefer sparse solutions.

    Raises:
        ValueError: the scale is not above 0.
    """

    scale: float = 0.5

    def __post_init__(self):
        if not self.scale > 0:
            raise ValueError(f"`scale` must be above 0, got {self.scale!r}")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, d]` to `[B, 1]`."""
        start = nn.initializers.constant(self.scale)
        positive, negative = (self.param(name, start, x.shape[-1:]) for name in ("positive", "negative"))
        return x @ (jnp.square(positive) - jnp.square(negative))[:, None]
