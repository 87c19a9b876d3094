"""Diagnostics, scaling laws and evaluation metrics: arrays in, scalars or small arrays out."""

from .alignment import alignment as alignment
from .angles import AngleConcentration as AngleConcentration
from .angles import angle_concentration as angle_concentration
from .annealing_law import AnnealingLaw as AnnealingLaw
from .annealing_law import Curve as Curve
from .annealing_law import annealing_areas as annealing_areas
from .annealing_law import fit_annealing_law as fit_annealing_law
from .annealing_law import huber_log_loss as huber_log_loss
from .kaplan_law import KaplanLaw as KaplanLaw
from .kaplan_law import fit_critical_batch as fit_critical_batch
from .kaplan_law import fit_power_law as fit_power_law
from .rollouts import PatternRate as PatternRate
from .rollouts import TruncationStats as TruncationStats
from .rollouts import pareto_front as pareto_front
from .rollouts import pass_at_k as pass_at_k
from .rollouts import pattern_rate as pattern_rate
from .rollouts import trigger_f1 as trigger_f1
from .rollouts import trigger_rate as trigger_rate
from .rollouts import truncation_stats as truncation_stats
from .strategic_play import PearsonTest as PearsonTest
from .strategic_play import StrategicPlay as StrategicPlay
from .strategic_play import pearson_test as pearson_test
from .strategic_play import strategic_play as strategic_play
from .time_to_target import performance_profile as performance_profile
from .time_to_target import time_to_target_score as time_to_target_score
from .training_curves import HockeyStick as HockeyStick
from .training_curves import hockey_stick as hockey_stick
from .training_curves import length_collapse as length_collapse
from .training_curves import post_saturation_gain as post_saturation_gain
from .turns import ProgressDecomposition as ProgressDecomposition
from .turns import SampleQuality as SampleQuality
from .turns import SelfCorrection as SelfCorrection
from .turns import distinct_share as distinct_share
from .turns import logit_gradient_norm as logit_gradient_norm
from .turns import mean_turns as mean_turns
from .turns import positive_sample_quality as positive_sample_quality
from .turns import rlvr_decomposition as rlvr_decomposition
from .turns import self_correction as self_correction
from .turns import success_at_turn as success_at_turn
from .turns import thought_diversity as thought_diversity

__all__ = [
    "AngleConcentration",
    "AnnealingLaw",
    "Curve",
    "HockeyStick",
    "KaplanLaw",
    "PatternRate",
    "PearsonTest",
    "ProgressDecomposition",
    "SampleQuality",
    "SelfCorrection",
    "StrategicPlay",
    "TruncationStats",
    "alignment",
    "angle_concentration",
    "annealing_areas",
    "distinct_share",
    "fit_annealing_law",
    "fit_critical_batch",
    "fit_power_law",
    "hockey_stick",
    "huber_log_loss",
    "length_collapse",
    "logit_gradient_norm",
    "mean_turns",
    "pareto_front",
    "pass_at_k",
    "pattern_rate",
    "pearson_test",
    "performance_profile",
    "positive_sample_quality",
    "post_saturation_gain",
    "rlvr_decomposition",
    "self_correction",
    "strategic_play",
    "success_at_turn",
    "thought_diversity",
    "time_to_target_score",
    "trigger_f1",
    "trigger_rate",
    "truncation_stats",
]
