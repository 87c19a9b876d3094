"""Examples of the room `unlearn`."""

import jax.numpy as jnp

from algax import Logits, chain, unlearn

from ..kinds import Helper, LossExample, LossRoom

FEATURES, VOCABULARY = 3, 5
LENGTHS = {"forget": 4, "retain": 5, "idk": 3}


def terms(rng, rows):
    fields, inputs = {}, {}
    for kind, length in LENGTHS.items():
        inputs[kind] = jnp.asarray(rng.normal(size=(rows, length, FEATURES)), jnp.float32)
        tokens = jnp.asarray(rng.integers(0, VOCABULARY, (rows, length)), jnp.int32)
        mask = rng.random((rows, length)) < 0.7
        mask[:, :2] = True
        fields |= {f"{kind}_tokens": tokens, f"{kind}_mask": jnp.asarray(mask)}
        reference = Logits(jnp.asarray(rng.normal(size=(rows, length, VOCABULARY)), jnp.float32))
        fields[f"ref_{kind}_log_probs"] = reference.log_probs(tokens)
        if kind != "idk":
            fields[f"ref_{kind}_distribution"] = reference
    return unlearn.Terms(inputs=inputs, **fields)


def params(rng):
    return {"kernel": jnp.asarray(rng.normal(size=(FEATURES, VOCABULARY)), jnp.float32)}


def _apply(params, inputs):
    return inputs @ params["kernel"].astype(inputs.dtype)


def _forgotten(batch):
    return batch.replace(ref_forget_log_probs=batch.ref_forget_log_probs + 1e4)


def _unforgotten(batch):
    return batch.replace(ref_forget_log_probs=batch.ref_forget_log_probs - 1e4)


def _huge(batch):
    return batch.replace(inputs={kind: 1e4 * value for kind, value in batch.inputs.items()})


ROOM = LossRoom(
    terms,
    params,
    unlearn.forward(_apply),
    {"log-ratios of -1e4": _forgotten, "log-ratios of 1e4": _unforgotten, "logits of 1e4": _huge},
)

HELPERS = "unlearn/test_helpers.py"
COEFFICIENT = ({"coefficient": -1.0},)
WEIGHTS = ({"gamma": -1.0}, {"alpha": -1.0})
BETA = ({"beta": 0.0}, {"beta": "0.1"})

EXAMPLES = {
    "Terms": Helper(HELPERS),
    "forward": Helper(HELPERS),
    "npo_weights": Helper("unlearn/test_forget.py"),
    "gradient_ascent": LossExample({"coefficient": 0.5}, bad=COEFFICIENT),
    "npo": LossExample({"beta": 0.5, "coefficient": 2.0}, bad=(*BETA, *COEFFICIENT)),
    "simnpo": LossExample({"margin": 0.3}, bad=(*BETA, {"margin": float("nan")}, *COEFFICIENT)),
    "weighted_gradient_ascent": LossExample(bad=({"beta": -1.0}, *COEFFICIENT), surrogate_gradient=True),
    "satimp": LossExample(
        {"saturation": 2.0}, bad=({"saturation": -1.0}, {"importance": -1.0}, *COEFFICIENT), surrogate_gradient=True
    ),
    "undial": LossExample(bad=({"strength": -1.0}, *COEFFICIENT)),
    "ce_u": LossExample(bad=({"ignore_first": -1}, *COEFFICIENT), surrogate_gradient=True),
    "drop_first_forget_tokens": LossExample(
        around=lambda transform: chain(transform, unlearn.gradient_ascent()), bad=({"count": -1}, {"count": 1.5})
    ),
    "retain_nll": LossExample({"coefficient": 0.5}, bad=COEFFICIENT),
    "retain_kl": LossExample({"coefficient": 0.5}, bad=COEFFICIENT),
    "idk_sft": LossExample({"coefficient": 0.5}, bad=COEFFICIENT),
    "idk_dpo": LossExample({"beta": 0.5}, bad=(*BETA, *COEFFICIENT)),
    "gradient_difference": LossExample({"gamma": 0.5}, bad=WEIGHTS),
    "npo_retain": LossExample({"alpha": 0.5}, bad=(*BETA, *WEIGHTS)),
    "npo_kl": LossExample({"alpha": 0.5}, bad=(*BETA, *WEIGHTS)),
}
