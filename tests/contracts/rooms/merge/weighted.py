"""Weighted sums of parameters."""

from ...kinds import Helper

EXAMPLES = dict.fromkeys(("weighted_merge", "balanced_initialisation"), Helper("merge/test_weighted.py"))
