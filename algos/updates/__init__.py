"""Gradient transformations beyond Optax's own."""

from .hypergradient import hypergradient_factor as hypergradient_factor
from .norms import leaf_norms as leaf_norms
from .norms import normalize_and_project as normalize_and_project
from .norms import project_affine as project_affine
from .norms import project_norms as project_norms
from .orthogonal import orthogonal_gradient as orthogonal_gradient
from .perceptron import batch_perceptron as batch_perceptron
from .perceptron import normalize_by_error_mass as normalize_by_error_mass
from .projections import project as project

__all__ = [
    "batch_perceptron",
    "hypergradient_factor",
    "leaf_norms",
    "normalize_and_project",
    "normalize_by_error_mass",
    "orthogonal_gradient",
    "project",
    "project_affine",
    "project_norms",
]
