"""Objectives: which gaps a model learns to fill, what it says before it answers, and in which order it learns."""

from ml_collections import ConfigDict

from algax.experiments.configs import answered
from algax.experiments.configs.preference.shared import on_task

NEXT_TOKEN = {"name": "pretrain.next_token"}


def falling_adam(learning_rate: float, steps: int) -> list[dict]:
    """Adam with a linear decay to a tenth."""
    decay = {"name": "optax.linear_schedule", "init_value": learning_rate, "end_value": learning_rate / 10}
    return [{"name": "optax.adam", "learning_rate": {**decay, "transition_steps": steps}}]


def ul2() -> ConfigDict:
    """The paper's seven denoisers against short gaps alone and against continuation alone, on texts of a Markov chain.

    Expect the mixture to be within 5 % of the better one's loss in both tasks, and each of the others more than 15 % worse than
    that in the other's.
    """

    def denoiser(mean_span: float | None, rate: float, mode: str) -> dict:
        return {"name": "pretrain.Denoiser", "mean_span": mean_span, "rate": rate, "mode": mode}

    loss = [NEXT_TOKEN, {"name": "pretrain.z_loss"}]
    return on_task(
        "pretrain/ul2",
        "Tay et al. 2022, arXiv 2205.05131",
        "A mixture of denoisers is about as good as the best single objective, in filling gaps and in going on with a text.",
        {
            "mixture": {"loss": loss, "task": {"rates": [0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.2]}},
            "infilling": {"loss": loss, "task": {"denoisers": [denoiser(3.0, 0.15, "regular")]}},
            "continuation": {"loss": loss, "task": {"denoisers": [denoiser(None, 0.25, "sequential")]}},
        },
        [
            ("log_infilling", "mixture", "lower", "infilling", -0.0488),
            ("log_continuation", "mixture", "lower", "continuation", -0.0488),
            ("log_infilling", "continuation", "higher", "infilling", 0.14),
            ("log_continuation", "infilling", "higher", "continuation", 0.14),
        ],
        task={"name": "tasks.gapped_texts"},
        model={"name": "models.MLP", "features": [64, 23]},
        optimizer=falling_adam(1e-2, 1500),
        steps=1500,
        seeds=8,
    )


def markers() -> ConfigDict:
    """Markers of domain and length, written before the answer and sometimes given, against none; six of eight domains are rare.

    Expect 5 to 15 points more of right answers in the rare domains, frequent ones within a point, and nine in ten answers of
    the length that a given marker asks for, where a model without markers has three in ten. Rare domains gain nothing: all are
    named rightly, but the network answers from cue and operand as it does without the name.
    """
    return on_task(
        "pretrain/markers",
        "D'souza et al. 2025, arXiv 2506.14702",
        "Markers that a model learns to write and to obey help with rare domains and steer the length.",
        {"markers": {"loss": NEXT_TOKEN}, "none": {"loss": NEXT_TOKEN, "task": {"marked": False}}},
        [
            ("tail", "markers", "higher", "none", 0.05),
            ("head", "markers", "higher", "none", -0.01),
            ("obeyed", "markers", "higher", "none", 0.57),
        ],
        task={"name": "tasks.marked_examples", "batch_size": 16},
        model={"name": "models.MLP", "features": [64, 95]},
        optimizer=falling_adam(1e-2, 3000),
        steps=3000,
        seeds=5,
    )


def pcp() -> ConfigDict:
    """Filling gaps in prompts with pseudo-labels before tuning on 32 labels, against filling them in the texts, or not at all.

    Expect at least three points more than without, no less than with bare texts, still more with true labels, and nothing
    gained with random ones. Here the gaps in the texts teach nearly all: with random labels too it is five points.
    """
    return answered(
        "pretrain/pcp",
        "Shi, Lipani 2023, arXiv 2305.01711",
        "Masked language modelling goes on best on texts in the prompt's template, with the model's own labels.",
        "prompted_opinions",
        ("prompts", "texts", "none", "true labels", "random labels"),
        [
            ("accuracy", "prompts", "higher", "none", 0.03),
            ("accuracy", "prompts", "higher", "texts", 0.0),
            ("accuracy", "true labels", "higher", "prompts", 0.0),
            ("accuracy", "random labels", "lower", "none", -0.03),
        ],
        seeds=10,
    )


def syne() -> ConfigDict:
    """New texts by their loss at the start, or by rates that follow the topics' perplexities, against random order.

    Expect random order's last loss in the new dialect with a fifth fewer new texts, a rise of less than 3 % in the old one, and
    a lower perplexity of the worst topic where the mixture follows it. Nothing is forgotten; neither order nor mixture helps:
    the loss at the start hardly tells noise (correlation .4) from novelty, and a topic that still improves loses its share.
    """
    return answered(
        "pretrain/syne",
        "Chen et al. 2024, arXiv 2407.18743",
        "Two new texts in eight old ones, easy texts first and topics by their perplexity: faster, and nothing is forgotten.",
        "new_dialect",
        ("easy first", "random order", "adaptive topics"),
        [
            ("log_used", "easy first", "lower", "random order", 0.223),
            ("old_rise", "easy first", "lower", "start", -0.0296),
            ("log_worst", "adaptive topics", "lower", "random order", 0.0),
        ],
    )


def sap() -> ConfigDict:
    """One gap after the other, of which the first character is kept, against one gap, by a model that learned to fill spans.

    Expect nine in ten of the next 20 characters to be right, against less than half where the model fills one gap.
    """
    return answered(
        "pretrain/sap",
        "Patel et al. 2022, arXiv 2209.14500",
        "A model of span corruption goes on with a text if it is asked for a beginning of the rest again and again.",
        "filled_cycles",
        ("sequential", "single"),
        [("accuracy", "sequential", "higher", "start", 0.9), ("accuracy", "sequential", "higher", "single", 0.4)],
        seeds=5,
        model={"name": "models.MLP", "features": [64, 23]},
    )


def paramanu_ganita() -> ConfigDict:
    """A small model trained on sums alone against one four times as large that goes on with sums after mixed text.

    Expect a lower perplexity of sums at the same compute on them, and a higher one of other text. The large one is ahead
    on sums too, by 1.5 %: a quarter of the steps is enough for it.
    """
    return answered(
        "pretrain/paramanu_ganita",
        "Niyogi, Bhattacharya 2024, arXiv 2404.14395",
        "A small model trained from scratch on its domain beats a larger general one that goes on in it at the same cost.",
        "domain_models",
        ("from scratch", "continued"),
        [
            ("log_perplexity", "from scratch", "lower", "continued", 0.0),
            ("log_perplexity_of_words", "from scratch", "higher", "continued", 0.0),
        ],
        seeds=6,
    )


def aux_think() -> ConfigDict:
    """Naming the room in texts of its own, before each step, after it, or never, by a model that finds its way on a grid.

    Expect names in texts of their own to be no worse than none, names before steps to be worse than both, and that the more
    the longer the path. Names before steps cost two points, and not more on long paths: the network goes by cell and goal, and
    hardly by the name it has said.
    """
    loss = {"name": "pretrain.next_token", "reduction": "sequence_sum"}
    return on_task(
        "pretrain/aux_think",
        "Wang et al. 2025, arXiv 2505.11886",
        "Reasoning helps as an auxiliary target and harms before acting, where it goes wrong off the expert's paths.",
        {mode: {"loss": loss, "task": {"mode": mode}} for mode in ("auxiliary", "none", "after", "before")},
        [
            ("success", "auxiliary", "higher", "none", -0.02),
            ("success", "none", "higher", "before", 0.05),
            ("fall", "before", "higher", "none", 0.05),
        ],
        task={"name": "tasks.reasoned_steps"},
        model={"name": "models.MLP", "features": [64, 179]},
        optimizer=falling_adam(5e-3, 1500),
        steps=1500,
        seeds=5,
    )


def arch_objective() -> ConfigDict:
    """A causal decoder of whole texts, one that reads both ways and fills gaps, and the first turned into the second.

    Expect the causal one to be best at going on with texts, the other to be no worse after tuning on tasks, and a tenth of the
    steps to be enough for the first to make up four fifths of the way to it. It is better in five of six seeds after tuning;
    40 steps are too few to turn one into the other and make up a fifth of the way.
    """
    sizes = {"vocabulary_size": 34, "hidden_size": 32, "num_layers": 2, "num_heads": 2, "mlp_size": 64, "max_length": 28}
    config = {"name": "models.TransformerConfig", "mlp": "plain", "positions": "learned", **sizes}
    return answered(
        "pretrain/arch_objective",
        "Wang et al. 2022, arXiv 2204.05832",
        "Causal decoders are best without tuning, those that fill gaps and read both ways after it, and one becomes the other.",
        "pretrained_decoders",
        ("causal", "non-causal", "adapted"),
        [
            ("zero_shot", "causal", "higher", "non-causal", 0.0),
            ("tuned", "non-causal", "higher", "causal", -0.02),
            ("recovered", "adapted", "higher", "causal", 0.8),
        ],
        seeds=6,
        model={"name": "models.Transformer", "config": config},
    )
