"""A network over patches with a fixed second layer, in which features can be followed one by one."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class PatchNetwork(nn.Module):
    """`f = F_1 - F_0`, `F_j = mean_r sum_p relu(w_jr . x_p)^2`: two groups of units, shared over the patches.

    Source: Lu et al., Benign Oscillation of Stochastic Gradient Descent with Large Learning Rates, 2023, arXiv 2310.17074.

    Attributes:
        units: of each group, at least 1.
        std: of the weights at the start, above 0.

    Raises:
        ValueError: a value is out of bounds.
    """

    units: int
    std: float = 0.01

    def __post_init__(self):
        if self.units < 1:
            raise ValueError(f"`units` must be at least 1, got {self.units!r}")
        if not self.std > 0:
            raise ValueError(f"`std` must be above 0, got {self.std!r}")
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps patches `[B, P, d]` to `[B, 1]`."""
        weights = self.param("weights", nn.initializers.normal(self.std), (2, self.units, x.shape[-1]))
        hidden = jnp.square(jax.nn.relu(jnp.einsum("bpd,jrd->bjrp", x, weights)))
        groups = jnp.sum(hidden, axis=(2, 3)) / self.units
        return groups[:, 1:] - groups[:, :1]
