"""Examples of the room `measure`: what preference learning and selected supervision are judged by."""

from ...kinds import Helper

EXAMPLES = {
    "Interval": Helper("measure/test_bootstrap.py"),
    "grid_bootstrap": Helper("measure/test_bootstrap.py"),
    "LogitVelocity": Helper("measure/test_displacement.py"),
    "ches": Helper("measure/test_displacement.py"),
    "coverage_factors": Helper("measure/test_coverage.py"),
    "pass_at_n": Helper("measure/test_coverage.py"),
    "displacement": Helper("measure/test_displacement.py"),
    "logit_velocity": Helper("measure/test_displacement.py"),
    "early_signal": Helper("measure/test_early_signal.py"),
    "gap_recovered": Helper("measure/test_recovery.py"),
    "linear_teacher_delta": Helper("measure/test_delta_learning.py"),
    "linear_teacher_gain": Helper("measure/test_delta_learning.py"),
    "outcome_error_rate": Helper("measure/test_step_errors.py"),
    "step_error_rate": Helper("measure/test_step_errors.py"),
}
