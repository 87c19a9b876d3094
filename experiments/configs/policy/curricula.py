"""Which prompts and examples next: rankings, windows, stages, missing skills."""

from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs.policy.shared import GRPO, on_task, sgd


def gain_rl() -> ConfigDict:
    """Prompts of coherent tokens first, in a window that moves on, against drawing all alike.

    Expect the window to learn faster. It does not: at first the concentration ranks prompts by their gradients (correlation
    0.9), and the coherent half is ahead, but what the window has left behind is forgotten again.
    """
    config = on_task(
        "gain_rl",
        "Wang et al. 2025, arXiv 2506.02281",
        "Prompts whose hidden states point the same way have larger gradients; following that ranking learns faster.",
        {"window": GRPO, "uniform": GRPO},
        [("accuracy", "window", "higher", "uniform", 0.05)],
        task={"name": "tasks.coherent_prompts"},
        features=[4],
        optimizer=[sgd(20.0)],
        steps=100,
    )
    config.arms.window.task = {"window": True}
    return config


def one_shot_rlvr() -> ConfigDict:
    """One prompt of three skills that were learnt in an earlier run brings half the gain of all; one that never varied none.

    It makes 0.49 of the gain that there is, where all prompts make 0.88: inconclusive by a hundredth.
    """
    loss = {"name": "policy.one_shot", "kl_coefficient": 0.0, "entropy_coefficient": 0.0}
    config = on_task(
        "one_shot_rlvr",
        "Wang et al. 2025, arXiv 2504.20571",
        "Practice on the single prompt of most varied accuracy lifts all prompts; on one that never varied it does not.",
        {"most_varied": loss, "least_varied": loss, "pool": loss},
        [
            ("gain", "most_varied", "higher", "start", 0.5),
            ("gain", "most_varied", "higher", "least_varied", 0.4),
            ("gain", "pool", "higher", "start", 0.8),
        ],
        task={"name": "tasks.shared_skills"},
        features=[2],
        optimizer=[sgd(1.0)],
        steps=200,
    )
    for choice in ("most_varied", "least_varied"):
        config.arms[choice].task = {"prompts": choice}
    return config


def stat_skills() -> ConfigDict:
    """Eight skills, the rarest in a thousandth of the data: examples drawn by what the student lacks lift the weakest three."""
    loss = [{"name": "policy.log_likelihood"}, {"name": "policy.token_mean"}]
    config = on_task(
        "stat_skills",
        "He et al. 2025, arXiv 2510.10023",
        "Drawing examples in proportion to missing skills raises what further training on all data leaves low.",
        {"targeted": loss, "uniform": loss},
        [
            ("weak_accuracy", "targeted", "higher", "uniform", 0.1),
            ("accuracy", "targeted", "higher", "uniform", 0.03),
        ],
        task={"name": "tasks.skill_groups"},
        features=[2],
        optimizer=[sgd(1.0)],
        steps=200,
    )
    config.arms.targeted.task = {"targeted": True}
    return config


def craft_gui() -> ConfigDict:
    """Tasks of 2 to 12 actions: from short to long more long ones are solved, and a composite reward learns types sooner."""
    stages = {
        "name": "curriculum.difficulty_stages",
        "difficulty": (2, 4, 6, 8, 10, 12),
        "boundaries": (2, 4, 6, 8, 10),
        "steps_per_stage": 40,
    }
    config = on_task(
        "craft_gui",
        "Nong et al. 2025, arXiv 2508.11360",
        "Training from short trajectories to long ones, and on rewards in parts, learns faster than all at once.",
        {"stages": GRPO, "shuffled": GRPO, "composite": {"name": "policy.craft", "kl_coefficient": 0.0}},
        [
            ("long_success", "stages", "higher", "shuffled", 0.1),
            ("type_accuracy", "composite", "higher", "shuffled", 0.1),
        ],
        task={"name": "tasks.navigation"},
        features=[7],
        optimizer=[sgd(20.0)],
        steps=240,
    )
    config.arms.stages.task = {"curriculum": stages}
    return config


def tl_training() -> ConfigDict:
    """Eight tools, 200 worked calls of which most tokens are values: weighted tokens of names are learnt sooner.

    With an error table as the reward sampled calls lose parameters that the tool does not have.
    """
    imitation = [
        {"name": "policy.drop_flagged", "flag": "demonstrations", "value": False},
        {"name": "policy.log_likelihood"},
    ]
    practice = [{"name": "policy.drop_flagged", "flag": "demonstrations"}, GRPO]
    config = on_task(
        "tl_training",
        "Ye et al. 2024, arXiv 2412.15495",
        "Weighing the tokens that choose a tool, and rewards by category of error, mend what plain training leaves.",
        {
            "weighted": [*imitation, {"name": "policy.key_token_weights"}, {"name": "policy.token_mean"}],
            "plain": [*imitation, {"name": "policy.token_mean"}],
            "error_table": practice,
            "binary": practice,
        },
        [
            ("tool_accuracy", "weighted", "higher", "plain", 0.05),
            ("hallucinated", "error_table", "lower", "binary", 0.3),
        ],
        task={"name": "tasks.tool_calls"},
        features=[64, 302],
        optimizer=[{"name": "optax.adam", "learning_rate": 3e-3}],
        steps=200,
    )
    config.arms.error_table.task = {"rewards": "table"}
    return config


def itool() -> ConfigDict:
    """Complex calls are one in seven: pairs of sampled values where the student is unsure, against more data.

    Expect the pairs to teach more of the complex calls. They teach less: here more examples go on helping, while a pair needs
    a right value among the three that were sampled, and moves one slot of a query in three.
    """
    config = on_task(
        "itool",
        "Zeng et al. 2025, arXiv 2501.09766",
        "More examples drown what a student does badly; preference pairs from its own attempts there do not.",
        {
            "pairs": {"name": "preference.simpo", "beta": 2.5, "gamma": 0.5},
            "more_examples": {"name": "preference.chosen_nll"},
        },
        [("complex_accuracy", "pairs", "higher", "more_examples", 0.08)],
        task={"name": "tasks.slot_calls"},
        features=[64, 16],
        optimizer=[{"name": "optax.adam", "learning_rate": 1e-3}],
        steps=300,
    )
    config.arms.pairs.task = {"pairs": True}
    return config


def scaling_inter() -> ConfigDict:
    """A corridor with goals 2 to 4 places away or 10 to 16: episodes of 4, then 10, then 20 turns, or of one length throughout.

    All take the same number of turns in the environment. Expect the stages to end ten points above 20 turns from the start, and
    4 turns throughout to stay near the share of near goals, 0.3. The latter comes out, but 20 turns from the start are best:
    chance takes long episodes to far goals that short ones never see, and the table learns near goals from them as well. Stages
    of 15 updates instead of 50 come out like 20 turns, also with more noise or fewer turns a batch.
    """

    def arm(cap: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        grpo = {"name": "policy.grpo", "kl_coefficient": 0.001}
        return {"name": "policy.scaling_inter", "cap": cap, "objective": grpo}, {"cap": cap}

    staged = {"name": "schedules.staged", "values": (4, 10, 20), "every": 50}
    arms = {"staged": arm(staged), "long": arm(20), "short": arm(4)}
    config = on_task(
        "scaling_inter",
        "Xi et al. 2025, arXiv 2509.08755",
        "Short interactions first, lengthened in stages, learn what long ones from the start do not.",
        {name: loss for name, (loss, _) in arms.items()},
        [("success", "staged", "higher", "long", 0.1), ("success", "staged", "higher", "short", 0.1)],
        task={"name": "tasks.corridor"},
        features=[2],
        optimizer=[sgd(4.0)],
        steps=150,
    )
    for name, (_, task) in arms.items():
        config.arms[name].task = task
    return config
