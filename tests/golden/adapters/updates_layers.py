"""Golden records of layers with a backward rule of their own."""

import jax
import jax.numpy as jnp

from algax import models


def tract_linear(inputs, hyperparameters):
    x, weight, bias, cotangent = (jnp.asarray(inputs[name]) for name in ("x", "weight", "bias", "grad_output"))

    def layer(x, weight, bias):
        return models.tract_dense(x, weight.T, hyperparameters["lambda_"]) + bias[None]

    output, pullback = jax.vjp(layer, x, weight, bias)
    grad_x, grad_weight, grad_bias = pullback(cotangent)
    return {"output": output, "grad_x": grad_x, "grad_weight": grad_weight, "grad_bias": grad_bias}


def tract_conv(inputs, hyperparameters):
    h = hyperparameters
    stride, padding = ((h[name], h[name]) if isinstance(h[name], int) else tuple(h[name]) for name in ("stride", "padding"))

    def layer(x, weight):
        x, kernel = jnp.transpose(x, (0, 2, 3, 1)), jnp.transpose(weight, (2, 3, 1, 0))
        y = models.tract_conv(x, kernel, stride, [(side, side) for side in padding], h["lambda_"])
        return jnp.transpose(y, (0, 3, 1, 2))

    output, pullback = jax.vjp(layer, jnp.asarray(inputs["x"]), jnp.asarray(inputs["weight"]))
    grad_x, grad_weight = pullback(jnp.asarray(inputs["grad_output"]))
    return {"output": output, "grad_x": grad_x, "grad_weight": grad_weight}


def allora(inputs, hyperparameters):
    weight, b, a, x = (jnp.asarray(inputs[name]) for name in ("W", "B", "A", "x"))
    eta = hyperparameters["eta"]

    def layer(x, b, a):
        return models.allora(x, weight.T, a.T, b.T, eta)

    y, pullback = jax.vjp(layer, x, b, a)
    grad_x, grad_b, grad_a = pullback(jnp.asarray(inputs["grad_output"]))
    return {"y": y, "row_scale": models.allora_scales(a.T, b.T, eta), "grad_B": grad_b, "grad_A": grad_a, "grad_x": grad_x}


ADAPTERS = {
    "19_allora": allora,
    "225_tract_linear_tall": tract_linear,
    "225_tract_linear_wide": tract_linear,
    "225_tract_conv": tract_conv,
}
