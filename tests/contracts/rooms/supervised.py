"""Examples of the room `supervised`."""

import jax.numpy as jnp
import numpy as np

from algax import supervised

from ..kinds import Helper, LossExample, LossRoom

FEATURES, CLASSES = 3, 4


def terms(rng, rows):
    mask = np.ones(rows, bool)
    mask[1] = False
    return supervised.Terms(
        inputs=jnp.asarray(rng.normal(size=(rows, FEATURES)), jnp.float32),
        targets=jnp.asarray(rng.normal(size=(rows, CLASSES)), jnp.float32),
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
    "squared_error": LossExample(),
    "stablemax_cross_entropy": LossExample(),
}
