"""Objectives for what a policy cannot find by itself, and for what derails it: help from outside, and filters."""

from ml_collections import ConfigDict

from algax.experiments.configs.policy.shared import GRPO, on_task, sgd


def expo_selfexplain() -> ConfigDict:
    """One chain of 500 is right: explanations written knowing the answer are learnt, an expert's chains far later."""
    loss = {"name": "policy.exp_grpo"}
    config = on_task(
        "expo_selfexplain",
        "Zhou et al. 2025, arXiv 2507.02834",
        "Explanations that the policy writes given the answer teach what GRPO never samples, and sooner than an expert's.",
        {
            "self_explained": loss,
            "expert": loss,
            "grpo": [{"name": "policy.drop_flagged", "flag": "demonstrations"}, GRPO],
        },
        [
            ("accuracy", "self_explained", "higher", "grpo", 0.6),
            ("accuracy", "self_explained", "higher", "expert", 0.3),
        ],
        task={"name": "tasks.explanations"},
        features=[64],
        optimizer=[sgd(10.0)],
        steps=200,
    )
    config.arms.expert.task = {"writer": "expert"}
    return config


def thinktuning() -> ConfigDict:
    """A second look that starts at a thousandth: feedback on a quarter of the responses teaches it, practice alone does not."""
    loss = {"name": "policy.thinktuning"}
    config = on_task(
        "thinktuning",
        "RRV et al. 2025, arXiv 2508.07616",
        "A teacher's feedback on a share of the rollouts instils a reflection that plain GRPO never finds.",
        {"feedback": loss, "grpo": loss},
        [("check", "feedback", "higher", "grpo", 0.78), ("accuracy", "feedback", "higher", "grpo", 0.5)],
        task={"name": "tasks.second_look"},
        features=[2],
        optimizer=[sgd(0.5)],
        steps=300,
    )
    config.arms.feedback.task = {"share": 0.25}
    return config


def gtr() -> ConfigDict:
    """Actions rewarded alone leave one thought for all states; with corrected thoughts beside them each state has its own."""
    loss = {"name": "policy.gtr"}
    config = on_task(
        "gtr",
        "Wei et al. 2025, arXiv 2503.08525",
        "Correcting thoughts while actions are reinforced prevents their collapse, and the policy surpasses its corrector.",
        {"gtr": loss, "imperfect_corrector": loss, "ppo": {**loss, "imitation": 0.0}},
        [
            ("distinct", "gtr", "higher", "ppo", 0.6),
            ("return", "gtr", "higher", "ppo", 0.5),
            ("return", "imperfect_corrector", "higher", "start", 0.6),
        ],
        task={"name": "tasks.thought_agent"},
        features=[8],
        optimizer=[sgd(10.0)],
        steps=500,
    )
    config.arms.imperfect_corrector.task = {"corrector": 0.7}
    return config


def simpletir() -> ConfigDict:
    """A fifth of the responses is derailed: without the filter their ratios of thousands blow updates up tenfold.

    Neither arm has the dual clip, which bounds such ratios by itself.
    """
    filters = [
        {"name": "policy.drop_flagged", "flag": "truncated"},
        {"name": "policy.accuracy_band", "low": 0.1, "high": 0.9},
        {"name": "policy.drop_uniform_groups", "tolerance": 1e-3, "ddof": 1},
        {"name": "policy.group_advantage"},
    ]
    surrogate = [
        {"name": "policy.token_ratio"},
        {"name": "policy.ppo_clip", "high": 0.28},
        {"name": "policy.token_mean"},
    ]
    return on_task(
        "simpletir",
        "Xue et al. 2025, arXiv 2509.02479",
        "Leaving responses with a void turn out of the loss stops the explosion of gradients over several turns.",
        {"simpletir": {"name": "policy.simpletir", "dual": None}, "unfiltered": [*filters, *surrogate]},
        [
            ("largest_update", "simpletir", "lower", "unfiltered", 1.0),
            ("success", "simpletir", "higher", "unfiltered", 0.15),
        ],
        task={"name": "tasks.noisy_turns"},
        features=[2],
        optimizer=[sgd(4.0), {"name": "tasks.record_largest_update"}],
        steps=200,
    )


def simplerl_zoo() -> ConfigDict:
    """Format kept in one response of sixteen, and hardly one right: a reward for it ends exploration that correctness keeps.

    The paper's table of 1, 0.5, -0.5 and -1 is 1.5 correct + 0.5 formatted - 1, which group advantages do not tell from a mix
    with a weight of a quarter.
    """
    return on_task(
        "simplerl_zoo",
        "Zeng et al. 2025, arXiv 2503.18892",
        "A format reward ruins the exploration of weak models; correctness alone does not.",
        {
            "correctness": {"name": "policy.zero_rl", "kl_coefficient": 0.0, "entropy_coefficient": 0.0},
            "format_table": [{"name": "policy.format_mix", "weight": 0.25}, GRPO],
        },
        [
            ("exploring", "correctness", "higher", "format_table", 0.5),
            ("accuracy", "correctness", "higher", "format_table", 0.05),
        ],
        task={"name": "tasks.formats"},
        features=[2],
        optimizer=[sgd(1.0)],
        steps=300,
    )


def carft() -> ConfigDict:
    """Chains of sums with a critic, and hidden states of right samples drawn to those of the annotated chain.

    Expect more right answers. There are no more: a right chain of sums is nearly always the annotated one itself, so that the
    term has nothing to draw together. It needs solutions that differ from the annotation.
    """
    loss = {"name": "policy.ppo", "value_coefficient": 5.0}
    return on_task(
        "carft",
        "Zhu et al. 2025, arXiv 2508.15868",
        "Drawing right samples to the annotated chain in a contrastive term makes PPO more accurate and steadier.",
        {"carft": [loss, {"name": "tasks.chain_contrast", "coefficient": 0.1}], "ppo": loss},
        [("accuracy", "carft", "higher", "ppo", 0.02)],
        task={"name": "tasks.annotated_chains"},
        features=[64, 27],
        optimizer=[{"name": "optax.adam", "learning_rate": 3e-3}],
        steps=200,
    )
