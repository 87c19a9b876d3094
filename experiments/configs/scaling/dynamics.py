"""Training dynamics: what steps, rates and widths do."""

from ml_collections import ConfigDict

from algax.experiments.configs import claims, comparison


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


def learning_rate_transfer() -> ConfigDict:
    """The sharpness of full-batch descent at eta_0 = 3, width 64 and 512, under muP and in the neural tangent regime.

    Expect muP's, times the rate's factor, to grow at either width from 0.2 towards 2 / eta_0 = 0.67, and that of the wide
    network in the other regime to stay where it started, and its loss high.
    """
    loss = {"name": "supervised.squared_error"}

    def arm(width: int, parameterization: str) -> dict:
        rate = 3.0 * (width if parameterization == "mup" else 1)
        model = {"width": width, "parameterization": parameterization}
        return {"loss": loss, "optimizer": [{"name": "optax.sgd", "learning_rate": rate}], "model": model}

    return comparison(
        experiment="scaling/learning_rate_transfer",
        paper="Noci et al. 2024, arXiv 2402.17457",
        claim="Under muP the sharpness takes the same course at all widths; in the tangent regime the wider the less it moves.",
        task={"name": "tasks.fitted_digits", "examples": 256},
        model={"name": "models.ScaledMLP", "width": 64, "depth": 1, "outputs": 10, "parameterization": "mup"},
        arms={f"{name}_{width}": arm(width, name) for name in ("mup", "ntk") for width in (64, 512)},
        seeds=5,
        steps=40,
        evaluate_every=20,
        metric="sharpness",
        expect=claims(
            ("sharpness", "mup_64", "higher", "start", 0.1),
            ("sharpness", "mup_512", "higher", "start", 0.1),
            ("sharpness", "mup_512", "higher", "ntk_512", 0.1),
            ("loss", "mup_512", "lower", "ntk_512", 0.2),
        ),
    )
