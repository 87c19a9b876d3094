"""Learning-rate schedules on real digit images.

    algax run schedules/rex

trains a small MLP on scikit-learn's digits for 40 steps only, with REX, linear and cosine decay, 48 seeds each. Expect test
accuracies near 95 %, REX half a point above cosine and one or two tenths above linear, which 48 seeds cannot tell from none:
the claim against linear decay comes out inconclusive.
"""

from ml_collections import ConfigDict, FieldReference

from algax.experiments.configs import choose, comparison


def rex() -> ConfigDict:
    """REX against linear and cosine decay at a budget of 40 steps, where the shape of a schedule counts most.

    The peak rate of every schedule is the best of .02, .05, .1 and .2 by validation loss.
    """
    steps = FieldReference(40)
    schedules = {
        "rex": {"name": "schedules.rex", "peak": 0.2, "steps": steps},
        "linear": {"name": "optax.linear_schedule", "init_value": 0.2, "end_value": 0.0, "transition_steps": steps},
        "cosine": {"name": "optax.cosine_decay_schedule", "init_value": 0.2, "decay_steps": steps},
    }
    arms = {
        name: {
            "loss": {"name": "supervised.cross_entropy"},
            "optimizer": [{"name": "optax.sgd", "learning_rate": schedule, "momentum": 0.9}],
        }
        for name, schedule in schedules.items()
    }
    claim = {"metric": "accuracy", "arm": "rex", "direction": "higher", "at": "final"}
    return comparison(
        experiment="schedules/rex",
        paper="Chen, Wolfe, Kyrillidis 2021, arXiv 2107.04197",
        claim="At a small budget REX beats linear and cosine decay.",
        task={"name": "tasks.digits", "batch_size": 64},
        model={"name": "models.MLP", "features": [64, 64, 10]},
        arms=arms,
        seeds=48,
        steps=steps,
        evaluate_every=5,
        metric="accuracy",
        expect=[{**claim, "against": "linear", "least": 0.0}, {**claim, "against": "cosine", "least": 0.005}],
    )


VARIANTS = {"rex": rex}


def get_config(variant: str = "rex") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
