"""Examples of the room `pretrain`."""

import jax
import jax.numpy as jnp

from algax import Logits, chain, pretrain

from ..kinds import BatchExample, Helper, LossExample, LossRoom
from . import pretrain_data, pretrain_text

LENGTH, FEATURES, VOCABULARY = 5, 3, 6


def terms(rng, rows):
    mask = rng.random((rows, LENGTH)) < 0.7
    mask[:, 0] = True
    mask[0, -1] = False
    return pretrain.Terms(
        inputs={
            "target": jnp.asarray(rng.normal(size=(rows, LENGTH, FEATURES)), jnp.float32),
            "source": jnp.asarray(rng.normal(size=(rows, LENGTH, FEATURES)), jnp.float32),
        },
        tokens=jnp.asarray(rng.integers(0, VOCABULARY, (rows, LENGTH)), jnp.int32),
        mask=jnp.asarray(mask),
        weights=jnp.asarray(rng.uniform(0.5, 2.0, (rows, LENGTH)), jnp.float32),
        source_mask=jnp.asarray(mask[:, ::-1]),
        token_scores=jnp.asarray(rng.uniform(size=(rows, LENGTH)), jnp.float32),
        step_ids=jnp.asarray(rng.integers(0, 3, (rows, LENGTH)), jnp.int32),
        teacher_distribution=Logits(jnp.asarray(rng.normal(size=(rows, LENGTH, VOCABULARY)), jnp.float32)),
        teacher_hidden=jnp.asarray(rng.normal(size=(rows, LENGTH, 4)), jnp.float32),
    )


def params(rng):
    return {
        "kernel": jnp.asarray(rng.normal(size=(FEATURES, VOCABULARY)), jnp.float32),
        "states": jnp.asarray(rng.normal(size=(FEATURES, FEATURES)), jnp.float32),
        "projection": jnp.asarray(rng.normal(size=(FEATURES, 4)), jnp.float32),
        "value": jnp.asarray(rng.normal(size=FEATURES), jnp.float32),
    }


def forward(params, terms, key):
    del key
    hidden = terms.inputs["target"]
    values = {name: value.astype(hidden.dtype) for name, value in params.items()}
    states = hidden @ values["states"]
    head = Logits(states @ values["kernel"])
    return terms.replace(
        distribution=head,
        log_probs=head.log_probs(jnp.where(terms.mask, terms.tokens, 0), terms.mask.astype(bool)),
        values=-jax.nn.sigmoid(hidden @ values["value"]),
        hidden=states,
        head_kernel=values["kernel"],
        source_hidden=terms.inputs["source"] @ values["states"],
        projection_kernel=values["projection"],
        projection_bias=0.1 * values["projection"][0] + 1.0,
    )


def _huge(batch):
    return batch.replace(inputs=jax.tree.map(lambda x: x * 1e4, batch.inputs))


ROOM = LossRoom(terms, params, forward, {"logits of 1e4": _huge})

TEXT = pretrain.ScoredText(
    tokens=jnp.arange(2, 14).reshape(2, 6),
    mask=jnp.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]], bool),
    segment_starts=jnp.array([[0, 1, 0, 1, 0, 0], [1, 0, 1, 0, 1, 0]], bool),
    scores=jnp.array([[0.0, 0.0, 0.0, 0.9, 0.9, 0.0], [0.2, 0.2, 0.0, 0.0, 0.0, 0.0]]),
)
CONTROLS = {"control_tokens": (0, 1), "max_segments": 3}
CONTRAST = (
    {"tau": 0.0}, {"positive_size": -1.0}, {"negative_size": -1.0}, {"scale_positive": 1}, {"coefficient": -1.0}
)
WEIGHTS = ({"beta": 0.0}, {"max_weight": 0.0})

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
            {"coefficient": -1.0},
        ),
    ),
    "ControlledText": Helper("pretrain/test_control.py"),
    "ScoredText": Helper("pretrain/test_control.py"),
    "control_prefix": BatchExample(
        TEXT,
        CONTROLS | {"drop_rate": 0.5},
        bad=(
            CONTROLS | {"control_tokens": (0,)},
            CONTROLS | {"control_tokens": (0, 0)},
            CONTROLS | {"control_tokens": (0, 1, 2), "edges": (1.0, 1.0)},
            CONTROLS | {"max_segments": 0},
            CONTROLS | {"drop_rate": 2.0},
            CONTROLS | {"pad_token": -1},
        ),
    ),
    "PerturbedStates": Helper("pretrain/test_contrastive.py"),
    "normalized_step": Helper("pretrain/test_contrastive.py"),
    "perturb_states": Helper("pretrain/test_contrastive.py"),
    "contrast_sequences": LossExample({"tau": 0.5, "scale_positive": False}, bad=CONTRAST, surrogate_gradient=True),
    "claps": LossExample({"tau": 0.5}, bad=CONTRAST[:4], surrogate_gradient=True),
    "DialogueText": Helper("pretrain/test_dialogues.py"),
    "FeedbackTurns": Helper("pretrain/test_dialogues.py"),
    "feedback_dialogue": Helper("pretrain/test_dialogues.py"),
    "reward_weights": LossExample(
        {"beta": 0.5, "max_weight": 0.6, "baseline": True},
        around=lambda transform: chain(transform, pretrain.next_token()),
        bad=(*WEIGHTS, {"baseline": 1}),
        surrogate_gradient=True,
    ),
    "reward_regression": LossExample({"coefficient": 0.5}, bad=({"coefficient": -1.0},)),
    "rwr": LossExample({"beta": 0.5, "max_weight": 0.6}, bad=WEIGHTS),
    "awr": LossExample({"beta": 0.5}, bad=(*WEIGHTS, {"alpha": 1.5}), surrogate_gradient=True),
    "unlikelihood": LossExample(
        {"threshold": 0.5, "alpha": 0.3}, bad=({"threshold": float("nan")}, {"threshold": None, "alpha": -1.0})
    ),
    "drop_bad_sequences": LossExample(
        {"threshold": 0.5}, around=lambda transform: chain(transform, pretrain.next_token()), bad=({"threshold": "0"},)
    ),
}

EXAMPLES |= pretrain_text.EXAMPLES | pretrain_data.EXAMPLES
