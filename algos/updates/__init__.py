"""Gradient transformations beyond Optax's own."""

from .orthogonal import orthogonal_gradient as orthogonal_gradient
from .projections import project as project

__all__ = ["orthogonal_gradient", "project"]
