"""Objectives that need several tokens, on trees of decisions: 8 prompts, 4 tokens of 4 symbols, 10 right leaves of 256."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs.policy.shared import CLIPPED, GRPO, on_task, sgd

# For means over the tokens of 8 prompts: 2 a prompt, since every prompt's tokens are spread over many nodes.
RATE = 16.0
ADAM = {"name": "optax.adam", "learning_rate": 0.05}


def on_sequences(
    *entries: Any, steps: int = 400, optimizer: Mapping[str, Any] | None = None, critic: bool = False, **task: Any
) -> ConfigDict:
    """A comparison on `tasks.sequences`, with plain SGD unless another optimizer is given.

    Args:
      *entries: name, paper, claim, arms and expectations, see `on_task`.
      steps: updates, in batches of the task's `epochs`.
      optimizer: spec of one in place of SGD.
      critic: whether the table holds values too.
      **task: options of the task.
    """
    epochs = task.setdefault("epochs", 4)
    return on_task(
        *entries,
        task={"name": "tasks.sequences", "critic": critic, **task},
        features=[task.get("symbols", 4) + critic],
        optimizer=[sgd(RATE) if optimizer is None else optimizer, {"name": "tasks.refresh_sampler", "every": epochs}],
        steps=steps,
    )


def siren() -> ConfigDict:
    """The entropy of the nucleus at the more uncertain positions, held at its first level, ends above GRPO's.

    Right leaves kept grow by 0.4 only, hence inconclusive; with ten times the coefficient by 1.6, at an accuracy of 0.7.
    """
    divisor = 512.0
    loss = {"name": "policy.siren", "divisor": divisor, "coefficient": 0.3, "quantile": 0.5}
    return on_sequences(
        "siren",
        "Jiang et al. 2025, arXiv 2509.25133",
        "Holding the entropy of likely tokens at uncertain positions at its first level prevents its collapse.",
        {"siren": loss, "unanchored": {**loss, "coefficient": 0.0}},
        [
            ("entropy", "siren", "higher", "unanchored", 0.05),
            ("right_answers_kept", "siren", "higher", "unanchored", 0.5),
            ("accuracy", "siren", "higher", "start", 0.8),
        ],
    )


def gspo() -> ConfigDict:
    """Four epochs a batch: one ratio a sequence against a ratio a token, with the same bounds.

    The paper's bounds of 4e-4 suit its small steps: here they clip all but the first epoch, and accuracy ends at 0.32.
    """
    return on_sequences(
        "gspo",
        "Zheng et al. 2025, arXiv 2507.18071",
        "Ratios of whole sequences train more efficiently than ratios of tokens.",
        {"gspo": {"name": "policy.gspo", "low": 0.2, "high": 0.2}, "grpo": GRPO},
        [("accuracy", "gspo", "higher", "grpo", 0.0)],
        steps=160,
    )


def ppo() -> ConfigDict:
    """The reward is the share of right tokens of 8: advantages over a critic's values get more of it than bare returns."""
    bare = [
        {"name": "policy.reward_on_last_token"},
        {"name": "policy.return_to_go"},
        {"name": "policy.token_ratio"},
        {"name": "policy.ppo_clip"},
        {"name": "policy.token_mean"},
    ]
    return on_sequences(
        "ppo",
        "Schulman et al. 2015, arXiv 1506.02438",
        "Exponentially weighted advantages of a value function learn faster than returns.",
        {"gae": {"name": "policy.ppo", "kl_coefficient": 0.0}, "returns": bare},
        [("reward", "gae", "higher", "returns", 0.05)],
        steps=80,
        optimizer=ADAM,
        critic=True,
        length=8,
        right_answers=1,
        by_position=True,
        graded=True,
    )


def rlvr() -> ConfigDict:
    """A verifier's reward of 10 solves every prompt, and a KL of 0.05 in the reward keeps the policy nearer its start."""
    loss = {"name": "policy.rlvr_ppo", "kl_coefficient": 0.05}
    return on_sequences(
        "rlvr",
        "Lambert et al. 2024, arXiv 2411.15124",
        "PPO on verified answers alone raises accuracy, and the KL penalty bounds the drift.",
        {"rlvr": loss, "without_kl": {**loss, "kl_coefficient": 0.0}},
        [("accuracy", "rlvr", "higher", "start", 0.8), ("kl", "rlvr", "lower", "without_kl", 0.01)],
        optimizer=ADAM,
        critic=True,
    )


def macro_action() -> ConfigDict:
    """20 tokens, a reward at their end, 25 batches, a critic that starts blank: segments of 5 learn faster than tokens."""
    loss = {"name": "policy.macro_action_ppo", "kl_coefficient": 0.0}
    return on_sequences(
        "macro_action",
        "Chai et al. 2024, arXiv 2410.02743",
        "Assigning credit to segments instead of tokens speeds learning up.",
        {"macro_action": {**loss, "length": 5}, "token": {**loss, "length": 1}},
        [("reward", "macro_action", "higher", "token", 0.02)],
        steps=100,
        optimizer=sgd(256.0),  # Adam would make up for the faded credit of early tokens
        critic=True,
        length=20,
        symbols=2,
        right_answers=1,
        by_position=True,
        graded=True,
    )


def prefix_rft_decisions() -> ConfigDict:
    """12 binary decisions, all to be right, half of the demonstrations with a mistake: samples that continue a prefix win."""
    plain = [
        {"name": "policy.drop_flagged", "flag": "demonstrations"},
        {"name": "policy.drop_flagged", "flag": "regularising"},
        *[{**CLIPPED[0], "scale": "none"}, *CLIPPED[1:]],
        {"name": "policy.token_mean"},
    ]
    imitation = [
        {"name": "policy.drop_flagged", "flag": "demonstrations", "value": False},
        {"name": "policy.log_likelihood"},
        {"name": "policy.token_mean"},
    ]
    return on_sequences(
        "prefix_rft_decisions",
        "Huang et al. 2025, arXiv 2507.01679",
        "Continuing prefixes of demonstrations combines what imitation and reinforcement find alone.",
        {
            "prefix_rft": [{"name": "policy.drop_flagged", "flag": "demonstrations"}, {"name": "policy.prefix_rft"}],
            "imitation": imitation,
            "reinforcement": plain,
        },
        [
            ("accuracy", "prefix_rft", "higher", "imitation", 0.1),
            ("accuracy", "prefix_rft", "higher", "reinforcement", 0.5),
        ],
        steps=500,
        optimizer=ADAM,
        epochs=1,
        prompts=6,
        length=12,
        symbols=2,
        right_answers=1,
        samples_per_prompt=7,
        by_position=True,
        extra={"name": "tasks.imperfect_rows", "steps": 500},
    )


def cure() -> ConfigDict:
    """4 samples with 3 branches each, against 16 samples: after 50 updates more entropy and more right leaves are left.

    Inconclusive: the entropy is higher because less is learnt, as most prefixes are beyond rescue when they are cut. At the
    same accuracy of 0.32 it is 1.02 against 1.01, with 1.6 right leaves against 1.5.
    """
    config = on_sequences(
        "cure",
        "Li et al. 2025, arXiv 2508.11016",
        "Sampling on from uncertain tokens of the same samples explores more and holds entropy up.",
        {"cure": {"name": "policy.dapo"}, "independent": {"name": "policy.dapo"}},
        [("entropy", "cure", "higher", "independent", 0.02), ("right_answers_kept", "cure", "higher", "independent", 0.1)],
        steps=50,
        epochs=1,
    )
    config.arms.cure.task = {"samples_per_prompt": 4, "extra": {"name": "tasks.branched_rows"}}
    return config


def pure() -> ConfigDict:
    """Eight steps of 0.3 and one of -0.2, or three sound steps: the sum takes the first way, the minimum the second.

    The baseline compares sums of whole ways: the preset's own, a reward a token, would see through the padding by itself.
    """
    loss = {"name": "policy.pure", "outcome_coefficient": 0.0, "kl_coefficient": 0.0}
    summed = [
        {"name": "policy.sequence_rewards"},
        {"name": "policy.group_advantage", "scale": "none"},
        *CLIPPED[1:],
        {"name": "policy.sequence_mean_token_mean"},
    ]
    return on_task(
        "pure",
        "Cheng et al. 2025, arXiv 2504.15275",
        "Crediting a step with the least reward to come, instead of the sum, does not reward padding.",
        {"pure": loss, "minimum": [{"name": "policy.soft_min_rewards"}, *summed], "sum": summed},
        [
            ("direct", "pure", "higher", "start", 0.3),
            ("direct", "pure", "higher", "sum", 0.5),
            ("direct", "minimum", "higher", "sum", 0.5),
        ],
        task={"name": "tasks.two_ways"},
        features=[2],
        optimizer=[sgd(2.0)],
        steps=100,
    )


def step_advantage() -> ConfigDict:
    """The usual first step succeeds half the time: imitating right solutions keeps it above 0.5, weights drop it below 0.1."""
    imitation = [
        {"name": "policy.drop_flagged", "flag": "correct", "value": False},
        {"name": "policy.log_likelihood"},
        {"name": "policy.token_mean"},
    ]
    return on_task(
        "step_advantage",
        "Setlur et al. 2024, arXiv 2406.14532",
        "Weighing steps by their advantage, in wrong solutions too, unlearns the spurious ones that imitation keeps.",
        {"weighted": {"name": "policy.advantage_weighted_steps", "beta": 0.1}, "imitation": imitation},
        [("spurious", "weighted", "lower", "imitation", 0.4), ("success", "weighted", "higher", "imitation", 0.15)],
        task={"name": "tasks.spurious_step"},
        features=[2],
        optimizer=[sgd(0.5)],
        steps=200,
    )
