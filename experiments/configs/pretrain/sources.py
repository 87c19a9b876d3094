"""Where training data come from, and what is asked of a model: own labels, written tasks, teachers, prompts, filters."""

from ml_collections import ConfigDict

from algax.experiments.configs import answered
from algax.experiments.configs.preference.shared import adam, on_task

NEXT_TOKEN = {"name": "pretrain.next_token"}


def pseudo_pretrain() -> ConfigDict:
    """Training on a teacher's labels for 1500 digits between two stages on 60 true ones, against the true ones alone.

    Expect a point more of right answers, and with 1000 true labels less than half a point.
    """
    return answered(
        "pretrain/pseudo_pretrain",
        "Guo 2020, arXiv 2011.09031",
        "A stage on a model's own labels for unlabelled examples, before the true ones, helps where these are few.",
        "pseudo_labelled",
        ("pseudo-labels", "labels alone"),
        [
            ("accuracy", "pseudo-labels", "higher", "labels alone", 0.01),
            ("many_labels_accuracy", "labels alone", "higher", "pseudo-labels", -0.005),
        ],
        seeds=16,
        model={"name": "models.MLP", "features": [64, 10]},
    )


def bonito() -> ConfigDict:
    """A generator trained on other domains writes questions on 96 passages of a new one, against learning these word for word.

    Expect at least 80 % of right answers from the written questions, and at most 30 % from the passages.
    """
    return on_task(
        "pretrain/bonito",
        "Nayak et al. 2024, arXiv 2402.18334",
        "Tasks that a generator writes of a domain's texts adapt a model to it, which training on the texts does not.",
        {
            "written tasks": {"loss": NEXT_TOKEN},
            "passages": {"loss": NEXT_TOKEN, "task": {"train": "passages"}},
        },
        [
            ("accuracy", "written tasks", "higher", "passages", 0.5),
            ("accuracy", "written tasks", "higher", "start", 0.74),
            ("accuracy", "passages", "lower", "start", -0.24),
        ],
        task={"name": "tasks.written_tasks"},
        model={"name": "models.MLP", "features": [64, 50], "activation": "tanh"},
        optimizer=adam(5e-3),
        steps=300,
        seeds=6,
    )


def openmathinstruct2() -> ConfigDict:
    """256 worked sums of a noisy teacher: many questions or many solutions, right ones or wrong ones, voted on or not.

    Expect at least 3 points more from 256 questions than from 8 solutions to each of 32, a loss of less than 2 points from
    20 % of wrong solutions and of more than 5 from 60 %; the majority of 32 to be right nearly always at an accuracy of 0.6,
    and four times in five at 0.3. A fifth of wrong ones costs 13 points, after longer training too: this student knows
    nothing but its 256 pairs.
    """
    return answered(
        "pretrain/openmathinstruct2",
        "Toshniwal et al. 2024, arXiv 2410.01560",
        "More questions help more than more solutions, a fifth of wrong solutions does little harm, and a vote finds most.",
        "taught_sums",
        ("questions", "solutions", "20 % wrong", "60 % wrong"),
        [
            ("accuracy", "questions", "higher", "solutions", 0.03),
            ("accuracy", "20 % wrong", "higher", "questions", -0.02),
            ("accuracy", "60 % wrong", "lower", "questions", 0.05),
            ("right", "questions", "higher", "start", 0.98),
            ("weak_right", "questions", "higher", "start", 0.75),
        ],
        seeds=6,
        model={"name": "models.MLP", "features": [64, 27]},
    )


def instruct_open() -> ConfigDict:
    """Instructions that differ from those in the pool, with outputs that are repeated, against all that a model writes.

    Expect 85 % of different templates among 300 instructions against about half, and 85 % of right outputs against 70 %.
    """
    return answered(
        "pretrain/instruct_open",
        "Wang et al. 2023, arXiv 2308.12711",
        "Filters of novelty and of consistency make instructions that an open model bootstraps more varied and more right.",
        "bootstrapped_instructions",
        ("filtered", "unfiltered"),
        [
            ("coverage", "filtered", "higher", "unfiltered", 0.3),
            ("coverage", "filtered", "higher", "start", 0.85),
            ("right", "filtered", "higher", "unfiltered", 0.1),
            ("right", "filtered", "higher", "start", 0.85),
        ],
        seeds=5,
    )


def prompting() -> ConfigDict:
    """Five prompts to a frozen model, together against each alone; and with a bias on its label words, calibrated or not.

    Expect at least 2 points more from the mixture than from a prompt, chance under the bias, and 80 % after calibration.
    """
    return answered(
        "pretrain/prompting",
        "Liu et al. 2021, arXiv 2107.13586",
        "A mixture of prompts beats single ones, and dividing by the answer to an empty text removes a bias on words.",
        "prompted_answers",
        ("ensemble", "single", "calibrated"),
        [
            ("accuracy", "ensemble", "higher", "single", 0.02),
            ("biased_accuracy", "calibrated", "higher", "ensemble", 0.25),
            ("biased_accuracy", "calibrated", "higher", "start", 0.8),
        ],
        model={"name": "models.MLP", "features": [4]},
    )


def magic_token() -> ConfigDict:
    """Three ways to respond, each behind a token of its own, in one model, against a model for each on its part of the data.

    Expect at least 98 % of the responses on new prompts right for the mode, no more than a point less than each alone has, and
    modes whose logits lie apart, by a margin above 0.5.
    """
    arms = {"shared": {"loss": NEXT_TOKEN}}
    expect = [("compliance", "shared", "higher", "start", 0.98), ("margin", "shared", "higher", "start", 0.5)]
    for mode in ("positive", "negative", "rejective"):
        arms[f"{mode} alone"] = {"loss": NEXT_TOKEN, "task": {"modes": [mode]}}
        expect.append((mode, "shared", "higher", f"{mode} alone", -0.01))
    return on_task(
        "pretrain/magic_token",
        "Si et al. 2025, arXiv 2508.14904",
        "One model trained on all modes behind tokens of their own switches between them as well as separate models.",
        arms,
        expect,
        task={"name": "tasks.magic_tokens"},
        model={"name": "models.MLP", "features": [64, 15]},
        optimizer=adam(3e-3),
        steps=900,
        seeds=6,
    )


def data_guide() -> ConfigDict:
    """Word-pair models of six drifting years, fine-tuned on the year of the evaluation or not, and without toxic texts.

    Expect accuracy to fall with the years between, correlated above 0.8, and less so after fine-tuning; without toxic texts
    fewer toxic continuations, and a detector of such texts that is slightly worse. The detector is not worse but better: the
    rows of words that were filtered out are alike in being hardly trained, and that tells toxic texts.
    """
    return answered(
        "pretrain/data_guide",
        "Longpre et al. 2023, arXiv 2305.13169",
        "Old data make models worse beyond what fine-tuning mends; filters of toxic texts cost the ability to detect them.",
        "audited_texts",
        ("plain", "fine-tuned", "filtered"),
        [
            ("correlation", "plain", "lower", "start", 0.8),
            ("slope", "fine-tuned", "higher", "plain", 0.0),
            ("slope", "fine-tuned", "lower", "start", 0.0),
            ("toxic_rate", "filtered", "lower", "plain", 0.0),
            ("detection", "filtered", "lower", "plain", 0.0),
        ],
    )
