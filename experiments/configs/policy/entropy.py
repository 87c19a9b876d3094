"""Objectives that keep or steer the entropy, on a bandit of 24 prompts with 6 right answers of 48 each."""

from ml_collections import ConfigDict

from algax.experiments.configs.policy.shared import CLIPPED, GROUP_REINFORCE, GRPO, RATE, on_bandit


def clip_cov() -> ConfigDict:
    """Dropping tokens of high covariance keeps entropy; the accuracy must not suffer by more than a hundredth."""
    return on_bandit(
        "clip_cov",
        "Cui et al. 2025, arXiv 2505.22617",
        "Entropy falls through few tokens of high covariance; leaving them out keeps it at the same reward.",
        {"clip_cov": {"name": "policy.clip_cov", "fraction": 0.3, "covariance_low": 0.2}, "grpo": GRPO},
        [("entropy", "clip_cov", "higher", "grpo", 0.05), ("accuracy", "clip_cov", "higher", "start", 0.8)],
    )


def kl_cov() -> ConfigDict:
    """A divergence on tokens of high covariance keeps entropy against the unclipped loss it modifies."""
    return on_bandit(
        "kl_cov",
        "Cui et al. 2025, arXiv 2505.22617",
        "Tying the tokens of highest covariance to the old policy keeps entropy at the same reward.",
        {"kl_cov": {"name": "policy.kl_cov", "fraction": 0.2}, "reinforce": GROUP_REINFORCE},
        [("entropy", "kl_cov", "higher", "reinforce", 0.01), ("accuracy", "kl_cov", "higher", "start", 0.8)],
    )


def aepo_balanced() -> ConfigDict:
    """Eight epochs a batch, twenty batches: keeping the gradient of up-clipped tokens learns from rare right answers sooner."""
    return on_bandit(
        "aepo_balanced",
        "Dong et al. 2025, arXiv 2510.14545",
        "Keeping the gradient of tokens clipped from above speeds learning up.",
        {"aepo_balanced": {"name": "policy.aepo_balanced"}, "clip": GRPO},
        [("accuracy", "aepo_balanced", "higher", "clip", 0.05)],
        steps=160,
        epochs=8,
    )


def entropy() -> ConfigDict:
    """A bonus whose coefficient follows a target of 0.5 nats ends near it, where GRPO alone ends near 0.06."""
    bonus = [*CLIPPED, {"name": "policy.target_entropy", "target": 0.5}, {"name": "policy.token_mean"}]
    return on_bandit(
        "entropy",
        "Williams and Peng 1991, Function optimization using connectionist reinforcement learning algorithms",
        "An entropy bonus keeps the policy from collapsing, and its coefficient can follow a target.",
        {"target_entropy": bonus, "grpo": GRPO},
        [("entropy", "target_entropy", "higher", "grpo", 0.3), ("accuracy", "target_entropy", "higher", "start", 0.7)],
    )


def light_if() -> ConfigDict:
    """The covariance-weighted bonus, scaled by 0.02, ends at an entropy of 0.16 where GRPO ends at 0.06."""
    return on_bandit(
        "light_if",
        "Wang et al. 2025, arXiv 2508.03178",
        "An entropy bonus for tokens of high covariance keeps entropy at the same reward.",
        {"light_if": {"name": "policy.light_if", "coefficient": 0.02, "kl_coefficient": 0.0}, "grpo": GRPO},
        [("entropy", "light_if", "higher", "grpo", 0.05), ("accuracy", "light_if", "higher", "start", 0.8)],
    )


def steer() -> ConfigDict:
    """Damping the tokens that move the entropy most: a small effect, 0.065 against 0.062 at the end."""
    common = {"name": "policy.steer", "high": 0.2}
    return on_bandit(
        "steer",
        "Hao et al. 2025, arXiv 2510.10150",
        "Weighing tokens down by how much they change the entropy keeps it at the same reward.",
        {"steer": {**common, "lowest": 0.3}, "unweighted": {**common, "lowest": 1.0}},
        [("entropy", "steer", "higher", "unweighted", 0.0), ("accuracy", "steer", "higher", "start", 0.8)],
    )


def lp_reg() -> ConfigDict:
    """Forty epochs on one batch: rare wrong answers keep more of their probability when the proxy protects them."""
    loss = {"name": "policy.lp_reg", "fraction": 1.0}
    return on_bandit(
        "lp_reg",
        "Huang et al. 2025, arXiv 2510.03222",
        "Pulling rare but plausible tokens towards a filtered proxy keeps them from being extinguished.",
        {"lp_reg": loss, "unprotected": {**loss, "fraction": 0.0}},
        [("rare_kept", "lp_reg", "higher", "unprotected", 0.1)],
        steps=40,
        epochs=40,
        samples_per_prompt=32,
    )


def dph() -> ConfigDict:
    """64 stored samples a prompt: entropy 1.1 with a forward KL and 0.45 with a JS divergence, where 0.06 remain without."""
    loss = {"name": "policy.dph", "coefficient": 0.025}
    return on_bandit(
        "dph",
        "Li et al. 2025, arXiv 2509.07430",
        "Rehearsing the initial policy's samples with a mass-covering divergence keeps its modes.",
        {"forward_kl": loss, "js": {**loss, "kind": "js"}, "none": {**loss, "coefficient": 0.0}},
        [
            ("entropy", "forward_kl", "higher", "none", 0.5),
            ("entropy", "js", "higher", "none", 0.2),
            ("right_answers_kept", "forward_kl", "higher", "none", 0.3),
        ],
        learning_rate=9 * RATE,  # of 9 rows in a batch 8 are rehearsed
        extra={"name": "tasks.rehearsal_rows", "per_prompt": 64},
    )


def evol_rl() -> ConfigDict:
    """8 answers of 6 paths each, no labels: novelty keeps two paths alive where the majority's vote alone keeps one."""
    majority = [
        {"name": "policy.majority_labels"},
        {"name": "policy.verifiable_reward", "value": 1.0, "no_eos": None},
        {"name": "policy.group_advantage"},
        {"name": "policy.token_ratio"},
        {"name": "policy.ppo_clip", "high": 0.28},
        {"name": "policy.token_mean"},
    ]
    return on_bandit(
        "evol_rl",
        "Zhou et al. 2025, arXiv 2509.15194",
        "Without labels the majority selects, and rewarding novelty keeps several ways to its answer.",
        {"evol_rl": {"name": "policy.evol_rl", "entropy_coefficient": 0.0, "kl_coefficient": 0.0}, "majority": majority},
        [
            ("entropy", "evol_rl", "higher", "majority", 0.3),
            ("answers_kept", "evol_rl", "higher", "majority", 0.5),
            ("majority", "evol_rl", "higher", "start", 0.2),
        ],
        learning_rate=8.0,
        steps=320,
        prompts=16,
        right_answers=1,
        paths=6,
        samples_per_prompt=32,
    )


def aepo_arbitrary() -> ConfigDict:
    """Half the answers right and a target of 1.5 nats: the entropy ends there, and at 0.6 without the tempered samples."""
    plain = [
        {"name": "policy.group_advantage", "scale": "none"},
        {"name": "policy.token_ratio"},
        {"name": "policy.ppo_clip"},
        {"name": "policy.sum_over_constant", "divisor": 192.0},
    ]
    steered = [plain[0], {"name": "policy.regularising_advantage", "advantage": 2.0}, *plain[1:]]
    return on_bandit(
        "aepo_arbitrary",
        "Wang et al. 2025, arXiv 2510.08141",
        "Correct samples drawn at another temperature steer the entropy to any level.",
        {"aepo_arbitrary": steered, "dr_grpo": [{"name": "policy.drop_flagged", "flag": "regularising"}, *plain]},
        [
            ("entropy", "aepo_arbitrary", "higher", "dr_grpo", 0.5),
            ("entropy_gap", "aepo_arbitrary", "lower", "dr_grpo", 0.5),
            ("accuracy", "aepo_arbitrary", "higher", "start", 0.4),
        ],
        steps=300,
        epochs=1,
        right_answers=24,
        target_entropy=1.5,
        extra={"name": "tasks.tempered_rows", "target": 1.5},
    )


def epo() -> ConfigDict:
    """Prompts as steps of an episode: a hinge below the past's entropy keeps more of it than the bonus alone.

    The bonus alone is the published indicator, whose penalty has no gradient. Below the band the hinge
    doubles the bonus, and a bonus of twice the size keeps still more: the effect is that of its size.
    """
    loss = {
        "name": "policy.epo",
        "max_steps": 2,
        "total": 800,
        "coefficient": 0.05,
        "band_low": 0.8,
        "band_high": 1.2,
        "size": 1.0,
    }
    return on_bandit(
        "epo",
        "Xu et al. 2025, arXiv 2509.22576",
        "Penalising entropy that leaves the band of the past steadies it.",
        {"hinge": {**loss, "form": "hinge"}, "bonus": {**loss, "form": "indicator"}},
        [("entropy", "hinge", "higher", "bonus", 0.02), ("accuracy", "hinge", "higher", "start", 0.7)],
    )
