"""The drop at the start of continual training."""

from ...kinds import Helper

EXAMPLES = dict.fromkeys(["StabilityGap", "stability_gap"], Helper("measure/test_stability_gap.py"))
