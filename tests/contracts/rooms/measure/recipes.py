"""Measures of samples, of play, of hidden states and of the curves of a run."""

from ...kinds import Helper

EXAMPLES = {
    "alignment": Helper("measure/test_alignment.py"),
    **dict.fromkeys(
        ("StrategicPlay", "strategic_play", "PearsonTest", "pearson_test"), Helper("measure/test_strategic_play.py")
    ),
    **dict.fromkeys(
        ("length_collapse", "HockeyStick", "hockey_stick", "post_saturation_gain"),
        Helper("measure/test_training_curves.py"),
    ),
    **dict.fromkeys(("AngleConcentration", "angle_concentration"), Helper("measure/test_angles.py")),
}
