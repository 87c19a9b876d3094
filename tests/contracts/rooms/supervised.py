"""Examples of the room `supervised`."""

import jax.numpy as jnp
import numpy as np

from algax import chain, supervised

from ..kinds import Helper, LossExample, LossRoom, ScheduleExample

FEATURES, CLASSES = 3, 4


def terms(rng, rows):
    mask = np.ones(rows, bool)
    mask[1] = False
    return supervised.Terms(
        inputs=jnp.asarray(rng.normal(size=(rows, FEATURES)), jnp.float32),
        targets=jnp.asarray(rng.normal(size=(rows, CLASSES)), jnp.float32),
        soft_labels=jnp.asarray(rng.dirichlet(np.ones(CLASSES), rows), jnp.float32),
        labels=jnp.asarray(rng.integers(0, CLASSES, rows), jnp.int32),
        mask=jnp.asarray(mask),
    )


def params(rng):
    return {"kernel": jnp.asarray(rng.normal(size=(FEATURES, CLASSES)), jnp.float32)}


def _apply(params, inputs):
    return inputs @ params["kernel"].astype(inputs.dtype)


def _huge(batch):
    return batch.replace(inputs=batch.inputs * 1e4)


ROOM = LossRoom(terms, params, supervised.forward(_apply), {"logits of 1e4": _huge})

CONFIDENCE = ({"coefficient": 1.5}, {"threshold": "mean"})
POWERS = ({"weak_power": -1.0}, {"student_power": -1.0})


def with_soft_targets(transform):
    return chain(transform, supervised.soft_cross_entropy())


EXAMPLES = {
    **dict.fromkeys(
        (
            "BoostedNetwork",
            "BoostingLoss",
            "SigmoidNetwork",
            "boost",
            "cross_entropy_boosting",
            "log_exponential_boosting",
            "merge_blocks",
            "squared_boosting",
            "truncate",
        ),
        Helper("supervised/test_boosting.py"),
    ),
    "Terms": Helper("supervised/test_classification.py"),
    "forward": Helper("supervised/test_classification.py"),
    "log_stablemax": Helper("supervised/test_classification.py"),
    "cross_entropy": LossExample(
        {"label_smoothing": 0.1}, bad=({"label_smoothing": -0.1}, {"label_smoothing": 1.0}, {"label_smoothing": "0.1"})
    ),
    "confidence_ramp": ScheduleExample(
        {"steps": 20}, first=0.0, last=0.5, last_step=4, monotone="increasing", bad=({"steps": 0}, {"steps": 1, "peak": 2.0})
    ),
    "confident_targets": LossExample({"coefficient": 0.3}, around=with_soft_targets, bad=CONFIDENCE),
    "product_targets": LossExample({"weak_power": 0.5}, around=with_soft_targets, bad=POWERS, surrogate_gradient=True),
    "soft_cross_entropy": LossExample(
        around=lambda transform: chain(supervised.confident_targets(), transform), surrogate_gradient=True
    ),
    "weak_to_strong": LossExample({"threshold": "half"}, bad=CONFIDENCE, surrogate_gradient=True),
    "product_supervision": LossExample({"student_power": 2.0}, bad=POWERS, surrogate_gradient=True),
    "squared_error": LossExample(),
    "stablemax_cross_entropy": LossExample(),
}
