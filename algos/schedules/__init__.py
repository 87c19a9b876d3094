"""Schedules beyond Optax's own: functions of the step, for learning rates and any other hyperparameter."""

from .budget import rex as rex
from .pieces import decay as decay
from .pieces import phases as phases
from .pieces import sampled as sampled
from .pieces import table as table
from .stable import warmup_stable_decay as warmup_stable_decay
from .stable import warmup_stable_decay_simplified as warmup_stable_decay_simplified

__all__ = [
    "decay",
    "phases",
    "rex",
    "sampled",
    "table",
    "warmup_stable_decay",
    "warmup_stable_decay_simplified",
]
