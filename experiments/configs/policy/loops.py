"""Loops on chains of running sums: lengths, modes, steps and stages that a small Transformer samples itself."""

from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs import comparison
from algax.experiments.configs.policy.protocols import ADAM, GROUPS, practise, transformer
from algax.experiments.configs.policy.shared import CLIPPED

IMITATION = [
    {"name": "policy.drop_flagged", "flag": "demonstrations", "value": False},
    {"name": "policy.log_likelihood"},
    {"name": "policy.token_mean"},
]
PRACTICE = [{"name": "policy.drop_flagged", "flag": "demonstrations"}, *GROUPS]
# For runs that begin with untrained networks and end with practice, which high rates undo.
FALLING = {"name": "optax.cosine_decay_schedule", "init_value": 3e-3, "decay_steps": 400, "alpha": 0.2}
FAST = [ADAM[0], {**ADAM[1], "learning_rate": FALLING}]
STAGED = [
    *CLIPPED[:2],
    {
        "name": "policy.select_rows",
        "rows": "demonstrations",
        "on_true": {"name": "policy.log_likelihood"},
        "on_false": {"name": "policy.ppo_clip", "high": 0.28},
    },
    {"name": "policy.token_mean"},
]


def chains(operands: tuple[int, ...] = (4,), style: str = "chain", balanced: bool = False) -> dict[str, Any]:
    """The spec of `tasks.chain_problems`."""
    return {"name": "tasks.chain_problems", "operands": operands, "style": style, "balanced": balanced}


def dler_arithmetic() -> ConfigDict:
    """Chains that write each running sum once or twice, and a cut at the length of once each: answers fit in sooner.

    As in `dler`, against standard deviations of groups with the same clip and the same cut. It comes out even: what whitening
    adds is scale, which Adam takes away, and answers within the limit are common enough from the start.
    """
    standardised = [{"name": "policy.truncation_reward", "limit": 4}, *GROUPS]
    return practise(
        "dler_arithmetic",
        "Liu et al. 2025, arXiv 2510.15110",
        "With whitened advantages and no uniform groups a plain cut of the length is learnt fast.",
        rollouts={"name": "tasks.rollouts.limited", "limit": 4},
        arms={
            "dler": {"loss": {"name": "policy.dler", "limit": 4, "kl_coefficient": 0.0}},
            "standardised": {"loss": standardised},
        },
        expect=[
            ("within_limit", "dler", "higher", "standardised", 0.05),
            ("mean_length", "dler", "lower", "start", 1.0),
        ],
        problems=chains(style="verbose"),
        labelled=400,
        held_out=100,
        warm_steps=300,
        steps=60,
    )


def thinkless_arithmetic() -> ConfigDict:
    """A control token, then a chain or the answer at once: chains stay for sums of four digits and go for those of two.

    The baseline rewards right answers in either mode alike.
    """
    return practise(
        "thinkless_arithmetic",
        "Fang et al. 2025, arXiv 2505.13379",
        "Paying a right answer without a thought more, with a weight of its own for the control token, thinks where needed.",
        rollouts={"name": "tasks.rollouts.controlled"},
        arms={
            "thinkless": {"loss": {"name": "policy.thinkless", "alpha": 0.03, "kl_coefficient": 0.0}},
            "grpo": {"loss": GROUPS},
        },
        expect=[
            ("think_easy", "thinkless", "lower", "grpo", 0.3),
            ("think_hard", "thinkless", "higher", "start", 0.2),
            ("accuracy", "thinkless", "higher", "start", 0.1),
        ],
        problems=chains((2, 4), "modes", True),
        labelled=800,
        held_out=100,
        warm_steps=300,
        steps=150,
    )


def hpt_countdown() -> ConfigDict:
    """Worked answers for problems that all samples fail, practice on the others, against either alone, on countdown.

    Expect the mixture to solve most. Practice alone does: a worked answer is one of several right ones and teaches little of
    the others, but its gradient is many times that of the samples, so that the mixture goes where imitation goes.
    """
    return practise(
        "hpt_countdown",
        "Lv et al. 2025, arXiv 2509.04419",
        "Demonstrations where the policy fails and its own rollouts elsewhere beat either alone.",
        rollouts={"name": "tasks.rollouts.demonstrated"},
        arms={
            "hpt": {"loss": {"name": "policy.hpt", "divisor": 768.0}},
            "reinforcement": {"loss": PRACTICE},
            "imitation": {"loss": IMITATION},
        },
        expect=[
            ("accuracy", "hpt", "higher", "reinforcement", 0.05),
            ("accuracy", "hpt", "higher", "imitation", 0.02),
        ],
        problems={"name": "tasks.countdown_problems"},
        labelled=300,
        held_out=100,
        steps=120,
    )


def pure_chains() -> ConfigDict:
    """Every sound digit of a chain is rewarded, repeated sums too, and a right answer: summed rewards fill chains up.

    As in `pure`, the baseline compares sums of whole chains. Both end near 0.97 right, hence inconclusive for accuracy. Without
    the reward for right answers both forget to add: a chain that repeats its first operand is sound as well.
    """
    loss = {"name": "policy.pure", "kl_coefficient": 0.0}
    summed = [
        {"name": "policy.reward_on_last_token"},
        {"name": "policy.sequence_rewards"},
        {"name": "policy.group_advantage", "scale": "none"},
        *CLIPPED[1:],
        {"name": "policy.sequence_mean_token_mean"},
    ]
    return practise(
        "pure_chains",
        "Cheng et al. 2025, arXiv 2504.15275",
        "Crediting a step with the least reward to come, instead of the sum, does not reward padding.",
        rollouts={"name": "tasks.rollouts.stepwise"},
        arms={"pure": {"loss": loss}, "sum": {"loss": summed}},
        expect=[
            ("mean_length", "pure", "lower", "sum", 1.0),
            ("accuracy", "pure", "higher", "sum", 0.0),
        ],
        problems=chains(style="verbose"),
        labelled=400,
        held_out=100,
        warm_steps=300,
        steps=120,
    )


def rl_cold_start() -> ConfigDict:
    """240 steps on a teacher's right chains for 60 problems, then 120 of practice, against 360 steps of either alone.

    Expect both stages to end above either. They end above practice alone, which stays at chance, and not above imitation: a
    network this small has not learnt to add when practice begins, and then practice hardly helps.
    """
    options = {"name": "tasks.rollouts.cold_started", "labelled": 60, "mistakes": 0.3}
    return practise(
        "rl_cold_start",
        "Wei et al. 2025, arXiv 2505.22334",
        "Imitating rejection-sampled chains of a teacher and then reinforcing beats either alone.",
        rollouts={**options, "steps": 240},
        arms={
            "both": {"loss": STAGED},
            "reinforcement": {"loss": STAGED, "task": {"rollouts": {**options, "steps": 0}}},
            "imitation": {"loss": STAGED, "task": {"rollouts": {**options, "steps": 360}}},
        },
        expect=[
            ("accuracy", "both", "higher", "reinforcement", 0.05),
            ("accuracy", "both", "higher", "imitation", 0.05),
        ],
        problems=chains((4,)),
        optimizer=FAST,
        labelled=60,
        held_out=100,
        warm_steps=0,
        prompts_per_batch=8,
        steps=360,
    )


def octothinker() -> ConfigDict:
    """150 steps on answers alone, 150 on one of three styles of text, then 60 of practice: after chains the reward is higher.

    Expect the branch of verbose chains to answer at greater length than the mixed one. It does, but the reward after chains is
    hardly higher: 150 steps are too few to learn them.
    """

    def text(*branch: float) -> dict[str, Any]:
        mixture = {"name": "curriculum.mixture_schedule", "stages": ((0, (1.0, 0.0, 0.0)), (150, branch))}
        return {"name": "tasks.rollouts.cold_started", "steps": 300, "labelled": 100, "mixture": mixture}

    return practise(
        "octothinker",
        "Wang et al. 2025, arXiv 2506.20512",
        "Mid-training that ends on chains of thought lets reinforcement scale; on plain text of equal size it does not.",
        rollouts=text(0.0, 0.5, 0.5),
        arms={
            "mixed": {"loss": STAGED},
            "plain": {"loss": STAGED, "task": {"rollouts": text(1.0, 0.0, 0.0)}},
            "verbose": {"loss": STAGED, "task": {"rollouts": text(0.0, 0.0, 1.0)}},
        },
        expect=[
            ("accuracy", "mixed", "higher", "plain", 0.15),
            ("mean_length", "verbose", "higher", "mixed", 1.0),
        ],
        problems=chains(),
        optimizer=FAST,
        labelled=100,
        held_out=100,
        warm_steps=0,
        prompts_per_batch=8,
        steps=360,
    )


def socratic_zero() -> ConfigDict:
    """Questions made where the solver solves half of them, against made alike and against a hundred seeds of 2 or 3 operands.

    Expect more of the sums of four operands to be solved, which no seed has. With new questions there are more than with the
    seeds alone, but few, and where they are made does not matter: the preferences also cost right answers on shorter sums.
    """
    claim = {"metric": "hard_accuracy", "arm": "weighted", "direction": "higher", "at": "final"}
    loss = {"name": "preference.dpo"}
    return comparison(
        experiment="policy/socratic_zero",
        paper="Wang et al. 2025, arXiv 2509.24726",
        claim="From a few seeds, questions generated at the edge of what is solved bootstrap a solver.",
        task={"name": "tasks.socratic", "questions": 8, "warm_steps": 400},
        model=transformer(40),
        arms={
            "weighted": {"loss": loss, "optimizer": ADAM},
            "uniform": {"loss": loss, "optimizer": ADAM, "task": {"generation": "uniform"}},
            "seeds": {"loss": loss, "optimizer": ADAM, "task": {"generation": "seeds"}},
        },
        seeds=6,
        steps=100,
        evaluate_every=50,
        metric="hard_accuracy",
        expect=[{**claim, "against": "seeds", "least": 0.15}, {**claim, "against": "uniform", "least": 0.03}],
    )
