"""Scaling laws and training dynamics.

    algax run scaling/one_epoch

trains a small network on the last four tokens of sentences of a random Markov chain for 800 steps, on 6400 fresh ones or on
640 repeated ten times. Expect the repeated ones to end 0.07 nats higher, at a loss that fresh ones reach within a fifth of
the steps.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose, comparison


def one_epoch() -> ConfigDict:
    """One pass over ten times the data against ten passes, at the same number of steps, without regularisation."""
    adam = {"name": "optax.adam", "learning_rate": 0.01}
    loss = {"name": "pretrain.next_token"}
    return comparison(
        experiment="scaling/one_epoch",
        paper="Komatsuzaki 2019, arXiv 1906.06669",
        claim="At equal steps one epoch on more data reaches a lower test loss than many epochs on less.",
        task={"name": "tasks.markov", "examples": 6400, "batch_size": 8},
        model={"name": "models.MLP", "features": [128, 8]},
        arms={
            "one_epoch": {"loss": loss, "optimizer": [adam]},
            "ten_epochs": {"loss": loss, "optimizer": [adam], "task": {"examples": 640}},
        },
        seeds=5,
        steps=800,
        evaluate_every=40,
        metric="nll",
        expect=[
            {
                "metric": "nll",
                "arm": "one_epoch",
                "against": "ten_epochs",
                "direction": "lower",
                "least": 0.02,
                "at": "final",
            }
        ],
    )


def dynamical_stability() -> ConfigDict:
    """SGD on single examples against gradient descent, same rate and start: where each can stay, H's trace and the l1 norm.

    The rate rises over the first quarter, since SGD diverges from this start otherwise. Its traces end near 18, below the
    bound of 2 / rate = 25, those of gradient descent near 85.
    """
    loss = {"name": "supervised.squared_error"}
    warmup = {"name": "optax.linear_schedule", "init_value": 0.0, "end_value": 0.08, "transition_steps": 1000}
    sgd = {"name": "optax.sgd", "learning_rate": warmup}
    claim = {"arm": "sgd", "against": "gradient_descent", "direction": "lower", "at": "final"}
    return comparison(
        experiment="scaling/dynamical_stability",
        paper="Wu, Su 2023, arXiv 2305.17490",
        claim="Minima at which SGD stays have a Hessian of small trace, at most 2 / rate, and so a small norm.",
        task={"name": "tasks.sparse_regression", "examples": 20, "dims": 40, "batch_size": 20},
        model={"name": "models.DiagonalNetwork", "scale": 0.5},
        arms={
            "sgd": {"loss": loss, "optimizer": [sgd], "task": {"batch_size": 1}},
            "gradient_descent": {"loss": loss, "optimizer": [sgd]},
        },
        seeds=40,
        steps=4000,
        evaluate_every=200,
        metric="log_trace",
        expect=[{**claim, "metric": "log_trace", "least": 0.22}, {**claim, "metric": "l1", "least": 0.0}],
        log_scale=("loss", "test_loss"),
    )


def benign_oscillation() -> ConfigDict:
    """SGD at rates below and above the strong feature's threshold of oscillation, which is near 4 for 8 units."""
    loss = {"name": "supervised.squared_error"}
    claim = {"arm": "large_rate", "direction": "higher", "at": "final"}
    return comparison(
        experiment="scaling/benign_oscillation",
        paper="Lu et al. 2023, arXiv 2310.17074",
        claim="At large rates the strong feature oscillates and the weak one is learnt; at small rates it is not.",
        task={"name": "tasks.feature_noise"},
        model={"name": "models.PatchNetwork", "units": 8},
        arms={
            "large_rate": {"loss": loss, "optimizer": [{"name": "optax.sgd", "learning_rate": 6.0}]},
            "small_rate": {"loss": loss, "optimizer": [{"name": "optax.sgd", "learning_rate": 1.0}]},
        },
        seeds=10,
        steps=4000,
        evaluate_every=200,
        metric="weak_accuracy",
        expect=[{**claim, "metric": "weak_accuracy", "against": "small_rate", "least": 0.3}],
    )


VARIANTS = {
    "benign_oscillation": benign_oscillation,
    "dynamical_stability": dynamical_stability,
    "one_epoch": one_epoch,
}


def get_config(variant: str = "one_epoch") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
