"""Gradient transformations beyond Optax's own."""

from .hypergradient import hypergradient_factor as hypergradient_factor
from .norms import leaf_norms as leaf_norms
from .norms import normalize_and_project as normalize_and_project
from .norms import project_affine as project_affine
from .norms import project_norms as project_norms
from .orthogonal import orthogonal_gradient as orthogonal_gradient
from .perceptron import batch_perceptron as batch_perceptron
from .perceptron import normalize_by_error_mass as normalize_by_error_mass
from .prediction_norm import prediction_gradient_penalty as prediction_gradient_penalty
from .projections import project as project
from .sparse import drop_and_grow as drop_and_grow
from .sparse import erdos_renyi_densities as erdos_renyi_densities
from .sparse import iso_flop_width as iso_flop_width
from .sparse import random_mask as random_mask
from .sparse import rigl as rigl
from .sparse import sparse_training_flops as sparse_training_flops

__all__ = [
    "batch_perceptron",
    "drop_and_grow",
    "erdos_renyi_densities",
    "hypergradient_factor",
    "iso_flop_width",
    "leaf_norms",
    "normalize_and_project",
    "normalize_by_error_mass",
    "orthogonal_gradient",
    "prediction_gradient_penalty",
    "project",
    "project_affine",
    "project_norms",
    "random_mask",
    "rigl",
    "sparse_training_flops",
]
