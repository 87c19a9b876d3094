"""TrAct: first layers whose gradient step moves their pre-activations instead of their weights.

Source: Petersen et al., TrAct: Making First-layer Pre-Activations Trainable, 2024, arXiv 2410.23970.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Padding = str | Sequence[tuple[int, int]]


def tract_dense(x: jax.Array, kernel: jax.Array, regularization: float = 0.1, axis_name: str | None = None) -> jax.Array:
    """Computes `x @ kernel` with a preconditioned gradient of the kernel.

    With the `b` rows `X` of the input and the cotangent `G` of the output, the gradient of the kernel is
    `(X' X / b + regularization I)^-1 X' G`: the least-squares step of the weights that moves the pre-activations by `-G`.
    Where `b` is below the number of inputs, the equal `X' (X X' / b + regularization I)^-1 G` is solved instead. The gradient
    of `x` is the ordinary one.

    Args:
        x: `[..., n]`, roughly standardised; the leading axes are the rows.
        kernel: `[n, m]`.
        regularization: above 0.
        axis_name: mapped axis over which the batch is split, as under `pmap`; `X' X / b` is that of the whole batch, while the
            kernel's gradient is the device's part, to be summed like any other. Arrays sharded under `jit` need none.

    Returns:
        `[..., m]`.

    Raises:
        ValueError: the shapes do not fit or `regularization` is not above 0.

    Source: Petersen et al., 2024, arXiv 2410.23970, and the released code; the loss is a mean, so `G` has its 1 / b.
    """
    if kernel.ndim != 2 or x.ndim < 2 or x.shape[-1] != kernel.shape[0]:
        raise ValueError(f"`kernel` must be [n, m] for `x` [..., n], got {list(kernel.shape)} and {list(x.shape)}")
    _check_regularization(regularization)
    return _product(x.reshape(-1, x.shape[-1]), kernel, regularization, axis_name).reshape(*x.shape[:-1], kernel.shape[1])


def tract_conv(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int] = (1, 1),
    padding: Padding = "SAME",
    regularization: float = 0.1,
    axis_name: str | None = None,
) -> jax.Array:
    """Computes a 2-D convolution with a preconditioned gradient of the kernel.

    The rows of `tract_dense` are all patches of all images, `b` their number.

    Args:
        x: `[B, H, W, C]`.
        kernel: `[h, w, C, m]`.
        strides: two integers of at least 1.
        padding: "SAME", "VALID" or two pairs of integers.
        regularization: see `tract_dense`.
        axis_name: see `tract_dense`.

    Returns:
        `[B, H', W', m]`.

    Raises:
        ValueError: the shapes do not fit or `regularization` is not above 0.
    """
    if kernel.ndim != 4 or x.ndim != 4 or x.shape[-1] != kernel.shape[2]:
        raise ValueError(f"`kernel` must be [h, w, C, m] for `x` [B, H, W, C], got {list(kernel.shape)} and {list(x.shape)}")
    _check_regularization(regularization)
    patches = jax.lax.conv_general_dilated_patches(
        x,
        kernel.shape[:2],
        tuple(strides),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=jax.lax.Precision.HIGHEST,
    )
    # A patch lists its channels first, then its rows and columns.
    matrix = jnp.transpose(kernel, (2, 0, 1, 3)).reshape(-1, kernel.shape[-1])
    return tract_dense(patches, matrix, regularization, axis_name)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _product(x: jax.Array, kernel: jax.Array, regularization: float, axis_name: str | None) -> jax.Array:
    return x @ kernel


def _forward(x: jax.Array, kernel: jax.Array, regularization: float, axis_name: str | None):
    return _product(x, kernel, regularization, axis_name), (x, kernel)


def _backward(regularization: float, axis_name: str | None, residuals: tuple[jax.Array, jax.Array], cotangent: jax.Array):
    x, kernel = residuals
    dtype = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
    rows, outputs = x.astype(dtype), cotangent.astype(dtype)
    multiply = functools.partial(jnp.matmul, precision="highest")
    if axis_name is None and rows.shape[0] < rows.shape[1]:
        change = multiply(rows.T, _solve(multiply(rows, rows.T) / rows.shape[0], outputs, regularization))
    else:
        second_moment = multiply(rows.T, rows) / rows.shape[0]
        if axis_name is not None:
            second_moment = jax.lax.pmean(second_moment, axis_name)
        change = _solve(second_moment, multiply(rows.T, outputs), regularization)
    return (cotangent @ kernel.T).astype(x.dtype), change.astype(kernel.dtype)


_product.defvjp(_forward, _backward)


def _solve(matrix: jax.Array, right: jax.Array, regularization: float) -> jax.Array:
    """`(matrix + regularization I)^-1 right` by Cholesky."""
    regular = matrix + regularization * jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(regular), right)


def _check_regularization(regularization: float) -> None:
    if not (regularization > 0 and math.isfinite(regularization)):
        raise ValueError(f"`regularization` must be above 0, got {regularization!r}")


class TractDense(nn.Module):
    """A dense layer with the gradient of `tract_dense`; for the first layer of a network.

    Attributes:
        features: number of outputs.
        use_bias: whether a bias is added, with the ordinary gradient.
        regularization: above 0.
        axis_name: see `tract_dense`.
        dtype: floating type of the computation.
        param_dtype: floating type of the parameters.
    """

    features: int
    use_bias: bool = True
    regularization: float = 0.1
    axis_name: str | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., n]` to `[..., features]`."""
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, self.param_dtype)
        y = tract_dense(x.astype(self.dtype), kernel.astype(self.dtype), self.regularization, self.axis_name)
        return _with_bias(self, y)


class TractConv(nn.Module):
    """A 2-D convolution with the gradient of `tract_conv`; for the first layer of a network.

    Attributes:
        features: number of output channels.
        kernel_size: height and width.
        strides: two integers of at least 1.
        padding: "SAME", "VALID" or two pairs of integers.
        use_bias: whether a bias is added, with the ordinary gradient.
        regularization: above 0.
        axis_name: see `tract_dense`.
        dtype: floating type of the computation.
        param_dtype: floating type of the parameters.
    """

    features: int
    kernel_size: Sequence[int] = (3, 3)
    strides: Sequence[int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    regularization: float = 0.1
    axis_name: str | None = None
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, H, W, C]` to `[B, H', W', features]`."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, self.param_dtype).astype(self.dtype)
        y = tract_conv(x.astype(self.dtype), kernel, self.strides, self.padding, self.regularization, self.axis_name)
        return _with_bias(self, y)


def _with_bias(layer: TractDense | TractConv, y: jax.Array) -> jax.Array:
    if not layer.use_bias:
        return y
    bias = layer.param("bias", nn.initializers.zeros, (layer.features,), layer.param_dtype).astype(layer.dtype)
    return y + jnp.expand_dims(bias, range(y.ndim - 1))
