"""Examples of the room `pretrain`: transforms of text."""

import jax.numpy as jnp

from algax import chain, pretrain

from ..kinds import BatchExample, Helper, LossExample, ScheduleExample

TEXT = pretrain.token_batch(
    jnp.arange(5, 45).reshape(2, 20),
    jnp.arange(20)[None, :] < jnp.array([[20], [13]]),
    jnp.arange(20)[None, :] >= jnp.array([[4], [2]]),
)
NOISE = "pretrain/test_noise.py"
MASKING = "pretrain/test_masking.py"
PREFIXES = "pretrain/test_prefixes.py"
THOUGHTS = {"rate": 0.5, "mask_token": 3, "vocabulary_size": 60}

EXAMPLES = {
    "Seq2SeqBatch": Helper(NOISE),
    "TokenBatch": Helper(NOISE),
    "alternating_spans": Helper(NOISE),
    "causal_terms": Helper(NOISE),
    "hide": Helper(NOISE),
    "iid_noise": Helper(NOISE),
    "noise_counts": Helper(NOISE),
    "prefix_noise": Helper(NOISE),
    "span_corruption": BatchExample(
        TEXT,
        {"vocabulary_size": 60, "rate": 0.4, "mean_span": 2.0},
        bad=(
            {"vocabulary_size": 0},
            {"vocabulary_size": 60, "rate": 1.5},
            {"vocabulary_size": 60, "mean_span": 0.5},
            {"vocabulary_size": 60, "random_roll": 1},
            {"vocabulary_size": 60, "pad_token": -1},
        ),
    ),
    "span_lengths": Helper(NOISE),
    "span_noise": Helper(NOISE),
    "suffix_noise": Helper(NOISE),
    "token_batch": Helper(NOISE),
    "corrupt_tokens": Helper(MASKING),
    "mask_rate": ScheduleExample(
        {"peak": 0.4, "steps": 30},
        first=0.0,
        last=0.4,
        last_step=21,
        monotone="increasing",
        bad=({"peak": 1.5, "steps": 3}, {"peak": 0.4, "steps": 0}, {"peak": 0.4, "steps": 3, "warmup_fraction": 2.0}),
    ),
    "masked_language": BatchExample(
        TEXT,
        {"mask_token": 3, "vocabulary_size": 60, "rate": 0.5},
        bad=(
            {"mask_token": -1, "vocabulary_size": 60},
            {"mask_token": 3, "vocabulary_size": 0},
            {"mask_token": 3, "vocabulary_size": 60, "rate": -0.1},
            {"mask_token": 3, "vocabulary_size": 60, "shares": (0.8, 0.1)},
            {"mask_token": 3, "vocabulary_size": 60, "shares": (0.8, 0.1, 0.2)},
        ),
    ),
    "masked_thought": BatchExample(
        TEXT,
        THOUGHTS | {"replace_rate": 0.5, "random_rate": True},
        bad=(
            THOUGHTS | {"rate": 1.5},
            THOUGHTS | {"mask_token": -1},
            THOUGHTS | {"vocabulary_size": 0},
            THOUGHTS | {"replace_rate": 1.5},
            THOUGHTS | {"random_rate": 1},
        ),
    ),
    "choose_rows": Helper(PREFIXES),
    "drop_prefix": Helper(PREFIXES),
    "meco": Helper(PREFIXES),
    "mixture": BatchExample(
        TEXT,
        {"transforms": (lambda key, batch: batch, pretrain.masked_thought(**THOUGHTS)), "rates": (1.0, 2.0)},
        bad=(
            {"transforms": (), "rates": ()},
            {"transforms": (max, min), "rates": (0.0, 0.0)},
            {"transforms": (max,), "rates": (-1,)},
        ),
    ),
    "prepend": Helper(PREFIXES),
    "render": Helper(MASKING),
    "url_domain": Helper(PREFIXES),
    "verbalize": Helper(MASKING),
    "Piece": Helper("pretrain/test_reasoning.py"),
    "ReasoningStep": Helper("pretrain/test_reasoning.py"),
    "reasoning_format": Helper("pretrain/test_reasoning.py"),
    "receding_horizon": Helper("pretrain/test_reasoning.py"),
    "latent_feedback": Helper("pretrain/test_latent.py"),
    "step_supervision": LossExample(
        {"num_steps": 4, "reduction": "token", "coefficient": 0.5},
        bad=({"num_steps": 0}, {"num_steps": 3, "reduction": "mean"}, {"num_steps": 3, "coefficient": -1.0}),
    ),
    "step_weights": LossExample(
        {"num_steps": 4, "reduction": "sequence"},
        around=lambda transform: chain(transform, pretrain.next_token()),
        bad=({"num_steps": 0}, {"num_steps": 3, "reduction": "mean"}),
    ),
    "composition_split": Helper("pretrain/test_compositions.py"),
    "skill_subsets": Helper("pretrain/test_compositions.py"),
}
