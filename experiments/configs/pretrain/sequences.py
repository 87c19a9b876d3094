"""Sequences: what stands before a text, what is hidden in it, and what carries over to other domains."""

from ml_collections import ConfigDict

from algax.experiments.configs import answered
from algax.experiments.configs.preference.shared import adam, on_task

NEXT_TOKEN = {"name": "pretrain.next_token"}


def meco() -> ConfigDict:
    """Names of sources before texts for nine tenths of the steps, or all of them, against none: four Markov chains.

    Expect a lower loss with the name than plain training has, and no more than a fifth of the damage without it that training
    with names to the end does. The damage goes, but so does the name's gain of .15 nats: this small network then counts twice
    what both name and text say of the source.
    """
    decay = {"name": "optax.cosine_decay_schedule", "init_value": 5e-3, "decay_steps": 600, "alpha": 0.1}
    return on_task(
        "pretrain/meco",
        "Gao et al. 2025, arXiv 2501.01956",
        "Metadata before the text help, and a last tenth of plain text makes the model work without them.",
        {
            "names, then plain": {"loss": NEXT_TOKEN, "task": {"plain_from": 0.9}},
            "names": {"loss": NEXT_TOKEN, "task": {"plain_from": 1.0}},
            "plain": {"loss": NEXT_TOKEN},
        },
        [
            ("named_nll", "names, then plain", "lower", "plain", 0.04),
            ("nll", "names, then plain", "lower", "names", 0.4),
            ("nll", "names, then plain", "lower", "plain", -0.2),
        ],
        task={"name": "tasks.sourced_texts", "steps": 600},
        model={"name": "models.MLP", "features": [64, 18]},
        optimizer=[{"name": "optax.adam", "learning_rate": decay}],
        steps=600,
        seeds=5,
    )


def masked_thought() -> ConfigDict:
    """Random digits, or masks, in place of written sums while training, against neither; then a wrong first sum.

    Expect about the same accuracy where nothing goes wrong, and after the wrong sum that only training with random digits still
    finds the answer.
    """

    def arm(**options: float) -> dict:
        return {"loss": NEXT_TOKEN, "task": options}

    return on_task(
        "pretrain/masked_thought",
        "Chen et al. 2024, arXiv 2403.02178",
        "Hidden steps of reasoning make a model rely on the question instead of on the step before.",
        {"random digits": arm(rate=0.4), "masks": arm(rate=0.4, replace_rate=0.0), "plain": arm()},
        [
            ("accuracy_after_slip", "random digits", "higher", "plain", 0.4),
            ("accuracy_after_slip", "random digits", "higher", "masks", 0.4),
            ("accuracy", "random digits", "higher", "plain", -0.05),
        ],
        task={"name": "tasks.masked_sums", "steps": 2000, "batch_size": 32},
        model={"name": "models.MLP", "features": [96, 5]},
        optimizer=adam(3e-3),
        steps=2000,
        seeds=5,
    )


def simcot() -> ConfigDict:
    """A decoder that reads each running sum off a latent against the answer alone, in sums of five digits with four latents.

    Expect more right answers, sums that can be read off, and latents that differ at least twice as much. Answers come out; of
    the sums three quarters can be read off within these steps, and latents differ one and a half times as much.
    """
    loss = {"name": "pretrain.step_supervision", "num_steps": 5, "reduction": "token"}
    return on_task(
        "pretrain/simcot",
        "Wei et al. 2025, arXiv 2509.20317",
        "Latents that an auxiliary decoder must read steps off do not collapse, and answer better.",
        {"supervised": {"loss": loss}, "answer alone": {"loss": loss, "task": {"supervised": False}}},
        [
            ("accuracy", "supervised", "higher", "answer alone", 0.05),
            ("log_diversity", "supervised", "higher", "answer alone", 0.69),
            ("decoded", "supervised", "higher", "answer alone", 0.7),
        ],
        task={"name": "tasks.latent_sums", "batch_size": 32},
        model={"name": "models.MLP", "features": [64, 32]},
        optimizer=adam(3e-3),
        steps=2000,
        seeds=5,
    )


def skill_mix() -> ConfigDict:
    """Examples of up to three rules, one after the other, against examples of one: random permutations of ten tokens.

    Expect more than 40 % of right answers to four rules, which neither has seen, and few from one rule at a time.
    """
    return on_task(
        "pretrain/skill_mix",
        "Zhao et al. 2024, arXiv 2409.19808",
        "Examples that combine up to three skills teach to combine more, which examples of single skills do not.",
        {"up to three": {"loss": NEXT_TOKEN}, "one": {"loss": NEXT_TOKEN, "task": {"most": 1}}},
        [
            ("four_rules", "up to three", "higher", "one", 0.25),
            ("four_rules", "up to three", "higher", "start", 0.3),
        ],
        task={"name": "tasks.composed_rules", "batch_size": 48},
        model={"name": "models.MLP", "features": [64, 32], "activation": "tanh"},
        optimizer=adam(5e-3),
        steps=2000,
        seeds=5,
    )


def spectrum() -> ConfigDict:
    """Outputs as they were drawn against the likeliest one throughout, in tasks told by ten outputs of their own distribution.

    Expect predictions near the task's distribution, and samples as varied as its own.
    """
    return on_task(
        "pretrain/spectrum",
        "Sorensen et al. 2025, arXiv 2510.06084",
        "Training on draws from many distributions makes a model match new ones from examples.",
        {"draws": {"loss": NEXT_TOKEN}, "modes": {"loss": NEXT_TOKEN, "task": {"mode": True}}},
        [
            ("js", "draws", "lower", "modes", 0.1),
            ("variety", "draws", "higher", "modes", 0.1),
        ],
        task={"name": "tasks.drawn_outputs"},
        model={"name": "models.MLP", "features": [32, 10], "activation": "tanh"},
        optimizer=adam(5e-3),
        steps=400,
        seeds=6,
    )


def alexa_tm() -> ConfigDict:
    """A small model with 150 texts of a domain: with a teacher that knows the domain, with a general one, with none.

    Expect the lowest loss on hidden tokens of the domain with the teacher that was trained on it too.
    """
    distil = {"name": "pretrain.masked_distillation"}
    return on_task(
        "pretrain/alexa_tm",
        "FitzGerald et al. 2022, arXiv 2206.07808",
        "A teacher that goes on in the domain makes a better small model than a general teacher or training from scratch.",
        {
            "of the domain": {"loss": distil},
            "general": {"loss": distil, "task": {"teacher": "general"}},
            "none": {"loss": NEXT_TOKEN, "task": {"teacher": "none"}},
        },
        [
            ("masked_nll", "of the domain", "lower", "general", 0.02),
            ("masked_nll", "of the domain", "lower", "none", 0.02),
        ],
        task={"name": "tasks.distilled_students"},
        model={"name": "models.MLP", "features": [32, 8]},
        optimizer=adam(5e-3),
        steps=400,
    )


def cpt_uda() -> ConfigDict:
    """Filling gaps in texts of both domains before learning labels in one, against labels alone; the test is the other domain.

    Expect more right answers after filling gaps, and most of it from gaps in words that tell of the label.
    """
    return answered(
        "pretrain/cpt_uda",
        "Uppaal et al. 2024, arXiv 2401.17514",
        "Masked pre-training on unlabelled texts of both domains carries labels over, as masked words tell of the label.",
        "two_domains",
        ("gaps", "source alone", "telling gaps", "idle gaps"),
        [
            ("accuracy", "gaps", "higher", "source alone", 0.02),
            ("accuracy", "telling gaps", "higher", "idle gaps", 0.02),
        ],
        seeds=12,
    )
