"""Protocols: other ways to collect what a policy learns from, with a small Transformer on checked problems."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs import comparison

ADAM = [{"name": "optax.clip_by_global_norm", "max_norm": 1.0}, {"name": "optax.adam", "learning_rate": 1e-3, "b2": 0.95}]
SUMS = {"name": "tasks.arithmetic_problems", "digits": 1, "operators": "+"}
GROUPS = [
    {"name": "policy.group_advantage"},
    {"name": "policy.token_ratio"},
    {"name": "policy.ppo_clip", "high": 0.28},
    {"name": "policy.token_mean"},
]


def transformer(max_length: int) -> dict[str, Any]:
    """The spec of a Transformer of one layer for so many tokens."""
    sizes = {"hidden_size": 32, "num_layers": 1, "num_heads": 4, "mlp_size": 64, "mlp": "plain", "positions": "learned"}
    config = {"name": "models.TransformerConfig", "vocabulary_size": 18, "max_length": max_length, **sizes}
    return {"name": "models.Transformer", "config": config}


def practise(
    name: str,
    paper: str,
    claim: str,
    rollouts: Mapping[str, Any],
    arms: Mapping[str, Mapping[str, Any]],
    expect: Sequence[tuple[str, str, str, str, float]],
    *,
    problems: Mapping[str, Any] = SUMS,
    optimizer: Sequence[Mapping[str, Any]] = ADAM,
    steps: int = 200,
    max_length: int = 40,
    **task: Any,
) -> ConfigDict:
    """A comparison on `tasks.verified` with a Transformer of one layer, 6 seeds.

    Args:
      name: the variant.
      paper: authors, year and arXiv number.
      claim: what the paper says, in one sentence.
      rollouts: how batches are collected, and what is measured; an arm's own `task` may say otherwise for its batches.
      arms: name -> {"loss": ..., and perhaps "task": ...}.
      expect: (metric, arm, direction, against, least) of every claim at the end.
      problems: what is asked.
      optimizer: specs of the steps after the gradient, the same for every arm.
      steps: updates.
      max_length: of prompt and completion, in tokens.
      **task: other options of `tasks.verified`.
    """
    defaults = {"labelled": 40, "held_out": 20, "warm_steps": 60, "warm_learning_rate": 4e-3, "prompts_per_batch": 16}
    claims = [dict(zip(("metric", "arm", "direction", "against", "least"), entry, strict=True), at="final") for entry in expect]
    return comparison(
        experiment=f"policy/{name}",
        paper=paper,
        claim=claim,
        task={"name": "tasks.verified", "problems": problems, "rollouts": rollouts, **defaults, **task},
        model=transformer(max_length),
        arms={arm: {"optimizer": optimizer, **spec} for arm, spec in arms.items()},
        seeds=6,
        steps=steps,
        evaluate_every=steps // 2,
        metric=claims[0]["metric"],
        expect=claims,
    )


def ufo() -> ConfigDict:
    """Unary feedback over three attempts against practice with one attempt, on one-digit sums.

    Expect the policy that has practised retrying to gain more from its second and third attempt.
    """
    return practise(
        "ufo",
        "Liu et al. 2025, arXiv 2507.14295",
        "Practice with 'try again' after a wrong answer teaches a policy to use further attempts.",
        rollouts={"name": "tasks.rollouts.attempts", "turns": 3},
        arms={
            "unary_feedback": {"loss": {"name": "policy.unary_feedback"}},
            "one attempt": {"loss": GROUPS, "task": {"rollouts": {"name": "tasks.rollouts.once"}}},
        },
        expect=[("retry_gain", "unary_feedback", "higher", "one attempt", 0.1)],
    )


def score_rl() -> ConfigDict:
    """Self-correction in two attempts with a bonus for progress, against the plain sum of both rewards.

    Expect the second attempt to improve on the first by more than under joint training.
    """
    joint = [
        {"name": "policy.kl_in_turn_rewards"},
        {"name": "policy.turn_credit", "baseline": "batch_mean"},
        {"name": "policy.policy_gradient"},
        {"name": "policy.sequence_mean_token_sum"},
    ]
    return practise(
        "score_rl",
        "Kumar et al. 2024, arXiv 2409.12917",
        "A bonus for progress makes a policy correct its first attempt, where training on both rewards alone does not.",
        rollouts={"name": "tasks.rollouts.attempts", "turns": 2, "until_right": False},
        arms={"score": {"loss": {"name": "policy.score", "stage": 2}}, "joint": {"loss": joint}},
        expect=[("correction_gain", "score", "higher", "joint", 0.05)],
    )


def guide_grpo() -> ConfigDict:
    """A hint for problems that all samples fail against plain practice, on products of two digits.

    Expect the guided policy to learn problems whose answers the plain one never samples. It hardly does: an answer that the
    plain prompt makes improbable has a ratio far below 1, so that its updates are small.
    """
    plain = {"name": "tasks.rollouts.once"}
    loss = {"name": "policy.guide_grpo"}
    return practise(
        "guide_grpo",
        "Nath et al. 2025, arXiv 2506.13923",
        "Hints where all samples fail, trained on without the hint, teach what plain practice never finds.",
        rollouts={"name": "tasks.rollouts.guided", "length": 1},
        arms={"guided": {"loss": loss}, "plain": {"loss": loss, "task": {"rollouts": plain}}},
        expect=[("accuracy", "guided", "higher", "plain", 0.1)],
        problems={**SUMS, "operators": "*"},
    )


def prefix_rft_countdown() -> ConfigDict:
    """One answer of eight goes on from the first tokens of a worked one, against plain practice, on countdown.

    The paper's claim is about problems of which plain practice sees no right answer, so the warm start is short: it solves
    about one in a hundred. Expect the policy with prefixes to solve more within 200 updates, before the plain policy's first
    right answers come.
    """
    loss = {"name": "policy.prefix_rft", "keep": 1.0}
    plain = {"rollouts": {"name": "tasks.rollouts.once"}}
    return practise(
        "prefix_rft_countdown",
        "Huang et al. 2025, arXiv 2507.01679",
        "Going on from the beginning of demonstrations finds answers that practice alone does not.",
        rollouts={"name": "tasks.rollouts.prefixed", "length": 3},
        arms={"prefix": {"loss": loss}, "plain": {"loss": GROUPS, "task": plain}},
        expect=[("accuracy", "prefix", "higher", "plain", 0.05)],
        problems={"name": "tasks.countdown_problems", "operators": "+-*"},
        labelled=300,
        held_out=100,
        warm_steps=20,
    )


def dump() -> ConfigDict:
    """Prompts from the kinds that still teach against prompts drawn alike: sums, differences and products of two digits.

    Expect the curriculum to reach a higher accuracy over all kinds. It hardly does: all three kinds teach alike here, where
    the paper's sources are also solved or impossible ones.
    """
    problems = {**SUMS, "operators": "+-*"}
    ucb = {"name": "curriculum.ucb", "arms": 3}
    return practise(
        "dump",
        "Wang et al. 2025, arXiv 2504.09710",
        "Drawing prompts from the sources with large advantages learns faster than drawing all alike.",
        rollouts={"name": "tasks.rollouts.once"},
        arms={"ucb": {"loss": GROUPS, "task": {"curriculum": ucb}}, "uniform": {"loss": GROUPS}},
        expect=[("accuracy", "ucb", "higher", "uniform", 0.02)],
        problems=problems,
        labelled=120,
        held_out=44,
    )


def cure_countdown() -> ConfigDict:
    """Two answers cut at an uncertain character and continued three times each, against eight answers, on countdown.

    Expect more of the problems to have a right answer among the samples, and so a higher accuracy. The gain is within
    the noise.
    """
    loss = {"name": "policy.dapo"}
    plain = {"rollouts": {"name": "tasks.rollouts.once"}}
    return practise(
        "cure_countdown",
        "Li et al. 2025, arXiv 2508.11016",
        "Continuing answers anew from uncertain tokens explores more than the same number of answers from the start.",
        rollouts={"name": "tasks.rollouts.branched"},
        arms={"branches": {"loss": loss}, "whole answers": {"loss": loss, "task": plain}},
        expect=[("accuracy", "branches", "higher", "whole answers", 0.02)],
        problems={"name": "tasks.countdown_problems"},
        labelled=300,
        held_out=100,
    )


def soft_tokens() -> ConfigDict:
    """Three noisy mixtures of embeddings before the answer against three sampled characters, on products of two digits.

    Both are judged with characters as thoughts. Expect the same share of right answers, and more problems with one right answer
    of 16. Neither comes out: a network this small does not carry over from mixtures of embeddings to characters.
    """
    return practise(
        "soft_tokens",
        "Butt et al. 2025, arXiv 2509.19170",
        "Practice with soft thoughts answers as well as practice with sampled ones, and keeps more diverse answers.",
        rollouts={"name": "tasks.rollouts.thoughts"},
        arms={
            "soft": {"loss": {"name": "policy.soft_cot"}},
            "hard": {"loss": {"name": "policy.rloo"}, "task": {"rollouts": {"name": "tasks.rollouts.thoughts", "soft": False}}},
        },
        expect=[("pass_at_16", "soft", "higher", "hard", 0.05)],
        problems={**SUMS, "operators": "*"},
    )


def cory() -> ConfigDict:
    """A pioneer and an observer who sees its answer, both rewarded for both and changing roles, against each alone.

    Expect the first of them, judged alone, to answer better than one trained alone. It comes out worse: half of its updates
    went into answering as the observer, and copying a seen answer does not help without one.
    """
    loss = {"name": "policy.cory", "kl_coefficient": 0.05}
    apart = {"rollouts": {"name": "tasks.rollouts.partners", "cooperate": False}}
    return practise(
        "cory",
        "Ma et al. 2024, arXiv 2410.06101",
        "Two copies that answer one after the other and share their rewards learn more than one copy alone.",
        rollouts={"name": "tasks.rollouts.partners"},
        arms={"cooperating": {"loss": loss}, "alone": {"loss": loss, "task": apart}},
        expect=[("accuracy", "cooperating", "higher", "alone", 0.05)],
        steps=120,
    )
