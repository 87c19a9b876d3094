"""Losses on pairs of a chosen and a rejected response."""

from ml_collections import ConfigDict

from algax.experiments.configs import answered, comparison
from algax.experiments.configs.preference.shared import adam, on_task, sgd


def dpo() -> ConfigDict:
    """DPO against fine-tuning on the preferred responses, on 2000 noisy labelled pairs of responses to random contexts.

    Both are scored against the exact optimum of the KL-regularised objective on new contexts. Expect DPO to come within reach
    of the optimum (optimality 1) and preferred fine-tuning to stay far from it.
    """
    optimizer = adam(3e-3)
    claim = {"metric": "optimality", "arm": "dpo", "direction": "higher", "at": "final"}
    return comparison(
        experiment="preference/dpo",
        paper="Rafailov et al. 2023, arXiv 2305.18290",
        claim="A classification loss on pairs reaches the optimum of reward maximisation under a KL constraint.",
        task={"name": "tasks.bradley_terry", "contexts": 2000, "beta": 0.5},
        model={"name": "models.MLP", "features": [64, 6], "activation": "tanh"},
        arms={
            "dpo": {"loss": {"name": "preference.dpo", "beta": 0.5}, "optimizer": optimizer},
            "preferred_fine_tuning": {"loss": {"name": "preference.chosen_nll"}, "optimizer": optimizer},
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


def redi() -> ConfigDict:
    """Wrong traces pushed down at .8 of the right ones' weight against supervised training alone, on tabular traces.

    Expect more probability of the right trace where the wrong one shares no token with it, and less where it shares all but
    one, whose net weight then is only .2.
    """
    method = {"name": "preference.redi", "alpha": 0.8}
    return on_task(
        "preference/redi",
        "Xu et al. 2025, arXiv 2505.24850",
        "Wrong traces with a smaller weight improve on supervised training, unless they share most tokens with the right ones.",
        {
            "redi": {"loss": method},
            "redi, shared tokens": {"loss": method, "task": {"shared": True}},
            "supervised": {"loss": {"name": "preference.chosen_nll", "reduction": "sequence_mean"}},
        },
        [
            ("accuracy", "redi", "higher", "supervised", 0.08),
            ("accuracy", "redi, shared tokens", "lower", "supervised", 0.03),
        ],
        task={"name": "tasks.traces"},
        optimizer=sgd(100.0),  # 0.1 at every one of 200 * 5 positions
        steps=30,
    )


def delta() -> ConfigDict:
    """Pairs of two weak teachers against supervised training on the better one's answers, for a student better than both.

    Expect the pairs to turn the student towards the target, and supervised training to turn it away at either rate.
    """
    supervised = {"name": "preference.chosen_nll"}
    return on_task(
        "preference/delta",
        "Geng et al. 2025, arXiv 2507.06187",
        "The difference between two weak models teaches a stronger one, although imitating the better of them hurts.",
        {
            "delta": {"loss": {"name": "preference.length_normalised_dpo", "beta": 5.0}, "optimizer": sgd(0.1)},
            "supervised": {"loss": supervised, "optimizer": sgd(0.5)},
            "supervised, a fifth of the rate": {"loss": supervised, "optimizer": sgd(0.1)},
        },
        [
            ("cosine", "delta", "higher", "start", 0.025),
            ("cosine", "supervised", "lower", "start", 0.003),
            ("cosine", "supervised, a fifth of the rate", "lower", "start", 0.003),
        ],
        task={"name": "tasks.weak_teachers"},
        optimizer=sgd(0.1),
        steps=10,
    )


def ches() -> ConfigDict:
    """DPO on the pairs of the lowest centered hidden embedding similarity against a random half, of 100 more or less alike.

    Expect the log-probs of chosen responses to end higher on the lowest half than on a random one, and over all pairs to fall
    the more, the higher the score.
    """
    return answered(
        "preference/ches",
        "Razin et al. 2024, arXiv 2410.08847",
        "Pairs with similar embeddings make DPO lower the probability of the chosen response; leaving them out keeps it up.",
        "similar_pairs",
        ("lowest half", "random half", "all"),
        [
            ("displacement", "lowest half", "higher", "random half", 0.1),
            ("rank_correlation", "all", "lower", "start", 0.4),
        ],
    )


def rlaifv_pairs() -> ConfigDict:
    """Three rounds of DPO on pairs by a judge of claims, with and without a balance of lengths.

    Expect the share of false claims to fall by 40 %, and descriptions to shrink less with the balance.
    """
    loss = {"name": "preference.dpo", "beta": 0.1}
    refresh = {"name": "tasks.refresh_sampler", "every": 40}
    return on_task(
        "preference/rlaifv_pairs",
        "Yu et al. 2024, arXiv 2405.17220",
        "Pairs by the number of claims that a judge finds false cut false claims; balanced lengths keep descriptions long.",
        {"balanced": {"loss": loss}, "unbalanced": {"loss": loss, "task": {"balanced": False}}},
        [
            ("false_rate", "balanced", "lower", "start", 0.4),
            ("claims", "balanced", "higher", "unbalanced", 0.05),
        ],
        task={"name": "tasks.descriptions", "epochs": 40},
        optimizer=[*adam(0.05), refresh],
        steps=120,
    )


def iterative_dpo() -> ConfigDict:
    """Three rounds of DPO, each on pairs of what the policy now says, against as many steps on the pairs of the first round.

    A judge that is right four times in five scores the pairs. Expect at least a tenth of the start's false claims fewer.
    """
    loss = {"name": "preference.dpo", "beta": 0.1}
    refresh = {"name": "tasks.refresh_sampler", "every": 40}
    return on_task(
        "preference/iterative_dpo",
        "Xu et al. 2023, arXiv 2312.16682",
        "New pairs from the policy itself, judged and trained on round after round, improve on one fixed set of pairs.",
        {"new pairs": {"loss": loss}, "fixed pairs": {"loss": loss, "task": {"fresh": False}}},
        [
            ("false_rate", "new pairs", "lower", "fixed pairs", 0.1),
            ("false_rate", "new pairs", "lower", "start", 0.4),
        ],
        task={"name": "tasks.descriptions", "epochs": 40},
        optimizer=[*adam(0.05), refresh],
        steps=120,
    )
