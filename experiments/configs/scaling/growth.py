"""Networks that grow: in width, block by block, or with their images."""

from typing import Any

from ml_collections import ConfigDict, FieldReference

from algax.experiments.configs import answered, claims, comparison


def boosting() -> ConfigDict:
    """Thirty boosted blocks of two units on 400 examples of breast cancer data against sixty units trained at once.

    Expect 97.0 % and as much with the first half of the blocks, against 96.4 % and 95.6 % with a random half of the units.
    """
    return answered(
        "scaling/boosting",
        "Emami, Martinez-Munoz 2019, arXiv 1909.12098",
        "A network built block by block is as accurate as one trained at once, and loses nothing without its last blocks.",
        "boosted_network",
        ("boosted", "joint"),
        [("accuracy", "boosted", "higher", "joint", 0.0), ("half_accuracy", "boosted", "higher", "joint", 0.01)],
        seeds=32,
    )


def efficient_train() -> ConfigDict:
    """Digits of 16 pixels a side, seen at 8, 8, 12, 16 and 16, against as much computation at full size.

    Expect an accuracy within a point of all steps at full size for 61 % of the cost, and above that of equal cost. It comes out
    even with full size, but seeds spread by two points, so that the margin of one is inconclusive.
    """
    return answered(
        "scaling/efficient_train",
        "Wang et al. 2022, arXiv 2211.09703",
        "Low frequencies first: small images at the start save computation and cost no accuracy.",
        "image_stages",
        ("growing", "equal_cost", "full"),
        [("accuracy", "growing", "higher", "equal_cost", 0.0), ("accuracy", "growing", "higher", "full", -0.01)],
        model={"name": "tasks.ConvNet", "channels": 8},
    )


def growth() -> ConfigDict:
    """A network of 16 units that grows to 32 after 60 % of its steps, against 32 and 16 units throughout.

    Expect a loss within 3 % of the large one's for 70 % of its cost, and below the small one's. (The large network trained for
    70 % of the steps, which costs as much, ends 0.02 lower: growth does not pay in so small a model.)
    """
    steps = FieldReference(2000)

    def arm(units: int = 32, **task: Any) -> dict[str, Any]:
        rate = {"name": "schedules.warmup_stable_decay", "peak": 0.01, "steps": steps, "warmup": 0}
        rate |= {"decay_steps": steps // 5, "end_ratio": 0.0, "shape": "linear"}
        adam = {"name": "optax.adam", "learning_rate": rate}
        own = {"task": task, "model": {"features": [units, 8]}}
        return {"loss": {"name": "pretrain.next_token"}, "optimizer": [adam], **own}

    return comparison(
        experiment="scaling/growth",
        paper="Li et al. 2023, arXiv 2309.03852",
        claim="A model that grows without a jump of its loss ends close to one that was large throughout, at much less cost.",
        task={"name": "tasks.growing_markov", "width": 16},
        model={"name": "models.MLP", "features": [32, 8]},
        arms={"grown": arm(start=steps * 3 // 5), "large": arm(), "small": arm(16)},
        seeds=8,
        steps=steps,
        evaluate_every=400,
        metric="nll",
        expect=claims(("nll", "grown", "lower", "large", -0.042), ("nll", "grown", "lower", "small", 0.0)),
    )


def stability_gap() -> ConfigDict:
    """A network of upright digits goes on with digits on their side, half of them wrongly labelled: a pass of updates each.

    Expect a fifth of old images to take more than 30 % off the depth of the gap, and five epochs of the best fifth of the new
    ones to reach a higher accuracy than one of all.
    """
    return answered(
        "scaling/stability_gap",
        "Guo et al. 2024, arXiv 2406.14833",
        "Old data in the mixture narrow the gap, and several epochs of the best subset learn more than one of everything.",
        "domain_shift",
        ("mixed", "subset", "all"),
        [("log_depth", "mixed", "lower", "all", 0.357), ("new_accuracy", "subset", "higher", "all", 0.0)],
        model={"name": "models.MLP", "features": [64, 10]},
    )
