"""Gradient transformations beyond Optax's own."""

from .cric import cric as cric
from .cric import loss_ratios as loss_ratios
from .groups import group_criteria as group_criteria
from .groups import group_saliency as group_saliency
from .groups import remove_groups as remove_groups
from .groups import zero_groups as zero_groups
from .hesso import hesso as hesso
from .hesso import shrink_groups as shrink_groups
from .hypergradient import hypergradient_factor as hypergradient_factor
from .hyperparameter_free import hyperparameter_free as hyperparameter_free
from .norms import leaf_norms as leaf_norms
from .norms import normalize_and_project as normalize_and_project
from .norms import project_affine as project_affine
from .norms import project_norms as project_norms
from .orthogonal import orthogonal_gradient as orthogonal_gradient
from .perceptron import batch_perceptron as batch_perceptron
from .perceptron import normalize_by_error_mass as normalize_by_error_mass
from .preconditioned import precondition_by_inputs as precondition_by_inputs
from .prediction_norm import prediction_gradient_penalty as prediction_gradient_penalty
from .projections import project as project
from .recorder import record_norms as record_norms
from .recorder import recorded_norms as recorded_norms
from .sparse import drop_and_grow as drop_and_grow
from .sparse import erdos_renyi_densities as erdos_renyi_densities
from .sparse import iso_flop_width as iso_flop_width
from .sparse import random_mask as random_mask
from .sparse import random_masks as random_masks
from .sparse import rigl as rigl
from .sparse import sparse_training_flops as sparse_training_flops
from .width import scale_by_mup as scale_by_mup

__all__ = [
    "batch_perceptron",
    "cric",
    "drop_and_grow",
    "erdos_renyi_densities",
    "group_criteria",
    "group_saliency",
    "hesso",
    "hypergradient_factor",
    "hyperparameter_free",
    "iso_flop_width",
    "leaf_norms",
    "loss_ratios",
    "normalize_and_project",
    "normalize_by_error_mass",
    "orthogonal_gradient",
    "precondition_by_inputs",
    "prediction_gradient_penalty",
    "project",
    "project_affine",
    "project_norms",
    "random_mask",
    "random_masks",
    "record_norms",
    "recorded_norms",
    "remove_groups",
    "rigl",
    "shrink_groups",
    "scale_by_mup",
    "sparse_training_flops",
    "zero_groups",
]
