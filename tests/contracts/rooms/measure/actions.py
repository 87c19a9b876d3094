"""Measures of an agent's actions."""

from ...kinds import Helper

EXAMPLES = {"point_in_box": Helper("measure/test_actions.py")}
