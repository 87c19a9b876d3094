"""Schedules beyond Optax's own: functions of the step, for learning rates and any other hyperparameter."""

from .budget import rex as rex
from .continual import anneal_from as anneal_from
from .continual import infinite as infinite
from .continual import rewarmed as rewarmed
from .pieces import decay as decay
from .pieces import phases as phases
from .pieces import sampled as sampled
from .pieces import table as table
from .power import power as power
from .power import with_final_decay as with_final_decay
from .refined import refine as refine
from .refined import smooth_norms as smooth_norms
from .stable import warmup_stable_decay as warmup_stable_decay
from .stable import warmup_stable_decay_constant as warmup_stable_decay_constant
from .stable import warmup_stable_decay_simplified as warmup_stable_decay_simplified
from .staged import staged as staged
from .staged import staged_at as staged_at

__all__ = [
    "anneal_from",
    "decay",
    "infinite",
    "phases",
    "power",
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
