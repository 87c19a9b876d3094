"""Supervised classification."""

from .classification import cross_entropy as cross_entropy
from .classification import log_stablemax as log_stablemax
from .classification import stablemax_cross_entropy as stablemax_cross_entropy
from .terms import Terms as Terms
from .terms import forward as forward

__all__ = ["Terms", "cross_entropy", "forward", "log_stablemax", "stablemax_cross_entropy"]
