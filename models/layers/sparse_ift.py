"""Sparse-IFT: larger layers of sparse weights that cost as many multiplications as the dense layer they replace.

A layer has the shape only: `algax.updates.iso_flop_width` computes its widths from the sparsity, `algax.updates.random_masks`
makes the masks, and `algax.updates.rigl` keeps masked weights at 0 and moves the masks. Sparse-Wide, the fourth member, is an
ordinary dense layer or convolution of more features.

Source: Thangarasa et al., Sparse Iso-FLOP Transformations for Maximizing Training Efficiency, 2023, arXiv 2303.11525.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ..activations import ACTIVATIONS


class _SparseLayer(nn.Module):
    """What the three layers share."""

    def _check(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"`{name}` must be an integer of at least {least}, got {value!r}")
        activation = getattr(self, "activation", "identity")
        if activation not in ACTIVATIONS:
            raise ValueError(f"`activation` must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")

    def _linear(self, name: str, features: int, kernel_size: tuple[int, int] | None, use_bias: bool = False) -> nn.Module:
        """A dense layer, or a convolution where there is a kernel size."""
        types: Any = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        if kernel_size is None:
            return nn.Dense(features, use_bias=use_bias, name=name, **types)
        return nn.Conv(features, kernel_size, use_bias=use_bias, name=name, **types)

    def _activated(self, name: str, x: jax.Array) -> jax.Array:
        types: Any = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        return ACTIVATIONS[self.activation](nn.LayerNorm(name=name, **types)(x))


class SparseParallel(_SparseLayer):
    """The sum of sparse branches, `sum_i activation(norm(sparse_i x))`.

    The paper normalises over the batch; here a layer norm over the features needs no running statistics.

    Attributes:
        features: number of outputs.
        branches: `iso_flop_width("parallel", ...)`, at least 1.
        activation: name of the nonlinearity, one of those of `MLP`.
        kernel_size: of a convolution of `[B, H, W, C]`; None for a dense layer.
        dtype: floating type of the computation.
        param_dtype: floating type of the parameters.

    Raises:
        ValueError: a number is out of range, or an unknown activation.
    """

    features: int
    branches: int
    activation: str = "relu"
    kernel_size: tuple[int, int] | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        self._check("branches", 1)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., n]` to `[..., features]`."""
        total = jnp.zeros((), self.dtype)
        for branch in range(self.branches):
            y = self._linear(f"sparse_{branch}", self.features, self.kernel_size)(x)
            y = self._activated(f"norm_{branch}", y)
            total = y if branch == 0 else total + y
        return total


class SparseFactorized(_SparseLayer):
    """Two sparse factors, `sparse_1 activation(norm(sparse_0 x)) + bias`.

    Attributes:
        features: number of outputs.
        width: `iso_flop_width("factorized", ...)`, at least 1: the features between the factors.
        activation: name of the nonlinearity, one of those of `MLP`.
        kernel_size: of the first factor, a convolution of `[B, H, W, C]` (the second is 1 by 1); None for a dense layer.
        dtype: floating type of the computation.
        param_dtype: floating type of the parameters.

    Raises:
        ValueError: a number is out of range, or an unknown activation.
    """

    features: int
    width: int
    activation: str = "relu"
    kernel_size: tuple[int, int] | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        self._check("width", 1)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., n]` to `[..., features]`."""
        hidden = self._activated("norm", self._linear("sparse_0", self.width, self.kernel_size)(x))
        return self._linear("sparse_1", self.features, None, use_bias=True)(hidden)


class SparseDoped(_SparseLayer):
    """A sparse matrix beside a dense one of low rank, `sparse x + up(down(x)) + bias`.

    Attributes:
        features: number of outputs.
        rank: `iso_flop_width("doped", ...)`, at least 0, of the dense part; 0 is the sparse matrix alone.
        kernel_size: of a convolution of `[B, H, W, C]` (`up` is 1 by 1); None for a dense layer.
        dtype: floating type of the computation.
        param_dtype: floating type of the parameters.

    Raises:
        ValueError: the rank is out of range.
    """

    features: int
    rank: int
    kernel_size: tuple[int, int] | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    def __post_init__(self):
        self._check("rank", 0)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., n]` to `[..., features]`."""
        y = self._linear("sparse", self.features, self.kernel_size, use_bias=True)(x)
        if self.rank == 0:
            return y
        return y + self._linear("up", self.features, None)(self._linear("down", self.rank, self.kernel_size)(x))
