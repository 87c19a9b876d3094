"""Merging by the largest changes."""

from ...kinds import Helper

EXAMPLES = {"top_delta_merge": Helper("merge/test_top_delta.py")}
