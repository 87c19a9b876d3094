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
from .weak_supervision import confidence_ramp as confidence_ramp
from .weak_supervision import confident_targets as confident_targets
from .weak_supervision import product_supervision as product_supervision
from .weak_supervision import product_targets as product_targets
from .weak_supervision import soft_cross_entropy as soft_cross_entropy
from .weak_supervision import weak_to_strong as weak_to_strong

__all__ = [
    "BoostedNetwork",
    "BoostingLoss",
    "SigmoidNetwork",
    "Terms",
    "boost",
    "confidence_ramp",
    "confident_targets",
    "cross_entropy",
    "cross_entropy_boosting",
    "forward",
    "log_exponential_boosting",
    "log_stablemax",
    "merge_blocks",
    "product_supervision",
    "product_targets",
    "soft_cross_entropy",
    "squared_boosting",
    "squared_error",
    "stablemax_cross_entropy",
    "truncate",
    "weak_to_strong",
]
