"""Measures of dialogues and of guided training."""

from ...kinds import Helper

EXAMPLES = dict.fromkeys(
    [
        "SelfCorrection",
        "self_correction",
        "success_at_turn",
        "mean_turns",
        "distinct_share",
        "thought_diversity",
        "ProgressDecomposition",
        "rlvr_decomposition",
        "SampleQuality",
        "positive_sample_quality",
        "logit_gradient_norm",
    ],
    Helper("measure/test_turns.py"),
)
