"""Update transforms on digits and on the addition table."""

from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs import claims, comparison


def orthogonal_gradient() -> ConfigDict:
    """Grokking: without the gradient's component along the weights, generalisation follows memorisation at once."""
    loss = {"name": "supervised.cross_entropy"}
    adamw = {"name": "optax.adamw", "learning_rate": 0.01, "b1": 0.9, "b2": 0.99, "eps": 1e-25, "weight_decay": 0.0}
    return comparison(
        experiment="updates/orthogonal_gradient",
        paper="Prieto et al. 2025, arXiv 2501.04697",
        claim="Without the gradient along the weights a network groks modular addition without weight decay.",
        task={"name": "tasks.modular_addition", "modulus": 31, "train_fraction": 0.5},
        model={"name": "models.MLP", "features": [200, 200, 31], "use_bias": False},
        arms={
            "orthogonal_gradient": {"loss": loss, "optimizer": [{"name": "updates.orthogonal_gradient"}, adamw]},
            "adamw": {"loss": loss, "optimizer": [adamw]},
        },
        seeds=6,
        steps=800,
        evaluate_every=50,
        metric="accuracy",
        expect=[
            {
                "metric": "accuracy",
                "arm": "orthogonal_gradient",
                "against": "adamw",
                "direction": "higher",
                "least": 0.5,
                "at": "final",
            }
        ],
    )


CROSS_ENTROPY = {"name": "supervised.cross_entropy"}


def tract() -> ConfigDict:
    """TrAct on pixels whose scales differ a hundredfold, each arm at its best rate of .003, .01, .03, .1 and .3.

    Expect the training loss 0.1 that plain descent reaches after about 100 steps to be undercut by at least 0.02.
    """
    condition = {"name": "updates.precondition_by_inputs", "target": "Dense_0/kernel", "regularization": 0.1}

    def sgd(rate: float) -> dict[str, Any]:
        return {"name": "optax.sgd", "learning_rate": rate, "momentum": 0.9}

    return comparison(
        experiment="updates/tract",
        paper="Petersen et al. 2024, arXiv 2410.23970",
        claim="Descent on the first layer's pre-activations trains faster where inputs have different scales.",
        task={"name": "tasks.digits", "batch_size": 128, "least_scale": 0.05, "largest_scale": 5.0},
        model={"name": "models.MLP", "features": [64, 10]},
        arms={
            "tract": {"loss": CROSS_ENTROPY, "optimizer": [{"name": "tasks.with_inputs", "transform": condition}, sgd(0.3)]},
            "plain": {"loss": CROSS_ENTROPY, "optimizer": [sgd(0.1)]},
        },
        seeds=16,
        steps=100,
        evaluate_every=10,
        metric="train_loss",
        expect=[
            {
                "metric": "train_loss",
                "arm": "tract",
                "against": "plain",
                "direction": "lower",
                "least": 0.02,
                "at": "final",
            }
        ],
        log_scale=["train_loss"],
    )


def hesso() -> ConfigDict:
    """HESSO against removing 90 % of the hidden units by magnitude at the very end.

    Expect about 98 % with none removed and as much after HESSO, which comes out two points below, and half of it after the one
    shot.
    """
    units = {"hidden": [["params/Dense_0/kernel", 1], ["params/Dense_0/bias", 0], ["params/Dense_1/kernel", 0]]}
    adam = {"name": "optax.adam", "learning_rate": 3e-3}

    def arm(**options: Any) -> dict[str, Any]:
        return {
            "loss": CROSS_ENTROPY,
            "optimizer": [{"name": "updates.hesso", "inner": adam, "groups": units, "target": 0.9, **options}],
        }

    claim = {"metric": "accuracy", "arm": "hesso", "direction": "higher", "at": "final"}
    return comparison(
        experiment="updates/hesso",
        paper="Chen et al. 2024, arXiv 2409.09085",
        claim="Units that shrink to 0 while everything else trains on cost no accuracy, removed at once they do.",
        task={"name": "tasks.digits", "batch_size": 64},
        model={"name": "models.MLP", "features": [128, 10]},
        arms={
            "hesso": arm(start=200, period=200),
            "one_shot": arm(start=599, period=1, weights={"magnitude": 1.0}),
            "dense": {"loss": CROSS_ENTROPY, "optimizer": [adam]},
        },
        seeds=8,
        steps=600,
        evaluate_every=25,
        metric="accuracy",
        expect=[{**claim, "against": "one_shot", "least": 0.3}],
    )


def allora() -> ConfigDict:
    """ALLoRA against LoRA without a factor, fine-tuning a network that has just learnt upright digits to ones on their side.

    Expect a point or so more than LoRA's 70 % at rate 0.02, and 5 points more at the large rate 0.05, where the rows that have
    grown learn at a lower one. It comes out even: seeds spread by 15 points, since some fall back at either rate. The network
    is warmed up for 40 steps only; after hundreds its losses on the rotated images are so large that both arms diverge.
    """

    def arm(rate: float) -> dict[str, Any]:
        return {"loss": CROSS_ENTROPY, "optimizer": [{"name": "optax.sgd", "learning_rate": rate, "momentum": 0.9}]}

    claim = {"metric": "accuracy", "direction": "higher", "at": "final"}
    return comparison(
        experiment="updates/allora",
        paper="Huang, Balestriero 2024, arXiv 2410.09692",
        claim="Rates of its own for every row of an adapter, high at first and falling as it grows, train better than LoRA's.",
        task={"name": "tasks.adapted_digits", "rank": 4, "warm_steps": 40},
        model={"name": "models.MLP", "features": [64, 64, 10]},
        arms={
            "allora": {**arm(0.02), "task": {"eta": 2.0}},
            "lora": arm(0.02),
            "allora_fast": {**arm(0.05), "task": {"eta": 1.0}},
            "lora_fast": arm(0.05),
        },
        seeds=16,
        steps=60,
        evaluate_every=10,
        metric="accuracy",
        expect=[
            {**claim, "arm": "allora", "against": "lora", "least": 0.0},
            {**claim, "arm": "allora_fast", "against": "lora_fast", "least": 0.05},
        ],
    )


def normalize_and_project() -> ConfigDict:
    """NaP on labels that are redrawn at random 20 times, Adam at 3e-3, against letting the norms of the weights grow.

    Expect about 76 % of the last labels learnt in their 150 steps against 66 %.
    """
    kept = {"params": {"hidden_0": True, "hidden_1": True, "output": False}}
    project = {"name": "optax.masked", "inner": {"name": "updates.normalize_and_project"}, "mask": kept}
    adam = {"name": "optax.adam", "learning_rate": 3e-3}
    return comparison(
        experiment="updates/normalize_and_project",
        paper="Lyle et al. 2024, arXiv 2407.01800",
        claim="With normalised layers and weights of fixed norm a network keeps learning new labels as fast as at first.",
        task={"name": "tasks.redrawn_labels", "rounds": 20, "round_steps": 150},
        model={"name": "tasks.NormalizedMLP", "features": [128, 128, 10]},
        arms={
            "projected": {"loss": CROSS_ENTROPY, "optimizer": [adam, project]},
            "growing": {"loss": CROSS_ENTROPY, "optimizer": [adam]},
        },
        seeds=5,
        steps=3000,
        evaluate_every=600,
        metric="accuracy",
        expect=claims(("accuracy", "projected", "higher", "growing", 0.05)),
    )


def sparse_ift() -> ConfigDict:
    """Layers twice as wide whose weights are half or three quarters 0, at the multiplications of the dense network.

    Expect 0.3 to 1.5 points more than the dense network of 32 units, and more than that network with a quarter of its weights.
    """

    def arm(sparsities: dict[str, float]) -> dict[str, Any]:
        masks = {"name": "updates.random_masks", "sparsities": sparsities}
        rigl = {"name": "updates.rigl", "inner": adam, "masks": masks, "every": 50, "until": 450}
        return {"loss": CROSS_ENTROPY, "optimizer": [rigl]}

    adam = {"name": "optax.adam", "learning_rate": 3e-3}
    # Input and output layer widen on one side only, so that half of their weights stay; the one between on both.
    wide = {"Dense_0/kernel": 0.5, "Dense_1/kernel": 0.75, "Dense_2/kernel": 0.5}
    return comparison(
        experiment="updates/sparse_ift",
        paper="Thangarasa et al. 2023, arXiv 2303.11525",
        claim="At equal multiplications wide sparse layers with moving masks learn more than dense ones.",
        task={"name": "tasks.digits", "batch_size": 64},
        model={"name": "models.MLP", "features": [32, 32, 10]},
        arms={
            "wide": {**arm(wide), "model": {"features": [64, 64, 10]}},
            "dense": {"loss": CROSS_ENTROPY, "optimizer": [adam]},
            "narrow": arm({"kernel": 0.75}),
        },
        seeds=16,
        steps=600,
        evaluate_every=100,
        metric="accuracy",
        expect=claims(("accuracy", "wide", "higher", "dense", 0.003), ("accuracy", "wide", "higher", "narrow", 0.003)),
    )
