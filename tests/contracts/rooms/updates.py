"""Examples of the room `updates`."""

import jax
import jax.numpy as jnp
import optax

from ..kinds import Helper, UpdateExample


def _box(params):
    return jax.tree.map(lambda x: jnp.minimum(x, jnp.ones_like(x)), params)


def _mean_prediction(params, inputs):
    """A network that is not linear in its parameters."""
    total = sum(jnp.sum(jnp.sin(x.astype(jnp.float32))) for x in jax.tree.leaves(params))
    return jnp.mean(inputs) * total**2


def _every_third(params):
    """Masks for matrices; other leaves stay dense."""
    return jax.tree.map(lambda x: jnp.arange(x.size).reshape(x.shape) % 3 > 0 if x.ndim == 2 else None, params)


COLUMNS = {"columns": [("kernel", 1)]}


def _matrices(tree):
    return jax.tree.map(lambda x: x.ndim == 2, tree)


EXAMPLES = {
    "batch_perceptron": Helper("updates/test_perceptron.py"),
    "cric": UpdateExample(
        {"inner": optax.sgd(0.1, momentum=0.9), "groups": COLUMNS, "start": 0, "sampling_steps": 1, "period": 2},
        bad=(
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": -1, "sampling_steps": 2, "period": 2},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "sampling_steps": 0, "period": 2},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "sampling_steps": 2, "period": 0},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "sampling_steps": 2, "period": 2, "target": 1.5},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "sampling_steps": 2, "period": 2, "cycles": 0},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "sampling_steps": 2, "period": 2, "tolerance": -1},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "sampling_steps": 2, "period": 2, "multiple": 0},
        ),
        functions=("inner", "groups", "target", "start", "sampling_steps", "period", "cycles", "tolerance", "multiple"),
    ),
    "drop_and_grow": Helper("updates/test_sparse.py"),
    "erdos_renyi_densities": Helper("updates/test_sparse.py"),
    "group_criteria": Helper("updates/test_hesso.py"),
    "group_saliency": Helper("updates/test_hesso.py"),
    "hesso": UpdateExample(
        {"inner": optax.sgd(0.1, momentum=0.9), "groups": COLUMNS, "start": 0, "period": 2, "periods": 2},
        bad=(
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": -1, "period": 2},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "period": 0},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "period": 2, "periods": 0},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "period": 2, "target": 1.5},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "period": 2, "per_set": 1},
            {"inner": optax.sgd(0.1), "groups": COLUMNS, "start": 0, "period": 2, "multiple": 0},
        ),
        functions=("inner", "groups", "target", "start", "period", "periods", "multiple"),
    ),
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
    "hyperparameter_free": Helper("updates/test_hyperparameter_free.py"),
    "iso_flop_width": Helper("updates/test_sparse.py"),
    "leaf_norms": Helper("updates/test_norms.py"),
    "loss_ratios": Helper("updates/test_cric.py"),
    "normalize_and_project": UpdateExample({"every": 1}, bad=({"every": 0}, {"every": 1.5})),
    "normalize_by_error_mass": UpdateExample(extra_args={"margins": jnp.linspace(-1.0, 2.0, 5)}),
    "orthogonal_gradient": UpdateExample({"epsilon": 1e-30}, bad=({"granularity": "row"}, {"rescale": 1}, {"epsilon": 0.0})),
    "precondition_by_inputs": UpdateExample(
        {"target": "kernel$"},
        bad=({"target": 1}, {"target": "kernel", "regularization": 0.0}),
        functions=("target",),
        extra_args={"inputs": jnp.linspace(-1.0, 1.0, 40).reshape(5, 8)},
    ),
    "prediction_gradient_penalty": UpdateExample(
        {"mean_prediction": _mean_prediction},
        bad=(
            {"mean_prediction": 1.0},
            {"mean_prediction": _mean_prediction, "bound": -0.1},
            {"mean_prediction": _mean_prediction, "scale": 0.0},
            {"mean_prediction": _mean_prediction, "radius": 0.0},
            {"mean_prediction": _mean_prediction, "multiplier": -1.0},
            {"mean_prediction": _mean_prediction, "multiplier_rate": -1.0},
        ),
        functions=("mean_prediction",),
        extra_args={"inputs": jnp.ones(3)},
    ),
    "project": UpdateExample({"projection": _box}, bad=({"projection": 1.0},), functions=("projection",)),
    "project_affine": Helper("updates/test_norms.py"),
    "project_norms": Helper("updates/test_norms.py"),
    "random_mask": Helper("updates/test_sparse.py"),
    "random_masks": Helper("updates/test_sparse_layers.py"),
    "record_norms": UpdateExample(
        {"size": 3, "order": 1}, bad=({"size": 0}, {"size": 3, "order": 3}), functions=("size", "order")
    ),
    "recorded_norms": Helper("updates/test_recorder.py"),
    "remove_groups": Helper("updates/test_hesso.py"),
    "rigl": UpdateExample(
        {"inner": optax.sgd(0.1, momentum=0.9), "masks": _every_third, "every": 1},
        bad=(
            {"inner": optax.sgd(0.1), "masks": _every_third, "every": 0},
            {"inner": optax.sgd(0.1), "masks": _every_third, "until": 0},
            {"inner": optax.sgd(0.1), "masks": _every_third, "drop_fraction": 1.5},
        ),
        functions=("inner", "masks", "every", "until"),
    ),
    "scale_by_mup": UpdateExample(
        {"hidden": _matrices, "base_width": 2},
        bad=({"hidden": _matrices, "base_width": 0},),
        functions=("hidden",),
    ),
    "shrink_groups": UpdateExample(
        {"groups": COLUMNS, "masks": {"columns": [True, False, True, False]}, "period": 3},
        bad=({"groups": COLUMNS, "masks": {"columns": [True, False, True, False]}, "period": 0},),
        functions=("groups", "masks", "period"),
    ),
    "sparse_training_flops": Helper("updates/test_sparse.py"),
    "zero_groups": Helper("updates/test_hesso.py"),
}
