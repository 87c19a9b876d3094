"""Examples of the room `updates`."""

import jax
import jax.numpy as jnp

from ..kinds import Helper, UpdateExample


def _box(params):
    return jax.tree.map(lambda x: jnp.minimum(x, jnp.ones_like(x)), params)


EXAMPLES = {
    "batch_perceptron": Helper("updates/test_perceptron.py"),
    "hypergradient_factor": UpdateExample(
        {"initial": 0.5, "lower": 0.1, "upper": 2.0},
        bad=(
            {"initial": 0.0},
            {"lower": -1.0},
            {"upper": 0.1},
            {"mode": "divide"},
            {"cap": 1.0},
            {"normalize": 1},
            {"reference_weight": -0.1},
        ),
    ),
    "leaf_norms": Helper("updates/test_norms.py"),
    "normalize_and_project": UpdateExample({"every": 1}, bad=({"every": 0}, {"every": 1.5})),
    "normalize_by_error_mass": UpdateExample(extra_args={"margins": jnp.linspace(-1.0, 2.0, 5)}),
    "orthogonal_gradient": UpdateExample(
        {"epsilon": 1e-30}, bad=({"granularity": "row"}, {"rescale": 1}, {"epsilon": 0.0})
    ),
    "project": UpdateExample({"projection": _box}, bad=({"projection": 1.0},), functions=("projection",)),
    "project_affine": Helper("updates/test_norms.py"),
    "project_norms": Helper("updates/test_norms.py"),
}
