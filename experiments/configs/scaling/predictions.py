"""Predictions: laws fitted to runs that were seen, judged on runs that were not; an arm is a way to predict."""

from ml_collections import ConfigDict

from algax.experiments.configs import answered


def annealing_law() -> ConfigDict:
    """The law of two areas, fitted to a constant and a cosine run of SGD on a quadratic, predicts a WSD run.

    Expect errors below 1 % over the curve, and at its end at least 1 % less than those of a power law in the summed rates.
    """
    return answered(
        "scaling/annealing_law",
        "Tissue, Wang, Wang 2024, arXiv 2408.11029",
        "With a term for the annealing of the rate, a law fitted to two schedules predicts the loss under another.",
        "annealing_curves",
        ("annealing", "forward"),
        [("error", "annealing", "lower", "forward", 0.0), ("final_error", "annealing", "lower", "forward", 0.01)],
    )


def kaplan_law() -> ConfigDict:
    """Constants fitted to quadratics of 16 to 64 directions at three batch sizes predict one of 256 directions.

    Expect a mean error of 5 %, and that of a law without the batch to be larger by as much.
    """
    return answered(
        "scaling/kaplan_law",
        "Su et al. 2024, arXiv 2403.06563",
        "Constants found on small models predict the loss of a larger one at every step and batch size.",
        "loss_surface",
        ("kaplan", "steps"),
        [("error", "kaplan", "lower", "steps", 0.05)],
    )


def preempting_trials() -> ConfigDict:
    """Attempts of 20 (successes) and 40 (failures) aborted after 12 by an early sign, one standard deviation apart.

    Expect about 60 without aborting, and at least 3 % less, as far as the formula is exact, at the threshold it chooses.
    """
    return answered(
        "scaling/preempting_trials",
        "Watson, Correll 2023, arXiv 2301.10846",
        "Aborting attempts below the threshold of least expected time saves time over letting all of them run.",
        "attempts",
        ("threshold", "median", "never"),
        [("time", "threshold", "lower", "never", 1.8), ("time", "threshold", "lower", "median", 0.0)],
        seeds=16,
    )


def order_effects() -> ConfigDict:
    """Final losses of 30 orders of 20 batches, estimated from one run, with Adam's moments carried along or frozen.

    Expect rank correlations with the true losses of 1.0 and 0.6.
    """
    return answered(
        "scaling/order_effects",
        "Yang et al. 2025, arXiv 2505.22042",
        "One run's expansion ranks other orders of its batches as retraining does, if moments are carried along.",
        "batch_orders",
        ("carried", "frozen"),
        [("correlation", "carried", "higher", "frozen", 0.2)],
        seeds=5,
        model={"name": "models.MLP", "features": [32, 10], "activation": "tanh"},
    )


def learning_trace() -> ConfigDict:
    """Accuracies of a classifier on up to 30 % of the images, continued by a fitted power law, a logarithm, or not at all.

    Expect the power law to be within a point of the accuracy on all of them, and its rule to stop before 70 %. It never stops:
    successive fits cross where the curve is still three points below its asymptote, and the rule waits for one.
    """
    return answered(
        "scaling/learning_trace",
        "Vilares, Darriba, Ribadas 2017, arXiv 2402.02515",
        "Curves of decreasing return fitted to the first observations predict the final accuracy and when to stop.",
        "learning_curve",
        ("trace", "last", "logarithm"),
        [
            ("error", "trace", "lower", "last", 0.5),
            ("error", "trace", "lower", "logarithm", 0.0),
            ("used", "trace", "lower", "last", 0.3),
        ],
    )
