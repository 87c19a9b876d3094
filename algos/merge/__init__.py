"""Parameters made from the parameters of several models."""

from .growth import copy_layers as copy_layers
from .growth import grow as grow
from .growth import last_axis as last_axis
from .growth import mask_new_units as mask_new_units
from .growth import new_units as new_units
from .growth import norm_masks as norm_masks
from .growth import transformer_output_axes as transformer_output_axes
from .top_delta import top_delta_merge as top_delta_merge
from .weighted import balanced_initialisation as balanced_initialisation
from .weighted import weighted_merge as weighted_merge

__all__ = [
    "balanced_initialisation",
    "copy_layers",
    "grow",
    "last_axis",
    "mask_new_units",
    "new_units",
    "norm_masks",
    "top_delta_merge",
    "transformer_output_axes",
    "weighted_merge",
]
