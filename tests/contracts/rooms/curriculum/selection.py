"""Examples of the room `curriculum`: selections by scores."""

from ...kinds import Helper

EXAMPLES = {
    **dict.fromkeys(("hardness_cutoffs", "hardness_levels", "model_hardness"), Helper("curriculum/test_hardness.py")),
    "coefficient_of_variation": Helper("curriculum/test_selection.py"),
    "difficulty_filter": Helper("curriculum/test_selection.py"),
    "difficulty_grades": Helper("curriculum/test_selection.py"),
    "phase_order": Helper("curriculum/test_phased.py"),
    "pass_rates": Helper("curriculum/test_selection.py"),
    "keep_lowest": Helper("curriculum/test_selection.py"),
    "corrupt_steps": Helper("curriculum/test_supervision.py"),
    "group_mixture": Helper("curriculum/test_supervision.py"),
}
