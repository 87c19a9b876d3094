"""Preference optimisation.

    algax run preference/dpo

trains a policy over the responses to random contexts from 2000 noisy labelled pairs, with DPO and with supervised steps on
the preferred responses, and scores it against the exact optimum of the KL-regularised objective on new contexts. Expect DPO
to come within reach of the optimum (optimality 1) and preferred fine-tuning to stay far from it.
"""

from ml_collections import ConfigDict

from algax.experiments.configs import choose, comparison


def dpo() -> ConfigDict:
    """DPO against fine-tuning on the preferred responses."""
    adam = [{"name": "optax.adam", "learning_rate": 3e-3}]
    claim = {"metric": "optimality", "arm": "dpo", "direction": "higher", "at": "final"}
    return comparison(
        experiment="preference/dpo",
        paper="Rafailov et al. 2023, arXiv 2305.18290",
        claim="A classification loss on pairs reaches the optimum of reward maximisation under a KL constraint.",
        task={"name": "tasks.bradley_terry", "contexts": 2000, "beta": 0.5},
        model={"name": "models.MLP", "features": [64, 6], "activation": "tanh"},
        arms={
            "dpo": {"loss": {"name": "preference.dpo", "beta": 0.5}, "optimizer": adam},
            "preferred_fine_tuning": {"loss": {"name": "preference.chosen_nll"}, "optimizer": adam},
        },
        seeds=16,
        steps=300,
        evaluate_every=20,
        metric="optimality",
        expect=[
            {**claim, "against": "start", "least": 0.5},
            {**claim, "against": "preferred_fine_tuning", "least": 0.1},
        ],
    )


VARIANTS = {"dpo": dpo}


def get_config(variant: str = "dpo") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
