"""Tasks with embedded, real or verifiable data: pure functions in the graph, nothing downloaded."""

from algax.experiments.tasks.arithmetic import arithmetic
from algax.experiments.tasks.bandit import bandit, refresh_sampler
from algax.experiments.tasks.bradley_terry import bradley_terry
from algax.experiments.tasks.digits import digits
from algax.experiments.tasks.modular_addition import modular_addition
from algax.experiments.tasks.pretrained import pretrained
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.text import text
from algax.experiments.tasks.unlearning import unlearning

__all__ = [
    "Task",
    "arithmetic",
    "bandit",
    "bradley_terry",
    "digits",
    "modular_addition",
    "pretrained",
    "refresh_sampler",
    "text",
    "unlearning",
]
