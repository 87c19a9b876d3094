"""Golden records of the room `updates`."""

import jax.numpy as jnp

from algax import updates


def orthogonal_gradient(inputs, hyperparameters):
    granularity = "global" if hyperparameters["granularity"].startswith("global") else "leaf"
    leaves = [name.removeprefix("param_") for name in inputs if name.startswith("param_")]
    params = {leaf: jnp.asarray(inputs[f"param_{leaf}"]) for leaf in leaves}
    gradient = {leaf: jnp.asarray(inputs[f"grad_{leaf}"]) for leaf in leaves}
    tx = updates.orthogonal_gradient(granularity, hyperparameters["rescale"], hyperparameters["eps"])
    result, _ = tx.update(gradient, tx.init(params), params)
    return {f"ortho_{leaf}": result[leaf] for leaf in leaves}


ADAPTERS = {"118_orthograd": orthogonal_gradient}
