"""Diagnostics, scaling laws and evaluation metrics: arrays in, scalars or small arrays out."""

from .actions import point_in_box as point_in_box
from .activations import activation_sparsity as activation_sparsity
from .alignment import alignment as alignment
from .angles import AngleConcentration as AngleConcentration
from .angles import angle_concentration as angle_concentration
from .annealing_law import AnnealingLaw as AnnealingLaw
from .annealing_law import Curve as Curve
from .annealing_law import annealing_areas as annealing_areas
from .annealing_law import fit_annealing_law as fit_annealing_law
from .annealing_law import huber_log_loss as huber_log_loss
from .bootstrap import Interval as Interval
from .bootstrap import grid_bootstrap as grid_bootstrap
from .compute_balance import equal_loss_speedup as equal_loss_speedup
from .compute_balance import rebalance as rebalance
from .coverage import coverage_factors as coverage_factors
from .coverage import pass_at_n as pass_at_n
from .curvature import TraceEstimate as TraceEstimate
from .curvature import hessian_trace as hessian_trace
from .curvature import hessian_vector_product as hessian_vector_product
from .curvature import sharpness as sharpness
from .curvature import top_eigenvalues as top_eigenvalues
from .data_audit import TemporalDegradation as TemporalDegradation
from .data_audit import WorstOfSamples as WorstOfSamples
from .data_audit import ablation_effects as ablation_effects
from .data_audit import temporal_degradation as temporal_degradation
from .data_audit import worst_of_samples as worst_of_samples
from .delta_learning import linear_teacher_delta as linear_teacher_delta
from .delta_learning import linear_teacher_gain as linear_teacher_gain
from .displacement import LogitVelocity as LogitVelocity
from .displacement import ches as ches
from .displacement import displacement as displacement
from .displacement import logit_velocity as logit_velocity
from .distributions import DistributionAlignment as DistributionAlignment
from .distributions import QuantileCalibration as QuantileCalibration
from .distributions import SampleVariety as SampleVariety
from .distributions import distribution_alignment as distribution_alignment
from .distributions import quantile_calibration as quantile_calibration
from .distributions import sample_variety as sample_variety
from .early_signal import early_signal as early_signal
from .feature_learning import TwoFeatureRun as TwoFeatureRun
from .feature_learning import feature_overlap as feature_overlap
from .feature_learning import two_feature_dynamics as two_feature_dynamics
from .fitting import Fit as Fit
from .fitting import fit_law as fit_law
from .information import max_mean_discrepancy as max_mean_discrepancy
from .information import pointwise_information as pointwise_information
from .jacobians import ntk_matrix as ntk_matrix
from .jacobians import per_sample_jacobian as per_sample_jacobian
from .kaplan_law import KaplanLaw as KaplanLaw
from .kaplan_law import fit_critical_batch as fit_critical_batch
from .latents import LatentDiversity as LatentDiversity
from .latents import latent_diversity as latent_diversity
from .learning_trace import LearningTrace as LearningTrace
from .learning_trace import convergence_layer as convergence_layer
from .learning_trace import learning_trace as learning_trace
from .learning_trace import prediction_level as prediction_level
from .learning_trace import stopping_level as stopping_level
from .long_tail import LongTail as LongTail
from .long_tail import long_tail as long_tail
from .modes import mode_confusion as mode_confusion
from .modes import silhouettes as silhouettes
from .ngrams import ngram_overlap as ngram_overlap
from .order_effects import LinearizedUpdate as LinearizedUpdate
from .order_effects import Trajectory as Trajectory
from .order_effects import estimate_order as estimate_order
from .order_effects import linearized_update as linearized_update
from .order_effects import order_sensitivity as order_sensitivity
from .order_effects import reference_run as reference_run
from .order_effects import search_orders as search_orders
from .overlap import RougeL as RougeL
from .overlap import rouge_l as rouge_l
from .parsing import Parse as Parse
from .parsing import semantic_error_rate as semantic_error_rate
from .perplexity import bits_per_byte as bits_per_byte
from .perplexity import perplexity as perplexity
from .power_law import PowerLaw as PowerLaw
from .power_law import fit_power_law as fit_power_law
from .power_law import fit_power_law_offset as fit_power_law_offset
from .preemption import AbortPredictor as AbortPredictor
from .preemption import AbortThreshold as AbortThreshold
from .preemption import AttemptTimes as AttemptTimes
from .preemption import best_threshold as best_threshold
from .preemption import break_even_abort_time as break_even_abort_time
from .preemption import makespan as makespan
from .preemption import simulate_makespan as simulate_makespan
from .recovery import gap_recovered as gap_recovered
from .rollouts import PatternRate as PatternRate
from .rollouts import TruncationStats as TruncationStats
from .rollouts import pareto_front as pareto_front
from .rollouts import pass_at_k as pass_at_k
from .rollouts import pattern_rate as pattern_rate
from .rollouts import trigger_f1 as trigger_f1
from .rollouts import trigger_rate as trigger_rate
from .rollouts import truncation_stats as truncation_stats
from .sgd_stability import LossCurvature as LossCurvature
from .sgd_stability import diagonal_net_trace as diagonal_net_trace
from .sgd_stability import loss_curvature as loss_curvature
from .sgd_stability import max_stable_lr as max_stable_lr
from .sgd_stability import relu_net_trace as relu_net_trace
from .sgd_stability import sgd_stability_radius as sgd_stability_radius
from .skill_mix import SkillMix as SkillMix
from .skill_mix import skill_mix as skill_mix
from .stability_gap import StabilityGap as StabilityGap
from .stability_gap import stability_gap as stability_gap
from .step_errors import outcome_error_rate as outcome_error_rate
from .step_errors import step_error_rate as step_error_rate
from .strategic_play import PearsonTest as PearsonTest
from .strategic_play import StrategicPlay as StrategicPlay
from .strategic_play import pearson_test as pearson_test
from .strategic_play import strategic_play as strategic_play
from .time_to_target import performance_profile as performance_profile
from .time_to_target import time_to_target_score as time_to_target_score
from .training_cost import TrainingCost as TrainingCost
from .training_cost import training_cost as training_cost
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
    "AbortPredictor",
    "AbortThreshold",
    "AngleConcentration",
    "AnnealingLaw",
    "AttemptTimes",
    "Curve",
    "DistributionAlignment",
    "Fit",
    "HockeyStick",
    "Interval",
    "KaplanLaw",
    "LatentDiversity",
    "LearningTrace",
    "LinearizedUpdate",
    "LogitVelocity",
    "LongTail",
    "LossCurvature",
    "Parse",
    "PatternRate",
    "PearsonTest",
    "PowerLaw",
    "ProgressDecomposition",
    "QuantileCalibration",
    "RougeL",
    "SampleQuality",
    "SampleVariety",
    "SelfCorrection",
    "SkillMix",
    "StabilityGap",
    "StrategicPlay",
    "TemporalDegradation",
    "TraceEstimate",
    "TrainingCost",
    "Trajectory",
    "TruncationStats",
    "TwoFeatureRun",
    "WorstOfSamples",
    "ablation_effects",
    "activation_sparsity",
    "alignment",
    "angle_concentration",
    "annealing_areas",
    "best_threshold",
    "bits_per_byte",
    "break_even_abort_time",
    "ches",
    "convergence_layer",
    "coverage_factors",
    "diagonal_net_trace",
    "displacement",
    "distinct_share",
    "distribution_alignment",
    "early_signal",
    "equal_loss_speedup",
    "estimate_order",
    "feature_overlap",
    "fit_annealing_law",
    "fit_critical_batch",
    "fit_law",
    "fit_power_law",
    "fit_power_law_offset",
    "gap_recovered",
    "grid_bootstrap",
    "hessian_trace",
    "hessian_vector_product",
    "hockey_stick",
    "huber_log_loss",
    "latent_diversity",
    "learning_trace",
    "length_collapse",
    "linear_teacher_delta",
    "linear_teacher_gain",
    "linearized_update",
    "logit_gradient_norm",
    "logit_velocity",
    "long_tail",
    "loss_curvature",
    "makespan",
    "max_mean_discrepancy",
    "max_stable_lr",
    "mean_turns",
    "mode_confusion",
    "ngram_overlap",
    "ntk_matrix",
    "order_sensitivity",
    "outcome_error_rate",
    "pareto_front",
    "pass_at_k",
    "pass_at_n",
    "pattern_rate",
    "pearson_test",
    "per_sample_jacobian",
    "performance_profile",
    "perplexity",
    "point_in_box",
    "pointwise_information",
    "positive_sample_quality",
    "post_saturation_gain",
    "prediction_level",
    "quantile_calibration",
    "rebalance",
    "reference_run",
    "relu_net_trace",
    "rlvr_decomposition",
    "rouge_l",
    "sample_variety",
    "search_orders",
    "self_correction",
    "semantic_error_rate",
    "sgd_stability_radius",
    "sharpness",
    "silhouettes",
    "simulate_makespan",
    "skill_mix",
    "stability_gap",
    "step_error_rate",
    "stopping_level",
    "strategic_play",
    "success_at_turn",
    "temporal_degradation",
    "thought_diversity",
    "time_to_target_score",
    "top_eigenvalues",
    "training_cost",
    "trigger_f1",
    "trigger_rate",
    "truncation_stats",
    "two_feature_dynamics",
    "worst_of_samples",
]
