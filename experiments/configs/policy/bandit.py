"""Objectives on a bandit of 24 prompts with 6 right answers of 48 each: off-policy samples and wrong answers."""

from ml_collections import ConfigDict

from algax.experiments.configs.policy.shared import CLIPPED, GROUP_REINFORCE, GRPO, RATE, on_bandit


def topr() -> ConfigDict:
    """Samples four batches old, rewards 1 and -1: without its taper REINFORCE drives some prompts to 0."""
    return on_bandit(
        "topr",
        "Le Roux et al. 2025, arXiv 2503.14286",
        "Off-policy REINFORCE stays stable when wrong answers weigh by their truncated ratio.",
        {"topr": {"name": "policy.topr"}, "reinforce": {"name": "policy.reinforce"}},
        [("accuracy", "topr", "higher", "reinforce", 0.05)],
        delay=4,
        lowest_reward=-1.0,
    )


def cispo() -> ConfigDict:
    """Samples four batches old, rewards 1 and -1: group advantages with clipped weights against bare REINFORCE."""
    return on_bandit(
        "cispo",
        "MiniMax 2025, arXiv 2506.13585",
        "With clipped weights no token loses its gradient, and old samples do no harm.",
        {"cispo": {"name": "policy.cispo"}, "clip": GRPO, "reinforce": {"name": "policy.reinforce"}},
        [("accuracy", "cispo", "higher", "reinforce", 0.05), ("accuracy", "cispo", "higher", "clip", 0.0)],
        delay=4,
        lowest_reward=-1.0,
    )


def nft() -> ConfigDict:
    """Learning from wrong answers too: against rejection sampling (weight 0 on them), and against GRPO."""
    common = {"name": "policy.nft", "prompt_weight": "group_std", "divisor": 192.0}
    return on_bandit(
        "nft",
        "Chen et al. 2025, arXiv 2505.18116",
        "Maximum likelihood with an implicit negative policy learns from wrong answers what GRPO learns.",
        {"nft": common, "rejection_sampling": {**common, "negative_weight": 0.0}, "grpo": GRPO},
        [("accuracy", "nft", "higher", "rejection_sampling", 0.01), ("accuracy", "nft", "higher", "grpo", 0.0)],
    )


def bapo() -> ConfigDict:
    """Samples sixteen batches old at twice the rate: searched bounds against fixed ones."""
    return on_bandit(
        "bapo",
        "Xi et al. 2025, arXiv 2510.18927",
        "Bounds that balance positive and negative advantages stabilise training on old samples.",
        {"bapo": {"name": "policy.bapo"}, "clip": GRPO},
        [("accuracy", "bapo", "higher", "clip", 0.005)],
        learning_rate=2 * RATE,
        delay=16,
    )


def rover() -> ConfigDict:
    """Regression to the uniform policy's values reaches the same accuracy and keeps more entropy than REINFORCE."""
    return on_bandit(
        "rover",
        "He et al. 2025, arXiv 2509.24981",
        "Valuing the uniform policy is enough, and keeps diversity.",
        {"rover": {"name": "policy.rover"}, "reinforce": GROUP_REINFORCE},
        [("entropy", "rover", "higher", "reinforce", 0.01), ("accuracy", "rover", "higher", "start", 0.8)],
    )


def oreal() -> ConfigDict:
    """Cloning right answers and pushing wrong ones away, against cloning alone and against GRPO."""
    common = {"name": "policy.oreal", "kl_coefficient": 0.0}
    return on_bandit(
        "oreal",
        "Lyu et al. 2025, arXiv 2502.06781",
        "Behaviour cloning on correct answers needs reshaped negatives to reach what outcome rewards allow.",
        {"oreal": common, "cloning": {**common, "negative": 0.0}, "grpo": GRPO},
        [("accuracy", "oreal", "higher", "cloning", 0.005), ("accuracy", "oreal", "higher", "start", 0.8)],
        lowest_reward=-1.0,
    )


def dapo() -> ConfigDict:
    """Twenty batches: with uniform groups left out and a higher upper bound accuracy and entropy are above GRPO's."""
    return on_bandit(
        "dapo",
        "Yu et al. 2025, arXiv 2503.14476",
        "Leaving groups of equal rewards out and clipping higher learns faster and keeps exploring.",
        {"dapo": {"name": "policy.dapo"}, "grpo": GRPO},
        [("accuracy", "dapo", "higher", "grpo", 0.02)],
        steps=80,
    )


def kl() -> ConfigDict:
    """As losses the estimators k2 and k3 hold the policy near its start; k1, whose mean gradient is 0, does not."""
    arms = {
        name: [*CLIPPED, {"name": "policy.kl_penalty", "coefficient": 0.2, "estimator": name}, {"name": "policy.token_mean"}]
        for name in ("k2", "k3", "k1")
    }
    return on_bandit(
        "kl",
        "Schulman 2020, Approximating KL divergence",
        "k1 is an unbiased value of the KL, but as a loss it does not bound it; k2 and k3 do.",
        {**arms, "none": GRPO},
        [
            ("kl", "k2", "lower", "none", 0.2),
            ("kl", "k2", "lower", "k1", 0.2),
            ("kl", "k3", "lower", "k1", 0.2),
        ],
    )


def copo() -> ConfigDict:
    """One right answer of 48, groups of 4, 120 batches: on prompts that share nothing expect no clear gain over GRPO."""
    return on_bandit(
        "copo",
        "Han et al. 2025, arXiv 2508.04138",
        "Comparing prompts where all answers agree lets every group teach, and raises accuracy.",
        {"copo": {"name": "policy.copo", "rho": 0.5}, "grpo": GRPO},
        [("accuracy", "copo", "higher", "grpo", 0.0)],
        steps=480,
        right_answers=1,
        samples_per_prompt=4,
    )


def bnpo() -> ConfigDict:
    """One update a batch of 16, by Adam as in the paper: a Beta density in place of the standard deviation, or of no scale.

    Not reproduced: where the success rates gather the density is above 1, so that nearly solved prompts weigh less than without
    a scale and the last hundredth comes later. The paper's gain is in the variance of the gradient, which a table hardly feels.
    """
    centred = [{"name": "policy.group_advantage", "scale": "none"}, *CLIPPED[1:], {"name": "policy.token_mean"}]
    return on_bandit(
        "bnpo",
        "Xiao et al. 2025, arXiv 2506.02864",
        "A Beta density fitted to the success rates scales advantages better than their standard deviation.",
        {"bnpo": {"name": "policy.bnpo"}, "grpo": GRPO, "centred": centred},
        [("accuracy", "bnpo", "higher", "grpo", 0.0), ("accuracy", "bnpo", "higher", "centred", 0.0)],
        optimizer={"name": "optax.adam", "learning_rate": 0.05},
        steps=200,
        epochs=1,
        samples_per_prompt=16,
    )


def riskpo() -> ConfigDict:
    """Bundles of five prompts at a fifth of the rate: entropy stays near 1.5 where GRPO's falls below 1, and accuracy lags."""
    return on_bandit(
        "riskpo",
        "Ren et al. 2025, arXiv 2510.00911",
        "Maximising the risk of bundles instead of the mean keeps entropy while it learns.",
        {"riskpo": {"name": "policy.riskpo"}, "grpo": GRPO},
        [("entropy", "riskpo", "higher", "grpo", 0.2), ("accuracy", "riskpo", "higher", "start", 0.3)],
        learning_rate=2.5,
        steps=300,
        epochs=1,
        prompts=25,
        bundle=5,
    )


def stable_reinforce() -> ConfigDict:
    """One recorded log-prob of a hundred is 90 nats too low: bare ratios overflow and lose their steps, bounded ones do not.

    `token_ratio` bounds its log-ratio at 20 by default, which is enough here: the baseline lifts that bound.
    """
    loss = {"name": "policy.stable_reinforce", "kl_coefficient": 0.0}
    unbounded = [
        {"name": "policy.consistency_reward"},
        {"name": "policy.reward_on_last_token"},
        {"name": "policy.return_to_go"},
        {"name": "policy.whiten_advantage"},
        {"name": "policy.token_ratio", "log_limit": 100.0},
        {"name": "policy.ppo_clip"},
        {"name": "policy.sequence_mean_token_mean"},
    ]
    return on_bandit(
        "stable_reinforce",
        "Zhang et al. 2025, arXiv 2505.02835",
        "Clipping the log-ratio before it is exponentiated keeps training stable.",
        {"stable_reinforce": loss, "reinforce_pp": unbounded},
        [
            ("accuracy", "stable_reinforce", "higher", "reinforce_pp", 0.1),
            ("accuracy", "stable_reinforce", "higher", "start", 0.6),
        ],
        steps=200,
        corrupted=0.01,
    )


def remix() -> ConfigDict:
    """3 right answers of 48, groups of 4, as many new samples for both: groups of the last two batches once more help."""
    loss = {"name": "policy.remix", "kl_coefficient": 0.0}
    return on_bandit(
        "remix",
        "Liang et al. 2025, arXiv 2507.06892",
        "Replaying the rollouts of the last policies reaches an accuracy with fewer new ones.",
        {"remix": loss, "on_policy": [{"name": "policy.drop_flagged", "flag": "demonstrations"}, loss]},
        [("accuracy", "remix", "higher", "on_policy", 0.03)],
        steps=240,
        epochs=2,
        memory=2,
        right_answers=3,
        samples_per_prompt=4,
        extra={"name": "tasks.replayed_rows"},
    )


def hpt() -> ConfigDict:
    """8 prompts whose right answer starts at e^-12: samples alone never find it, with demonstrations both others do.

    That demonstrations alone fall behind is not reproduced: here every one of them is right, so that cloning has nothing to
    unlearn, while a prompt that is solved once in 8 samples goes on by the slower policy gradient.
    """
    reinforcement = [
        {"name": "policy.drop_flagged", "flag": "demonstrations"},
        {"name": "policy.group_advantage", "scale": "none"},
        {"name": "policy.token_ratio"},
        {"name": "policy.importance_weighted"},
        {"name": "policy.sum_over_constant", "divisor": 64.0},
    ]
    imitation = [
        {"name": "policy.drop_flagged", "flag": "demonstrations", "value": False},
        {"name": "policy.log_likelihood"},
        {"name": "policy.token_mean"},
    ]
    return on_bandit(
        "hpt",
        "Lv et al. 2025, arXiv 2509.04419",
        "Demonstrations where the policy fails and its own rollouts elsewhere beat either alone.",
        {"hpt": {"name": "policy.hpt", "divisor": 64.0}, "reinforcement": reinforcement, "imitation": imitation},
        [("accuracy", "hpt", "higher", "reinforcement", 0.5), ("accuracy", "hpt", "higher", "imitation", 0.01)],
        learning_rate=4.0,
        steps=80,
        epochs=1,
        prompts=8,
        right_answers=1,
        handicap=12.0,
        extra={"name": "tasks.demonstration_rows"},
    )


def drpo() -> ConfigDict:
    """Answers of 1 to 10 tokens, short right ones preferred: more accurate than a length penalty for all, and as short.

    Updates once a batch. The rate is five times the usual one, since the losses divide by the length first.
    """
    penalty = {"name": "policy.overlong_penalty", "max_length": 10, "buffer": 10, "factor": 0.9}
    return on_bandit(
        "drpo",
        "Li et al. 2025, arXiv 2510.04474",
        "A length reward that is normalised among right answers never punishes one of them for its length.",
        {
            "drpo": {"name": "policy.drpo", "length_temperature": 0.1, "max_length": 10},
            "penalised_grpo": [penalty, GRPO],
        },
        [
            ("accuracy", "drpo", "higher", "penalised_grpo", 0.01),
            ("mean_length", "drpo", "lower", "start", 0.05),
        ],
        learning_rate=5 * RATE,
        epochs=1,
        steps=400,
        longest=10,
    )


def aggregation() -> ConfigDict:
    """Answers of 1 to 10 tokens: a mean over each answer first gives short right ones more weight, and ends shorter."""
    return on_bandit(
        "aggregation",
        "Liu et al. 2025, arXiv 2503.20783",
        "A mean over the tokens of each answer first biases learning by length; a mean over all tokens does not.",
        {
            "sequence_mean": [*CLIPPED, {"name": "policy.sequence_mean_token_mean"}],
            "token_mean": [*CLIPPED, {"name": "policy.token_mean"}],
        },
        [("mean_length", "sequence_mean", "lower", "token_mean", 0.05), ("accuracy", "token_mean", "higher", "start", 0.7)],
        learning_rate=5 * RATE,
        longest=10,
    )
