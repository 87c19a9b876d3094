"""Examples of the room `updates`."""

import jax
import jax.numpy as jnp

from ..kinds import UpdateExample


def _box(params):
    return jax.tree.map(lambda x: jnp.minimum(x, jnp.ones_like(x)), params)


EXAMPLES = {
    "orthogonal_gradient": UpdateExample(
        {"epsilon": 1e-30}, bad=({"granularity": "row"}, {"rescale": 1}, {"epsilon": 0.0})
    ),
    "project": UpdateExample({"projection": _box}, bad=({"projection": 1.0},), functions=("projection",)),
}
