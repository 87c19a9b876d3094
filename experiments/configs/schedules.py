"""Learning-rate schedules on real digit images.

    algax run schedules/rex

trains a small MLP on scikit-learn's digits for 40 steps only, with REX, linear and cosine decay, 48 seeds each. Expect test
accuracies near 95 %, REX half a point above cosine and one or two tenths above linear, which 48 seeds cannot tell from none:
the claim against linear decay comes out inconclusive.

    algax run schedules/warmup_stable_decay    (and the other names of `VARIANTS`)

trains on a toy in seconds; the function of the same name below says what to expect.
"""

from typing import Any

from ml_collections import ConfigDict, FieldReference

from algax.experiments.configs import answered, choose, claims, comparison


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


def warmup_stable_decay() -> ConfigDict:
    """WSD in a river valley: the plateau goes far along the river, the decay then descends from the hills.

    Expect about -0.41 against -0.25 for cosine, -0.23 for the constant rate and -0.04 for a low constant one.
    """
    steps = FieldReference(2000)
    rates: dict[str, Any] = {
        "wsd": {"name": "schedules.warmup_stable_decay", "peak": 0.09, "steps": steps, "warmup": 0, "decay_steps": steps // 10},
        "cosine": {"name": "optax.cosine_decay_schedule", "init_value": 0.09, "decay_steps": steps, "alpha": 0.1},
        "constant": 0.09,
        "low": 0.009,
    }
    claim = {"metric": "loss", "arm": "wsd", "direction": "lower", "least": 0.1, "at": "final"}
    return comparison(
        experiment="schedules/warmup_stable_decay",
        paper="Wen et al. 2024, arXiv 2410.05192",
        claim="In a river valley a plateau with a short decay ends lower than cosine decay or a constant rate.",
        task={"name": "tasks.river_valley", "slope": 0.05, "curvature": 20.0, "noise": 1.0},
        model={"name": "models.MLP", "features": [1]},
        arms=_sgd({"name": "tasks.mean_output"}, rates, momentum=None),
        seeds=100,
        steps=steps,
        evaluate_every=50,
        metric="loss",
        expect=[{**claim, "against": arm} for arm in ("cosine", "constant", "low")],
    )


# ----- one chain after another --------------------------------------------------------------------------------------------

CHAINS = {"name": "tasks.shifted_chains", "states": 12, "first_steps": 600, "batch_size": 64}
TABLE = {"name": "models.MLP", "features": [12], "use_bias": False}
PEAK, LOW = 10.0, 1.0  # of SGD on the softmax table; a state is seen in a twelfth of the batch


def _sgd(loss: Any, rates: dict[str, Any], momentum: float | None, tasks: dict[str, Any] | None = None) -> dict[str, Any]:
    """Arms of one loss that differ in their rate, or in options of the task."""
    optimizers = {arm: [{"name": "optax.sgd", "learning_rate": rate, "momentum": momentum}] for arm, rate in rates.items()}
    own = {arm: {"task": options} for arm, options in (tasks or {}).items()}
    return {arm: {"loss": loss, "optimizer": optimizer, **own.get(arm, {})} for arm, optimizer in optimizers.items()}


def _on_chains(name: str, paper: str, claim: str, expect: list[tuple], rates: dict[str, Any], tasks: Any = None) -> ConfigDict:
    """600 steps on a chain and 600 on another, over 24 pairs of chains."""
    fields = ("metric", "arm", "direction", "against", "least")
    return comparison(
        experiment=f"schedules/{name}",
        paper=paper,
        claim=claim,
        task=CHAINS,
        model=TABLE,
        arms=_sgd({"name": "supervised.cross_entropy"}, rates, None, tasks),
        seeds=24,
        steps=1200,
        evaluate_every=60,
        metric=expect[0][0],
        expect=[dict(zip(fields, entry, strict=True), at="final") for entry in expect],
    )


def replay() -> ConfigDict:
    """A quarter of old data in every batch against none, both re-warmed; the divergence of two chains is about 1.

    Expect the replayed arm to forget less by more than 20 % of that.
    """
    rate = {"name": "schedules.rewarmed", "peak": PEAK, "end": LOW, "lengths": [600, 600]}
    return _on_chains(
        "replay",
        "Ibrahim et al. 2024, arXiv 2403.08763",
        "A quarter of old data in every batch of continual pre-training keeps much of what would be forgotten.",
        [("old_loss", "replay", "lower", "none", 0.2)],
        {"replay": rate, "none": rate},
        {"replay": {"replay": 0.25}},
    )


def rewarmed() -> ConfigDict:
    """Warming up again, high and not as high, against going on at the rate the first training ended with.

    Expect less loss on the new chain, and more on the old one, the higher the new peak.
    """
    first = {"name": "optax.warmup_cosine_decay_schedule", "init_value": 0.0, "peak_value": PEAK, "warmup_steps": 6}
    first |= {"decay_steps": 600, "end_value": LOW / 10}

    def then(rate: Any) -> dict[str, Any]:
        return {"name": "schedules.phases", "pieces": [[600, first], [None, rate]]}

    rates = {
        "high": then({**first, "peak_value": PEAK}),
        "middle": then({**first, "peak_value": PEAK / 4}),
        "constant": then(LOW / 10),
    }
    return _on_chains(
        "rewarmed",
        "Gupta et al. 2023, arXiv 2308.04014",
        "The higher the rate is warmed up again, the better the new data are learnt and the more of the old is forgotten.",
        [
            ("new_loss", "high", "lower", "middle", 0.0),
            ("new_loss", "middle", "lower", "constant", 0.0),
            ("old_loss", "high", "higher", "middle", 0.0),
            ("old_loss", "middle", "higher", "constant", 0.0),
        ],
        rates,
    )


def infinite() -> ConfigDict:
    """The plateau of the infinite cosine schedule, annealed at the end, against a cosine for each chain.

    Expect at least 10 % of the divergence of the chains, which is about 1, less forgotten. It comes out as 3 %: every row of
    the table is needed by both chains, and 600 steps at either rate overwrite it.
    """
    rates = {
        "infinite": {
            "name": "schedules.infinite",
            "peak": PEAK,
            "constant": 0.375 * PEAK,
            "end": LOW,
            "warmup": 6,
            "cooldown": 500,
            "plateau": 574,
            "anneal": 120,
        },
        "repeated": {"name": "schedules.rewarmed", "peak": PEAK, "end": LOW, "lengths": [600, 600]},
    }
    return _on_chains(
        "infinite",
        "Singh et al. 2025, arXiv 2503.02844",
        "Without warming up again for every dataset less is forgotten.",
        [("old_loss", "infinite", "lower", "repeated", 0.1)],
        rates,
    )


# ----- shapes and constants -----------------------------------------------------------------------------------------------


def refined() -> ConfigDict:
    """Schedules from the gradient norms of a first run, on noisy labels, each shape at its best of five rates.

    Expect losses within 1.5 % of linear decay's and at least 4 % below the constant rate's. The constant rate, at its own best
    of the five, is only 2.6 % above.
    """
    return answered(
        "schedules/refined",
        "Defazio et al. 2023, arXiv 2310.07831",
        "A schedule from the gradient norms of a first run is as good as linear decay and far better than a constant rate.",
        "refined_schedule",
        ("refined", "linear", "cosine", "constant"),
        [("train_loss", "refined", "lower", "linear", -0.016), ("train_loss", "refined", "lower", "constant", 0.045)],
    )


def power() -> ConfigDict:
    """Runs of 250 to 4000 steps at batch sizes 1 and 4 with one power law of the rate, or with the best one rate for all.

    Expect the power law within a few percent of each run's own best rate, and the one rate further away in its worst run.
    """
    return answered(
        "schedules/power",
        "Shen et al. 2024, arXiv 2408.13359",
        "One rate that falls with a power of the tokens seen suits runs of every length and batch size; no constant one does.",
        "power_rates",
        ("power", "fixed"),
        [("worst", "power", "lower", "fixed", 0.05)],
    )


def search() -> ConfigDict:
    """Four stages of 200 steps whose rates a search finds with six trials of 20 steps each, against the best of nine rates.

    Expect a final loss within a tenth of the best constant rate's, for less than the steps of two runs instead of nine. It is
    1.7 times as high: from 20 noisy steps the least rates are often forecast best, which make hardly any progress.
    """
    return answered(
        "schedules/search",
        "Jin et al. 2021, arXiv 2105.10762",
        "Rates searched by forecasts of the loss are as good as the best constant one, at less than twice the steps of a run.",
        "searched_rates",
        ("searched", "constant"),
        [("log_loss", "searched", "lower", "constant", -0.095), ("cost", "searched", "lower", "constant", 7.0)],
        model={"name": "models.MLP", "features": [16, 10]},
    )


def plm() -> ConfigDict:
    """Squared ReLU against GELU under WSDC, and WSDC against a decay over the last quarter.

    Expect more than 60 % of the hidden activations to be 0 at a loss within 3 %, and WSDC's loss within 1 % of WSD's.
    """
    steps = FieldReference(800)
    wsdc: dict[str, Any] = {"name": "schedules.warmup_stable_decay_constant", "peak": 0.01, "end": 0.001, "warmup": 0}
    wsdc |= {"stable": steps * 3 // 5, "decay_steps": 120}
    wsd = {"name": "schedules.warmup_stable_decay", "peak": 0.01, "steps": steps, "warmup": 0, "decay_steps": steps // 4}

    def arm(rate: dict[str, Any], activation: str) -> dict[str, Any]:
        adam = {"name": "optax.adam", "learning_rate": rate}
        return {"loss": {"name": "pretrain.next_token"}, "optimizer": [adam], "model": {"activation": activation}}

    return comparison(
        experiment="schedules/plm",
        paper="Deng et al. 2025, arXiv 2503.12167",
        claim="Squared ReLUs leave most activations 0 at no loss of quality; a constant last phase at a low rate does no harm.",
        task={"name": "tasks.sparse_activations"},
        model={"name": "models.MLP", "features": [128, 8]},
        arms={
            "relu_squared": arm(wsdc, "relu_squared"),
            "gelu": arm(wsdc, "gelu"),
            "wsd": arm(wsd, "relu_squared"),
        },
        seeds=5,
        steps=steps,
        evaluate_every=160,
        metric="nll",
        expect=claims(
            ("sparsity", "relu_squared", "higher", "gelu", 0.6),
            ("nll", "relu_squared", "lower", "gelu", -0.042),
            ("nll", "relu_squared", "lower", "wsd", -0.014),
        ),
    )


VARIANTS = {
    "infinite": infinite,
    "plm": plm,
    "power": power,
    "refined": refined,
    "replay": replay,
    "rewarmed": rewarmed,
    "rex": rex,
    "search": search,
    "warmup_stable_decay": warmup_stable_decay,
}


def get_config(variant: str = "rex") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
