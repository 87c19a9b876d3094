"""Schedules beyond Optax's own: functions of the step, for learning rates and any other hyperparameter."""

from .budget import rex as rex
from .continual import anneal_from as anneal_from
from .continual import infinite as infinite
from .continual import rewarmed as rewarmed
from .forecast import ExponentialFit as ExponentialFit
from .forecast import exponential_forecast as exponential_forecast
from .forecast import prune_outliers as prune_outliers
from .pieces import decay as decay
from .pieces import phases as phases
from .pieces import sampled as sampled
from .pieces import table as table
from .power import power as power
from .power import with_final_decay as with_final_decay
from .refined import last_iterate_bound as last_iterate_bound
from .refined import refine as refine
from .refined import smooth_norms as smooth_norms
from .search import Search as Search
from .search import Stage as Stage
from .search import auto_learning_rates as auto_learning_rates
from .search import propose_rate as propose_rate
from .stable import warmup_stable_decay as warmup_stable_decay
from .stable import warmup_stable_decay_constant as warmup_stable_decay_constant
from .stable import warmup_stable_decay_simplified as warmup_stable_decay_simplified
from .staged import staged as staged
from .staged import staged_at as staged_at

__all__ = [
    "ExponentialFit",
    "Search",
    "Stage",
    "anneal_from",
    "auto_learning_rates",
    "decay",
    "exponential_forecast",
    "infinite",
    "last_iterate_bound",
    "phases",
    "power",
    "propose_rate",
    "prune_outliers",
    "refine",
    "rewarmed",
    "rex",
    "sampled",
    "smooth_norms",
    "staged",
    "staged_at",
    "table",
    "warmup_stable_decay",
    "warmup_stable_decay_constant",
    "warmup_stable_decay_simplified",
    "with_final_decay",
]
