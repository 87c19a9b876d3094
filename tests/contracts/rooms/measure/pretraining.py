"""Examples of the room `measure`: what pretraining and its data are judged by."""

from ...kinds import Helper

TESTED = {
    "data_audit": (
        "TemporalDegradation",
        "WorstOfSamples",
        "ablation_effects",
        "temporal_degradation",
        "worst_of_samples",
    ),
    "distributions": (
        "DistributionAlignment",
        "QuantileCalibration",
        "SampleVariety",
        "distribution_alignment",
        "quantile_calibration",
        "sample_variety",
    ),
    "long_tail": ("LongTail", "long_tail"),
    "information": ("max_mean_discrepancy", "pointwise_information"),
    "modes": ("mode_confusion", "silhouettes"),
    "parsing": ("Parse", "semantic_error_rate"),
    "perplexity": ("bits_per_byte", "perplexity"),
    "overlap": ("RougeL", "rouge_l"),
}
EXAMPLES = {name: Helper(f"measure/test_{file}.py") for file, names in TESTED.items() for name in names}
