"""Examples of the room `measure`: what preference learning and selected supervision are judged by."""

from ...kinds import Helper

EXAMPLES = {
    "LogitVelocity": Helper("measure/test_displacement.py"),
    "ches": Helper("measure/test_displacement.py"),
    "displacement": Helper("measure/test_displacement.py"),
    "logit_velocity": Helper("measure/test_displacement.py"),
    "early_signal": Helper("measure/test_early_signal.py"),
    "gap_recovered": Helper("measure/test_recovery.py"),
    "linear_teacher_delta": Helper("measure/test_delta_learning.py"),
    "linear_teacher_gain": Helper("measure/test_delta_learning.py"),
    "outcome_error_rate": Helper("measure/test_step_errors.py"),
    "step_error_rate": Helper("measure/test_step_errors.py"),
}
