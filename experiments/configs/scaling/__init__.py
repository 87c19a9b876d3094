"""Scaling laws and training dynamics.

    algax run scaling/one_epoch

trains a small network on the last four tokens of sentences of a random Markov chain for 800 steps, on 6400 fresh ones or on
640 repeated ten times. Expect the repeated ones to end 0.07 nats higher, at a loss that fresh ones reach within a fifth of
the steps.

    algax run scaling/annealing_law    (and the other names of `VARIANTS`)

takes seconds; the function of the same name says what to expect.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose
from algax.experiments.configs.scaling import dynamics, growth, predictions

METHODS = (
    dynamics.benign_oscillation,
    dynamics.dynamical_stability,
    dynamics.learning_rate_transfer,
    dynamics.one_epoch,
    growth.boosting,
    growth.efficient_train,
    growth.growth,
    growth.stability_gap,
    predictions.annealing_law,
    predictions.kaplan_law,
    predictions.learning_trace,
    predictions.order_effects,
    predictions.preempting_trials,
)
VARIANTS = {method.__name__: method for method in METHODS}


def get_config(variant: str = "one_epoch") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
