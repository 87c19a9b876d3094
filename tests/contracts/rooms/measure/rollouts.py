"""Measures of sampled responses."""

from ...kinds import Helper

EXAMPLES = dict.fromkeys(
    (
        "PatternRate",
        "TruncationStats",
        "pareto_front",
        "pass_at_k",
        "pattern_rate",
        "trigger_f1",
        "trigger_rate",
        "truncation_stats",
    ),
    Helper("measure/test_rollouts.py"),
) | {"ngram_overlap": Helper("measure/test_ngrams.py")}
