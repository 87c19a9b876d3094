"""Scaling laws and comparisons of training algorithms."""

from ...kinds import Helper

EXAMPLES = {
    **dict.fromkeys(
        ("AnnealingLaw", "Curve", "annealing_areas", "fit_annealing_law", "huber_log_loss"),
        Helper("measure/test_annealing_law.py"),
    ),
    **dict.fromkeys(("KaplanLaw", "fit_critical_batch"), Helper("measure/test_kaplan_law.py")),
    **dict.fromkeys(("Fit", "PowerLaw", "fit_law", "fit_power_law", "fit_power_law_offset"), Helper("measure/test_fitting.py")),
    **dict.fromkeys(("performance_profile", "time_to_target_score"), Helper("measure/test_time_to_target.py")),
}
