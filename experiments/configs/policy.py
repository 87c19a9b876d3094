"""Policy objectives, on verified arithmetic and on a bandit whose probabilities are known.

    algax run policy/grpo

warms a small Transformer up on 40 worked one-digit sums, then practises on the 80 sums that are not held out, with GRPO and
with REINFORCE, rewarded only by a checker that reads the sampled answers. Expect accuracy to rise from about 0.4 at the warm
start to about 0.6 within 120 steps with either: clearly above the start, but no difference between the two, so that the
second claim comes out inconclusive.

    algax run policy/topr    (and the other names of `VARIANTS`)

compares an objective with its baseline on 24 prompts with 6 right answers of 48 each, in seconds; the function of the same name
below says what to expect.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from algax.experiments.configs import choose, comparison


def grpo() -> ConfigDict:
    """GRPO against REINFORCE from the same warm start, at the same learning rate and number of samples."""
    adam = [
        {"name": "optax.clip_by_global_norm", "max_norm": 1.0},
        {"name": "optax.adam", "learning_rate": 1e-3, "b2": 0.95},
    ]
    claim = {"metric": "accuracy", "arm": "grpo", "direction": "higher", "at": "final"}
    return comparison(
        experiment="policy/grpo",
        paper="Shao et al. 2024, arXiv 2402.03300",
        claim="Advantages relative to a group of samples raise accuracy from checked answers alone, and faster than REINFORCE.",
        task={
            "name": "tasks.arithmetic",
            "digits": 1,
            "operators": "+",
            "labelled": 40,
            "held_out": 20,
            "warm_steps": 60,
            "warm_learning_rate": 4e-3,
            "prompts_per_batch": 32,
            "samples_per_prompt": 8,
        },
        model={
            "name": "models.Transformer",
            "config": {
                "name": "models.TransformerConfig",
                "vocabulary_size": 15,
                "hidden_size": 64,
                "num_layers": 1,
                "num_heads": 4,
                "mlp_size": 128,
                "mlp": "plain",
                "positions": "learned",
                "max_length": 8,
            },
        },
        arms={
            "grpo": {"loss": {"name": "policy.grpo"}, "optimizer": adam},
            "reinforce": {"loss": {"name": "policy.reinforce"}, "optimizer": adam},
        },
        seeds=4,
        steps=120,
        evaluate_every=15,
        metric="accuracy",
        expect=[{**claim, "against": "start", "least": 0.1}, {**claim, "against": "reinforce", "least": 0.0}],
    )


# ----- the bandit ---------------------------------------------------------------------------------------------------------

# Mean over 24 prompts' groups: the rate of 0.5 a prompt that the papers' tables suggest.
RATE = 12.0
GRPO = {"name": "policy.grpo", "kl_coefficient": 0.0}
GROUP_REINFORCE = [{"name": "policy.group_advantage"}, {"name": "policy.policy_gradient"}, {"name": "policy.token_mean"}]


def on_bandit(
    name: str,
    paper: str,
    claim: str,
    arms: Mapping[str, Any],
    expect: Sequence[tuple[str, str, str, str, float]],
    *,
    steps: int = 800,
    learning_rate: float = RATE,
    **task: Any,
) -> ConfigDict:
    """A comparison of losses on `tasks.bandit` with plain SGD.

    Args:
      name: the variant.
      paper: authors, year and arXiv number.
      claim: what the paper says, in one sentence.
      arms: name -> spec of a loss.
      expect: (metric, arm, direction, against, least) of every claim at the end.
      steps: updates, in batches of the task's `epochs`.
      learning_rate: of SGD.
      **task: options of the task.
    """
    epochs = task.setdefault("epochs", 4)
    optimizer = [
        {"name": "optax.sgd", "learning_rate": learning_rate},
        {"name": "tasks.refresh_sampler", "every": epochs},
    ]
    claims = [dict(zip(("metric", "arm", "direction", "against", "least"), entry, strict=True), at="final") for entry in expect]
    return comparison(
        experiment=f"policy/{name}",
        paper=paper,
        claim=claim,
        task={"name": "tasks.bandit", **task},
        model={"name": "models.MLP", "features": [48], "use_bias": False},
        arms={arm: {"loss": loss, "optimizer": optimizer} for arm, loss in arms.items()},
        seeds=8,
        steps=steps,
        evaluate_every=steps // 10,
        metric=claims[0]["metric"],
        expect=claims,
    )


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


VARIANTS = {
    "grpo": grpo,
    "aepo_balanced": aepo_balanced,
    "bapo": bapo,
    "cispo": cispo,
    "clip_cov": clip_cov,
    "kl_cov": kl_cov,
    "nft": nft,
    "oreal": oreal,
    "rover": rover,
    "topr": topr,
}


def get_config(variant: str = "grpo") -> ConfigDict:
    """The config of an experiment of this room."""
    return choose(VARIANTS, variant)
