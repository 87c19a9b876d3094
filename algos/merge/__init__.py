"""Parameters made from the parameters of several models."""

from .top_delta import top_delta_merge as top_delta_merge
from .weighted import balanced_initialisation as balanced_initialisation
from .weighted import weighted_merge as weighted_merge

__all__ = [
    "balanced_initialisation",
    "top_delta_merge",
    "weighted_merge",
]
