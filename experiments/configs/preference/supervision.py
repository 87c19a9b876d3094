"""Whose labels to train on, and which."""

from ml_collections import ConfigDict

from algax.experiments.configs import answered
from algax.experiments.configs.preference.shared import adam, on_task


def weak_to_strong() -> ConfigDict:
    """The auxiliary confidence loss against plain training on a weak model's soft labels: odd and even digits.

    The weak model sees the digits blurred. Expect the student to exceed its labels, and more so with the confidence loss.
    """
    ramp = {"name": "supervised.confidence_ramp", "peak": 0.75, "steps": 1500}
    plain = {"name": "supervised.weak_to_strong", "coefficient": 0.0}
    return on_task(
        "preference/weak_to_strong",
        "Burns et al. 2023, arXiv 2312.09390",
        "A strong student exceeds its weak supervisor, and a term for its own confident predictions recovers more of the gap.",
        {
            "confidence": {"loss": {"name": "supervised.weak_to_strong", "coefficient": ramp}},
            "naive": {"loss": plain},
            "ceiling": {"loss": plain, "task": {"true_labels": True}},
        },
        [
            ("accuracy", "confidence", "higher", "naive", 0.025),
            ("accuracy", "ceiling", "higher", "confidence", 0.05),
        ],
        task={"name": "tasks.weak_labels"},
        model={"name": "models.MLP", "features": [64, 2]},
        optimizer=adam(1e-3),
        steps=1500,
        seeds=5,
    )


def easy_to_hard() -> ConfigDict:
    """Training on clear digits against training on noisy ones, rightly or partly wrongly labelled; noisy digits are the test.

    Expect the clear digits to teach more than the noisy ones, and far more than those with 30 % of wrong labels.
    """
    loss = {"name": "supervised.cross_entropy"}
    return on_task(
        "preference/easy_to_hard",
        "Hase et al. 2024, arXiv 2401.06751",
        "Easy training data teach most of what hard data teach about hard tests, and more if hard labels are noisy.",
        {kind: {"loss": loss, "task": {"train": kind}} for kind in ("easy", "hard", "mislabelled hard")},
        [
            ("accuracy", "easy", "higher", "mislabelled hard", 0.14),
            ("accuracy", "easy", "higher", "hard", 0.085),
        ],
        task={"name": "tasks.graded_digits"},
        model={"name": "models.MLP", "features": [10]},
        optimizer=[{"name": "optax.add_decayed_weights", "weight_decay": 1 / 160}, *adam(0.01)],  # a penalty on 160 digits
        steps=500,
    )


def difficulty_cv() -> ConfigDict:
    """Half of the digits by the variation of earlier attempts against a random half and the easiest half.

    Expect digits that are solved only now and then to teach more than either. They teach more than the easiest, but no more
    than random ones.
    """
    loss = {"name": "supervised.cross_entropy"}
    return on_task(
        "preference/difficulty_cv",
        "Tian et al. 2025, arXiv 2504.17565",
        "Queries whose attempts vary teach more than as many others.",
        {kind: {"loss": loss, "task": {"train": kind}} for kind in ("varied", "random", "easiest")},
        [
            ("accuracy", "varied", "higher", "random", 0.01),
            ("accuracy", "varied", "higher", "easiest", 0.02),
        ],
        task={"name": "tasks.attempted_digits"},
        model={"name": "models.MLP", "features": [64, 10]},
        optimizer=adam(3e-3),
        steps=400,
        evaluations=2,
    )


def supervision_quality() -> ConfigDict:
    """Worked additions of which 90 % are wrong, with few or many wrong steps, and with the steps as problems of their own.

    Expect a step error rate of .1 to leave far more right sums than one of .6 at the same outcome error rate, and the steps as
    clean problems to help no less than the noisy problems once more.
    """
    loss = {"name": "supervised.cross_entropy"}
    return on_task(
        "preference/supervision_quality",
        "He et al. 2024, arXiv 2410.20533",
        "The rate of wrong steps, not of wrong outcomes, decides what hard supervision is worth; subtasks add to it.",
        {
            "few wrong steps": {"loss": loss},
            "many wrong steps": {"loss": loss, "task": {"step_rate": 0.6}},
            "many wrong steps, and parts": {"loss": loss, "task": {"step_rate": 0.6, "parts": True}},
        },
        [
            ("accuracy", "few wrong steps", "higher", "many wrong steps", 0.15),
            ("accuracy", "many wrong steps, and parts", "higher", "many wrong steps", 0.0),
        ],
        task={"name": "tasks.corrupted_sums"},
        model={"name": "models.MLP", "features": [64, 20]},
        optimizer=adam(3e-3),
        steps=500,
        seeds=5,
        evaluations=2,
    )


def sft_recipe() -> ConfigDict:
    """Eight times the batch at half the rate, and warm-up, against neither: digits with 30 % of wrong labels.

    Expect at least the accuracy of small batches, none of warm-up, and a rank correlation of .4 over a grid of runs between
    high loss with small gradients in the first tenth and the accuracy at the end.
    """
    return answered(
        "preference/sft_recipe",
        "Pareja et al. 2024, arXiv 2412.13337",
        "Large batches with low rates fine-tune best, early gradient norms and losses tell, and warm-up may be left out.",
        "fine_tuning_runs",
        ("large batches", "baseline", "warm-up", "grid"),
        [
            ("accuracy", "large batches", "higher", "baseline", 0.0),
            ("accuracy", "baseline", "higher", "warm-up", -0.005),
            ("rank_correlation", "grid", "higher", "start", 0.4),
        ],
        seeds=8,
    )
