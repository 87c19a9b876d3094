"""ALLoRA: low-rank adapters whose outputs learn at rates of their own, fast while they are near 0.

Source: Huang and Balestriero, ALLoRA: Adaptive Learning Rate Mitigates LoRA Fatal Flaws, 2024, arXiv 2410.09692.
"""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

VARIANTS = ("weights", "outputs", "scaled_outputs")


def allora_scales(a: jax.Array, b: jax.Array, eta: float = 1.0) -> jax.Array:
    """Returns the factors of the outputs' gradients, `1 / sqrt(||(a b)_i|| + 1 / eta^2)` with column i of the product.

    Args:
        a: `[n, r]`.
        b: `[r, m]`.
        eta: the factor of an output whose column is 0; above 0.

    Returns:
        `[m]` in at least float32; the norm itself, not its square, is under the root.

    Raises:
        ValueError: the shapes do not fit or `eta` is not above 0.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"`b` must be [r, m] for `a` [n, r], got {list(b.shape)} and {list(a.shape)}")
    _check_eta(eta)
    a, b = _wide(a), _wide(b)
    multiply = functools.partial(jnp.matmul, precision="highest")
    squares = jnp.sum(b * multiply(multiply(a.T, a), b), axis=0)  # without the n by m product
    return jax.lax.rsqrt(jnp.sqrt(jnp.maximum(squares, 0.0)) + eta**-2)


def allora_output_scales(outputs: jax.Array, eta: float = 1.0) -> jax.Array:
    """Returns `1 / sqrt(|f| + 1 / eta^2)`, the factors that depend on the adapter's outputs f and not on its weights.

    Args:
        outputs: f, an array of any shape.
        eta: the factor of an output that is 0; above 0.

    Returns:
        The factors in at least float32.

    Raises:
        ValueError: `eta` is not above 0.

    Source: Huang and Balestriero, 2024, arXiv 2410.09692, a variant in its ablation.
    """
    _check_eta(eta)
    return jax.lax.rsqrt(jnp.abs(_wide(outputs)) + eta**-2)


def allora(
    x: jax.Array, kernel: jax.Array, a: jax.Array, b: jax.Array, eta: float = 1.0, variant: str = "weights"
) -> jax.Array:
    """Computes `x @ (kernel + a @ b)`, of which only the gradients of `a` and `b` are changed.

    With `G` the gradient of the product `a b`, its columns are multiplied by `allora_scales` before they reach the factors:
    `dA = (G s) B'`, `dB = A' (G s)`. The scales are constants, the gradient of `x` is the ordinary one, and `kernel` is frozen.

    Args:
        x: `[..., n]`.
        kernel: `[n, m]`.
        a: `[n, r]`, random at first.
        b: `[r, m]`, 0 at first.
        eta: see `allora_scales`; the rate of training starts at `eta` times the optimizer's.
        variant: "weights" is the method above. "outputs" scales the gradient at every output of every row of x by
            `allora_output_scales` of f = x a b instead. "scaled_outputs" multiplies these outputs themselves,
            `x kernel + s f` with constant s, so that no factor is left to choose but no kernel is the merged layer either.

    Returns:
        `[..., m]`. No factor `alpha / r`, no dropout; `kernel + a @ b` is the merged layer but for "scaled_outputs".

    Raises:
        ValueError: the shapes do not fit, `eta` is not above 0, or there is no such variant.

    Source: Huang and Balestriero, 2024, arXiv 2410.09692; its ablation has the other two variants (output-dependent rates,
    adaptive scaling factor), whose factors are taken to be constants like the first one's.
    """
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be one of {', '.join(VARIANTS)}, got {variant!r}")
    _check_eta(eta)
    if kernel.shape != (a.shape[0], b.shape[-1]) or x.shape[-1:] != kernel.shape[:1]:
        shapes = [list(array.shape) for array in (x, kernel, a, b)]
        raise ValueError(f"`kernel` must be [n, m] for `x` [..., n], `a` [n, r] and `b` [r, m], got {shapes}")
    rows = x.reshape(-1, x.shape[-1])
    if variant == "scaled_outputs":
        change = (rows @ a) @ b
        change = jax.lax.stop_gradient(allora_output_scales(change, eta)).astype(change.dtype) * change
    else:
        change = _branch(rows, a, b, eta, variant)
    y = rows @ jax.lax.stop_gradient(kernel) + change
    return y.reshape(*x.shape[:-1], kernel.shape[1])


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _branch(x: jax.Array, a: jax.Array, b: jax.Array, eta: float, variant: str) -> jax.Array:
    return (x @ a) @ b


def _branch_forward(x: jax.Array, a: jax.Array, b: jax.Array, eta: float, variant: str):
    outputs = _branch(x, a, b, eta, variant)
    scales = allora_output_scales(outputs, eta) if variant == "outputs" else allora_scales(a, b, eta)[None]
    return outputs, (x, a, b, scales)


def _branch_backward(eta: float, variant: str, residuals: tuple[jax.Array, ...], cotangent: jax.Array):
    x, a, b, scales = residuals
    scaled = cotangent * scales.astype(cotangent.dtype)
    return (cotangent @ b.T) @ a.T, x.T @ (scaled @ b.T), (x @ a).T @ scaled


_branch.defvjp(_branch_forward, _branch_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def allora_product(a: jax.Array, b: jax.Array, eta: float = 1.0) -> jax.Array:
    """Computes `a @ b` with the gradients of `allora`, for adapters that are added to a kernel.

    Args:
        a: `[n, r]`.
        b: `[r, m]`.
        eta: see `allora_scales`.

    Returns:
        `[n, m]`.

    Raises:
        ValueError: when differentiated, as `allora_scales`.
    """
    return jnp.matmul(a, b, precision="highest")


def _product_forward(a: jax.Array, b: jax.Array, eta: float):
    return allora_product(a, b, eta), (a, b, allora_scales(a, b, eta))


def _product_backward(eta: float, residuals: tuple[jax.Array, ...], cotangent: jax.Array):
    a, b, scales = residuals
    scaled = cotangent * scales.astype(cotangent.dtype)[None]
    return jnp.matmul(scaled, b.T, precision="highest"), jnp.matmul(a.T, scaled, precision="highest")


allora_product.defvjp(_product_forward, _product_backward)


class AlloraDense(nn.Module):
    """A frozen dense layer with the adapter of `allora`; any model gets one by `lora.apply(params, adapters, eta=...)`.

    Attributes:
        features: number of outputs.
        rank: rank of the adapter, at least 1.
        eta: see `allora_scales`.
        variant: see `allora`; `lora.apply` has the first one.
        dtype: floating type of the computation.
        param_dtype: floating type of the parameters.
    """

    features: int
    rank: int
    eta: float = 1.0
    variant: str = "weights"
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., n]` to `[..., features]`; `kernel` is meant to be loaded and has gradient 0."""
        inputs = x.shape[-1]
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (inputs, self.features), self.param_dtype)
        a = self.param("a", nn.initializers.normal(inputs**-0.5), (inputs, self.rank), self.param_dtype)
        b = self.param("b", nn.initializers.zeros, (self.rank, self.features), self.param_dtype)
        x, kernel, a, b = (array.astype(self.dtype) for array in (x, kernel, a, b))
        return allora(x, kernel, a, b, self.eta, self.variant)


def _check_eta(eta: float) -> None:
    if not (eta > 0 and math.isfinite(eta)):
        raise ValueError(f"`eta` must be above 0 and finite, got {eta!r}")


def _wide(x: jax.Array) -> jax.Array:
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)
