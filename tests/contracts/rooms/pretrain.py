"""Examples of the room `pretrain`."""

import jax.numpy as jnp

from algax import pretrain

from ..kinds import Helper, LossExample, LossRoom

LENGTH, FEATURES, VOCABULARY = 5, 3, 6


def terms(rng, rows):
    mask = rng.random((rows, LENGTH)) < 0.7
    mask[:, 0] = True
    mask[0, -1] = False
    return pretrain.Terms(
        inputs=jnp.asarray(rng.normal(size=(rows, LENGTH, FEATURES)), jnp.float32),
        tokens=jnp.asarray(rng.integers(0, VOCABULARY, (rows, LENGTH)), jnp.int32),
        mask=jnp.asarray(mask),
        weights=jnp.asarray(rng.uniform(0.5, 2.0, (rows, LENGTH)), jnp.float32),
    )


def params(rng):
    return {"kernel": jnp.asarray(rng.normal(size=(FEATURES, VOCABULARY)), jnp.float32)}


def _apply(params, inputs):
    return inputs @ params["kernel"].astype(inputs.dtype)


def _huge(batch):
    return batch.replace(inputs=batch.inputs * 1e4)


ROOM = LossRoom(terms, params, pretrain.forward(_apply), {"logits of 1e4": _huge})

EXAMPLES = {
    "Terms": Helper("pretrain/test_objectives.py"),
    "forward": Helper("pretrain/test_objectives.py"),
    "next_token": LossExample(
        {"reduction": "sequence_mean", "label_smoothing": 0.1},
        bad=(
            {"reduction": "mean"},
            {"label_smoothing": -0.1},
            {"reduction": "constant_length", "max_length": 0},
            {"max_length": 8},
        ),
    ),
}
