"""Tasks with embedded, real or verifiable data: pure functions in the graph, nothing downloaded."""

from algax.experiments.tasks import rollouts
from algax.experiments.tasks.adapted_digits import adapted_digits
from algax.experiments.tasks.arithmetic import arithmetic, arithmetic_problems
from algax.experiments.tasks.bandit import bandit, refresh_sampler
from algax.experiments.tasks.bandit_rows import demonstration_rows, rehearsal_rows, replayed_rows, tempered_rows
from algax.experiments.tasks.bradley_terry import bradley_terry
from algax.experiments.tasks.countdown import countdown, countdown_problems
from algax.experiments.tasks.digits import digits, with_inputs
from algax.experiments.tasks.feature_noise import feature_noise
from algax.experiments.tasks.lengths import lengths
from algax.experiments.tasks.markov import markov
from algax.experiments.tasks.modes import modes
from algax.experiments.tasks.modular_addition import modular_addition
from algax.experiments.tasks.pretrained import pretrained
from algax.experiments.tasks.river_valley import mean_output, river_valley
from algax.experiments.tasks.sequence_rows import branched_rows, imperfect_rows
from algax.experiments.tasks.sequences import sequences
from algax.experiments.tasks.shifted_chains import shifted_chains
from algax.experiments.tasks.sparse_regression import sparse_regression
from algax.experiments.tasks.strategies import spurious_step, two_ways
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.text import text
from algax.experiments.tasks.unlearning import unlearning
from algax.experiments.tasks.verified import verified

__all__ = [
    "Task",
    "adapted_digits",
    "arithmetic",
    "arithmetic_problems",
    "bandit",
    "bradley_terry",
    "demonstration_rows",
    "branched_rows",
    "countdown",
    "countdown_problems",
    "digits",
    "feature_noise",
    "imperfect_rows",
    "lengths",
    "mean_output",
    "markov",
    "modes",
    "modular_addition",
    "pretrained",
    "refresh_sampler",
    "rehearsal_rows",
    "replayed_rows",
    "river_valley",
    "rollouts",
    "sequences",
    "shifted_chains",
    "sparse_regression",
    "spurious_step",
    "tempered_rows",
    "text",
    "two_ways",
    "unlearning",
    "verified",
    "with_inputs",
]
