"""Supervised training on whole responses, and what it takes besides."""

from ml_collections import ConfigDict

from algax.experiments.configs.preference.shared import adam, on_task


def fdiv_sft() -> ConfigDict:
    """Supervised training as imitation under other divergences, against the plain one at two rates, on 200 demonstrations.

    Expect the policy to stay nearer to the reference at a fifth of the rate, with squared Hellinger and most with Pearson's
    chi square, for at most 15 % of the expert's reward. All of it comes out but the last: chi square, whose pull ends at a
    log-ratio of 2, gives up a fifth of the reward.
    """

    def arm(divergence: str, rate: float = 0.05) -> dict:
        return {"loss": {"name": "preference.divergence_sft", "divergence": divergence}, "optimizer": adam(rate)}

    least = {"pearson_chi2": 0.5, "squared_hellinger": 0.3, "supervised, a fifth of the rate": 0.35}
    arms = {
        "supervised": arm("total_variation"),
        "supervised, a fifth of the rate": arm("total_variation", 0.01),
        "squared_hellinger": arm("squared_hellinger"),
        "pearson_chi2": arm("pearson_chi2"),
    }
    return on_task(
        "preference/fdiv_sft",
        "Wang et al. 2025, arXiv 2507.00018",
        "A smaller rate, or a divergence other than total variation, keeps supervised training near the reference.",
        arms,
        [
            *(("divergence", name, "lower", "supervised", value) for name, value in least.items()),
            *(("reward", name, "higher", "supervised", -0.15) for name in least),
        ],
        task={"name": "tasks.choices"},
        model={"name": "models.MLP", "features": [12], "use_bias": False},
        optimizer=adam(0.05),
        steps=150,
    )


def dco() -> ConfigDict:
    """Direct coverage optimisation against cross-entropy, 3000 steps on 300 answers of an expert that chooses at random.

    Expect more coverage by 16 attempts the more of them the loss counts on, and less by a single one.
    """
    return on_task(
        "preference/dco",
        "Chen et al. 2025, arXiv 2502.07154",
        "Cross-entropy becomes too confident for many attempts; limiting confidence improves pass@N.",
        {f"{n} attempts": {"loss": {"name": "preference.dco", "n": n}} for n in (16, 4, 1)},
        [
            ("pass_at_16", "16 attempts", "higher", "1 attempts", 0.09),
            ("pass_at_16", "4 attempts", "higher", "1 attempts", 0.05),
            ("pass_at_1", "1 attempts", "higher", "16 attempts", 0.03),
        ],
        task={"name": "tasks.choices", "features": 20, "answers": 20, "reward_scale": 0.42, "examples": 300},
        model={"name": "models.MLP", "features": [128, 20]},
        optimizer=adam(1e-3),
        steps=3000,
        seeds=5,
    )


def dress() -> ConfigDict:
    """Training on answers after their scores against training on all answers alike, with eight answers and noisy scores.

    Expect the answer after the best score to be far better than the data's mean, and after the worst far worse.
    """
    loss = {"name": "pretrain.next_token"}
    return on_task(
        "preference/dress",
        "Chen et al. 2023, arXiv 2311.10081",
        "A model that is told the feedback on what it learns answers better when it is told the best feedback.",
        {"conditioned": {"loss": loss}, "plain": {"loss": loss, "task": {"shuffled": True}}},
        [
            ("quality", "conditioned", "higher", "plain", 0.55),
            ("worst_quality", "conditioned", "lower", "plain", 0.55),
        ],
        task={"name": "tasks.scored_answers"},
        model={"name": "models.MLP", "features": [13], "use_bias": False},
        optimizer=adam(0.05),
        steps=300,
    )


def phf() -> ConfigDict:
    """Control tokens that say which texts are bad against plain likelihood and against dropping bad texts, on 24 short texts.

    Expect a fifth of plain training's bad texts after the token of good ones, for a held-out loss on good texts that is no
    more than 2 % higher, where dropping bad texts loses more.
    """
    likelihood = {"name": "pretrain.next_token"}
    filtered = [{"name": "pretrain.drop_bad_sequences", "threshold": 0.0}, likelihood]
    return on_task(
        "preference/phf",
        "Korbak et al. 2023, arXiv 2302.08582",
        "Pre-training that is told which text is good writes far less bad text, and loses nothing on good text.",
        {
            "conditional": {"loss": likelihood},
            "likelihood": {"loss": likelihood, "task": {"told": False}},
            "filtered": {"loss": filtered, "task": {"told": False}},
        },
        [
            ("bad_texts_log", "conditional", "lower", "likelihood", 1.6),
            ("good_nll", "conditional", "lower", "likelihood", -0.03),
            ("good_nll", "conditional", "lower", "filtered", 0.01),
        ],
        task={"name": "tasks.scored_texts"},
        model={"name": "models.MLP", "features": [32, 11], "activation": "tanh"},
        optimizer=adam(5e-3),
        steps=150,
        seeds=6,
        evaluations=3,
    )


def claps() -> ConfigDict:
    """Contrast with adversarial perturbations against likelihood alone: sequences to be reversed, from 500 examples.

    Expect at least the accuracy of likelihood, and sources that are nearer to distant positives than to hard negatives. The
    second comes out, the first does not: in 16 dimensions contrast takes hold of the states and likelihood waits; with
    perturbations a third as long it costs little accuracy and tells nothing apart.
    """
    return on_task(
        "preference/claps",
        "Lee et al. 2021, arXiv 2012.07280",
        "Contrast with hard negatives and distant positives of the decoder's states improves conditional generation.",
        {"claps": {"loss": {"name": "pretrain.claps"}}, "likelihood": {"loss": {"name": "pretrain.next_token"}}},
        [
            ("accuracy", "claps", "higher", "likelihood", -0.01),
            ("told_apart", "claps", "higher", "likelihood", 0.05),
        ],
        task={"name": "tasks.reversals"},
        model={"name": "models.MLP", "features": [64, 16]},
        optimizer=adam(3e-3),
        steps=400,
    )
