"""Unlearning.

    algax run unlearn/npo

pre-trains a small byte Transformer on two modules of Python's library, then makes it forget one of them with NPO and with
gradient ascent at the same rate, neither with a retain term. Expect both to forget; gradient ascent goes on to diverge and
takes the text it should keep along, while NPO levels off. What the model loses of the kept text at equal forgetting is
alike: it is the divergence that NPO stops.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose, comparison


def npo() -> ConfigDict:
    """NPO against gradient ascent: how much of the retained text survives the forgetting."""
    adam = [{"name": "optax.adam", "learning_rate": 3e-4}]
    claim = {"arm": "npo", "at": "final"}
    return comparison(
        experiment="unlearn/npo",
        paper="Zhang, Lin, Bai, Mei 2024, arXiv 2404.05868",
        claim="NPO forgets without the collapse of gradient ascent.",
        task={
            "name": "tasks.unlearning",
            "forget": ["colorsys"],
            "retain": ["json"],
            "length": 32,
            "batch_size": 16,
            "pretrain_steps": 200,
        },
        model={
            "name": "models.Transformer",
            "config": {
                "name": "models.TransformerConfig",
                "vocabulary_size": 259,
                "hidden_size": 32,
                "num_layers": 2,
                "num_heads": 4,
                "mlp_size": 64,
                "max_length": 32,
            },
        },
        arms={
            "npo": {"loss": {"name": "unlearn.npo", "beta": 0.1}, "optimizer": adam},
            "gradient_ascent": {"loss": {"name": "unlearn.gradient_ascent"}, "optimizer": adam},
        },
        seeds=6,
        steps=100,
        evaluate_every=10,
        metric="retain_nll",
        expect=[
            {**claim, "metric": "forget_nll", "against": "start", "direction": "higher", "least": 0.5},
            {**claim, "metric": "retain_nll", "against": "gradient_ascent", "direction": "lower", "least": 1.0},
        ],
        log_scale=("retain_nll", "forget_nll"),
    )


VARIANTS = {"npo": npo}


def get_config(variant: str = "npo") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
