"""Examples of the room `pretrain`: layouts of data and objectives made of them."""

import jax.numpy as jnp

from algax import pretrain

from ..kinds import BatchExample, Helper, LossExample


def piece(*shape, first=5):
    """Tokens of which the last along the last axis is padding."""
    tokens = first + jnp.arange(int(jnp.prod(jnp.asarray(shape)))).reshape(shape)
    return pretrain.Piece(tokens, jnp.broadcast_to(jnp.arange(shape[-1]) < shape[-1] - 1, shape))


TEXT = pretrain.token_batch(jnp.arange(5, 25).reshape(2, 10), jnp.arange(10)[None, :] < jnp.array([[10], [7]]))
TASK = pretrain.SpectrumTask(piece(2, 4), piece(2, 3, 3, first=20), piece(2, 3, 3, first=40))
SPECTRUM = {"headers": ((1,), (2,), (3,)), "end_token": 4}

PREFIX = "pretrain/test_prefix_language.py"

EXAMPLES = {
    "DecoderInputs": Helper(PREFIX),
    "EncoderDecoderInputs": Helper(PREFIX),
    "decoder_terms": Helper(PREFIX),
    "encoder_decoder_terms": Helper(PREFIX),
    "markers": BatchExample(
        pretrain.MarkedText(piece(2, 3), piece(2, 3, first=20), piece(2, 4, 2, first=40)),
        {"begin_tokens": (1,), "end_tokens": (2, 3)},
        bad=(
            {"begin_tokens": (-1,), "end_tokens": (2,)},
            {"begin_tokens": (1,), "end_tokens": (-1,)},
            {"begin_tokens": (1,), "end_tokens": (2,), "list_dropout": 1.5},
            {"begin_tokens": (1,), "end_tokens": (2,), "field_dropout": -0.5},
            {"begin_tokens": (1,), "end_tokens": (2,), "pad_token": -1},
        ),
    ),
    "hidden_matching": LossExample({"coefficient": 0.5}, bad=({"coefficient": -1.0},)),
    "masked_distillation": LossExample(
        {"hard": 0.5, "soft": 0.3, "hidden": 0.2, "temperature": 2.0},
        bad=({"hard": -1.0}, {"soft": -1.0}, {"hidden": -1.0}, {"temperature": 0.0}),
    ),
    "spoken_form": Helper("pretrain/test_distillation.py"),
    "teacher_divergence": LossExample(
        {"temperature": 2.0, "coefficient": 0.5}, bad=({"temperature": 0.0}, {"coefficient": -1.0})
    ),
    "packed_prefix_language": BatchExample((TEXT, TEXT), bad=({"pad_token": -1},)),
    "prefix_language": BatchExample(TEXT, bad=({"rate": 0.6}, {"pad_token": -1})),
    "split_text": Helper(PREFIX),
    "DENOISERS": Helper("pretrain/test_denoisers.py"),
    "Denoiser": Helper("pretrain/test_denoisers.py"),
    "ul2": BatchExample(
        TEXT,
        {"vocabulary_size": 60, "mode_tokens": (1, 2, 3), "denoisers": pretrain.DENOISERS[4::2], "uniform_prefix": True},
        bad=(
            {"vocabulary_size": 0},
            {"vocabulary_size": 60, "mode_tokens": (1, 2, 2)},
            {"vocabulary_size": 60, "mode_tokens": (1, 2)},
            {"vocabulary_size": 60, "denoisers": ()},
            {"vocabulary_size": 60, "rates": (1.0, 2.0)},
            {"vocabulary_size": 60, "uniform_prefix": 1},
            {"vocabulary_size": 60, "inputs_length": 3},
            {"vocabulary_size": 60, "pad_token": -1},
        ),
    ),
    "z_loss": LossExample({"coefficient": 0.5}, bad=({"coefficient": -1.0},)),
    "SpectrumTask": Helper("pretrain/test_spectrum.py"),
    "spectrum": BatchExample(
        TASK,
        SPECTRUM | {"separator": (60,), "drop_description": 0.5, "width": 30},
        bad=(
            SPECTRUM | {"headers": ((1,), (2,))},
            SPECTRUM | {"end_token": -1},
            SPECTRUM | {"separator": (-1,)},
            SPECTRUM | {"drop_description": 1.5},
            SPECTRUM | {"width": 0},
            SPECTRUM | {"pad_token": -1},
        ),
    ),
    "sequential_prompting": Helper("pretrain/test_infilling.py"),
    "trained_messages": Helper("pretrain/test_spectrum.py"),
}

EXAMPLES |= {
    name: Helper(f"pretrain/test_{file}.py")
    for file, names in {
        "pseudo_labels": ("PseudoLabelRun", "PseudoLabels", "pseudo_label_pretrain", "pseudo_labels"),
        "markers": ("MarkedText", "group_buckets"),
        "noise": ("scored_noise",),
        "prompting": ("calibrate", "ensemble_prompts", "tuning_mask"),
        "prompts": ("PromptTemplate",),
        "task_generation": ("GeneratedTask", "parse_task", "render_task", "task_prompt"),
    }.items()
    for name in names
}
