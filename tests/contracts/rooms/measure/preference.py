"""Examples of the room `measure`: what preference learning and selected supervision are judged by."""

from ...kinds import Helper

EXAMPLES = {
    "gap_recovered": Helper("measure/test_recovery.py"),
}
