"""Learning curves, curvature, stability and what else predicts or explains a training run."""

from ...kinds import Helper

TESTED = {
    "learning_trace": ("LearningTrace", "convergence_layer", "learning_trace", "prediction_level", "stopping_level"),
    "preemption": (
        "AbortPredictor",
        "AbortThreshold",
        "AttemptTimes",
        "best_threshold",
        "break_even_abort_time",
        "makespan",
        "simulate_makespan",
    ),
    "curvature": (
        "TraceEstimate",
        "hessian_trace",
        "hessian_vector_product",
        "sharpness",
        "top_eigenvalues",
        "ntk_matrix",
        "per_sample_jacobian",
    ),
    "sgd_stability": (
        "LossCurvature",
        "diagonal_net_trace",
        "loss_curvature",
        "max_stable_lr",
        "relu_net_trace",
        "sgd_stability_radius",
    ),
    "order_effects": (
        "LinearizedUpdate",
        "Trajectory",
        "estimate_order",
        "linearized_update",
        "order_sensitivity",
        "reference_run",
        "search_orders",
    ),
    "compute_balance": ("equal_loss_speedup", "rebalance"),
    "training_cost": ("TrainingCost", "training_cost"),
    "activations": ("activation_sparsity",),
    "feature_learning": ("TwoFeatureRun", "feature_overlap", "two_feature_dynamics"),
}
EXAMPLES = {name: Helper(f"measure/test_{file}.py") for file, names in TESTED.items() for name in names}
