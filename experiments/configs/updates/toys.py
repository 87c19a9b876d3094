"""Update transforms on small problems of which everything is known."""

from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs import answered, claims, comparison

MEAN_OUTPUT = {"name": "tasks.mean_output"}


def error_mass() -> ConfigDict:
    """Logistic regression with one example against 999: the gradient over its error mass, at rate 1, against plain descent.

    Expect it to separate the classes after 16 steps, where plain descent takes some 7000, 700 and 300 at rates 1, 10 and 100.
    """
    normalized = {"name": "tasks.with_margins", "transform": {"name": "updates.normalize_by_error_mass"}}

    def arm(rate: float, *before: Any) -> dict[str, Any]:
        sgd = {"name": "optax.sgd", "learning_rate": rate}
        return {"loss": {"name": "supervised.cross_entropy"}, "optimizer": [*before, sgd]}

    plain = {"plain_1": 1.0, "plain_10": 10.0, "plain_100": 100.0}
    return comparison(
        experiment="updates/error_mass",
        paper="Tyurin 2024, arXiv 2412.08424",
        claim="Divided by the mean error weight the gradient separates classes in far fewer steps, whatever their sizes.",
        task={"name": "tasks.separation", "examples": 1000},
        model={"name": "models.MLP", "features": [1]},
        arms={"normalized": arm(1.0, normalized)} | {name: arm(rate) for name, rate in plain.items()},
        seeds=16,
        steps=100,
        evaluate_every=10,
        metric="separated",
        expect=claims(*(("separated", "normalized", "higher", name, 0.9) for name in plain)),
    )


def hypergradient() -> ConfigDict:
    """FedHyper's server rate, frozen after 20 of 30 rounds, against federated averaging; then both at a server rate of 20.

    Inner products are normalised: those of so small a model's changes are too small to move the rate. Expect as much accuracy
    after its 20 rounds as averaging has after 30 at a small local rate, and more at the large server rate.
    """
    rounds = {"name": "schedules.phases", "pieces": [[20, 1.0], [None, 0.0]]}
    until_20 = {"name": "optax.scale_by_schedule", "step_size_fn": rounds}

    def arm(rate: float, *after: Any, **task: float) -> dict[str, Any]:
        return {"loss": MEAN_OUTPUT, "optimizer": [{"name": "optax.sgd", "learning_rate": rate}, *after], "task": task}

    adapt = {"name": "updates.hypergradient_factor", "normalize": True}
    return comparison(
        experiment="updates/hypergradient",
        paper="Wang et al. 2023, arXiv 2310.03156",
        claim="A server rate that follows the agreement of successive rounds saves a third of them at a small local rate.",
        task={"name": "tasks.federated_digits", "local_rate": 0.002},
        model={"name": "models.MLP", "features": [32, 10]},
        arms={
            "adapted": arm(1.0, adapt, until_20),
            "average": arm(1.0),
            "adapted_large": arm(20.0, adapt, local_rate=0.1),
            "average_large": arm(20.0, local_rate=0.1),
        },
        seeds=5,
        steps=30,
        evaluate_every=10,
        metric="accuracy",
        expect=claims(
            ("accuracy", "adapted", "higher", "average", 0.0), ("accuracy", "adapted_large", "higher", "average_large", 0.05)
        ),
    )


def ignite() -> ConfigDict:
    """IGNITE: a bound on the gradient of the mean prediction, while a function's worse half of points is learnt.

    Expect designs climbed on this model to be better by 5 to 30 % of the gap to the optimum, and half the gradient's norm. The
    norm falls by that much or nearly, but the designs are worse by 5 %, and the more so the stronger the bound or the fewer the
    points: models of this function do not overestimate between its points, and a flatter one climbs less far.
    """
    model = {"name": "models.MLP", "features": [64, 64, 1]}
    predict = {"name": "tasks.mean_prediction", "model": model}
    penalty = {"name": "updates.prediction_gradient_penalty", "mean_prediction": predict, "multiplier_rate": 1e-3}
    adam = {"name": "optax.adam", "learning_rate": 3e-3}
    loss = {"name": "supervised.squared_error"}
    return comparison(
        experiment="updates/ignite",
        paper="Dao et al. 2025, arXiv 2503.04242",
        claim="A model whose mean prediction is insensitive to its parameters leads the search for designs to better ones.",
        task={"name": "tasks.offline_design", "points": 400},
        model=model,
        arms={
            "insensitive": {"loss": loss, "optimizer": [{"name": "tasks.with_inputs", "transform": penalty}, adam]},
            "plain": {"loss": loss, "optimizer": [adam]},
        },
        seeds=16,
        steps=2000,
        evaluate_every=200,
        metric="value",
        expect=claims(("value", "insensitive", "higher", "plain", 0.05), ("log_norm", "insensitive", "lower", "plain", 0.69)),
    )


def hyperparameter_free() -> ConfigDict:
    """Prodigy and MoMo-Adam with one calibrated setting for three workloads, as their library has them, and NadamW calibrated.

    Expect calibrated scores at least 0.1 above those of the defaults, and NadamW's no more than 0.1 below the best of them. It
    comes out otherwise: 400 steps on digits reach the targets soonest with Prodigy, whose decay helps little, and MoMo-Adam's
    bound on the rate is what a decay makes too low.
    """
    return answered(
        "updates/hyperparameter_free",
        "Kasimbeg et al. 2025, arXiv 2505.24005",
        "Methods without a learning rate need calibrated schedules and betas, and then do no better than a calibrated NadamW.",
        "workloads",
        ("nadamw", "prodigy", "prodigy_default", "momo_adam", "momo_adam_default"),
        [
            ("score", "prodigy", "higher", "prodigy_default", 0.1),
            ("score", "momo_adam", "higher", "momo_adam_default", 0.1),
            ("score", "nadamw", "higher", "prodigy", -0.1),
            ("score", "nadamw", "higher", "momo_adam", -0.1),
        ],
    )
