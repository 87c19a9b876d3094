"""What a result says of a model: wrong rewards and single prompts as controls, and play judged by how it comes about."""

from ml_collections import ConfigDict

from algax.experiments.configs import answered
from algax.experiments.configs.policy.shared import CLIPPED, GRPO, on_task, sgd


def model_task_alignment() -> ConfigDict:
    """Prompts answered rightly half the time, and prompts answered once in a hundred, under right and wrong rewards.

    Expect random and inverted rewards to cost the former less than five points, and one prompt or failures alone to lift them;
    of the latter only true rewards on all prompts lift more than ten points. All comes out but for wrong rewards: inverted ones
    teach the aligned prompts to guess, as they must where nothing but the reward decides, and random ones drift either way.
    """
    failures = [CLIPPED[0], {"name": "policy.keep_sign", "sign": "negative"}, *CLIPPED[1:], {"name": "policy.token_mean"}]
    config = on_task(
        "model_task_alignment",
        "Wu et al. 2025, arXiv 2508.21188",
        "One prompt, wrong rewards and failures alone work only where the model already succeeds among several tries.",
        {
            "true": GRPO,
            "random": [{"name": "policy.corrupt_rewards", "kind": "random"}, GRPO],
            "inverted": [{"name": "policy.corrupt_rewards", "kind": "inverted"}, GRPO],
            "failures": failures,
            "one_prompt": GRPO,
        },
        [
            ("unaligned_accuracy", "true", "higher", "start", 0.1),
            ("aligned_accuracy", "one_prompt", "higher", "start", 0.1),
            ("aligned_accuracy", "failures", "higher", "start", 0.1),
            ("aligned_accuracy", "random", "higher", "start", -0.05),
            ("aligned_accuracy", "inverted", "higher", "start", -0.05),
            *(("unaligned_accuracy", arm, "lower", "start", -0.1) for arm in ("one_prompt", "failures", "random", "inverted")),
        ],
        task={"name": "tasks.elicited", "samples_per_prompt": 16},
        features=[8],
        optimizer=[sgd(4.0)],
        steps=500,
    )
    config.arms.one_prompt.task = {"one_prompt": True}
    return config


def advgamebench() -> ConfigDict:
    """Three players of rock, paper, scissors whose moves cost 1, 2 and 3: one revises on evidence, one at random, one overpays.

    Expect evidence to win more and to revise with more success; the one who overpays wins as often, and only the share of
    rounds beyond the budget tells.
    """
    return answered(
        "policy/advgamebench",
        "Yuan et al. 2025, arXiv 2506.12012",
        "How a player revises and keeps to its budget says what the share of wins alone does not.",
        "repeated_game",
        ("evidence", "random", "spender"),
        [
            ("correction_success", "evidence", "higher", "random", 0.05),
            ("win_rate", "evidence", "higher", "random", 0.05),
            ("over_budget", "spender", "higher", "evidence", 0.05),
            ("win_rate", "spender", "higher", "evidence", -0.02),
        ],
    )
