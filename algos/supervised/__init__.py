"""Supervised classification."""

from .boosting import BoostedNetwork as BoostedNetwork
from .boosting import BoostingLoss as BoostingLoss
from .boosting import SigmoidNetwork as SigmoidNetwork
from .boosting import boost as boost
from .boosting import cross_entropy_boosting as cross_entropy_boosting
from .boosting import log_exponential_boosting as log_exponential_boosting
from .boosting import merge_blocks as merge_blocks
from .boosting import squared_boosting as squared_boosting
from .boosting import truncate as truncate
from .classification import cross_entropy as cross_entropy
from .classification import log_stablemax as log_stablemax
from .classification import stablemax_cross_entropy as stablemax_cross_entropy
from .regression import squared_error as squared_error
from .terms import Terms as Terms
from .terms import forward as forward

__all__ = [
    "BoostedNetwork",
    "BoostingLoss",
    "SigmoidNetwork",
    "Terms",
    "boost",
    "cross_entropy",
    "cross_entropy_boosting",
    "forward",
    "log_exponential_boosting",
    "log_stablemax",
    "merge_blocks",
    "squared_boosting",
    "squared_error",
    "stablemax_cross_entropy",
    "truncate",
]
