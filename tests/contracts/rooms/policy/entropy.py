"""Methods that keep or steer the entropy."""

import math

from algax import policy

from ...kinds import Helper, LossExample, ScheduleExample
from .completions import group, surrogate, to_loss, to_surrogate

ratio_and_clip = (policy.token_ratio(), policy.ppo_clip())

EXAMPLES = {
    "token_covariance": Helper("policy/test_entropy.py"),
    "fit_entropy_law": Helper("policy/test_entropy.py"),
    "importance_weighted": LossExample(around=to_surrogate),
    "drop_covariant": LossExample(
        {"fraction": 0.3, "low": 0.1},
        around=to_loss(group(), *ratio_and_clip),
        bad=({"fraction": 1.5}, {"low": float("nan")}, {"low": 2.0, "high": 2.0}),
        random=True,
    ),
    "penalise_covariant": LossExample(
        {"fraction": 0.3}, around=to_loss(group()), bad=({"coefficient": -1.0}, {"fraction": -0.1})
    ),
    "clip_cov": LossExample(
        {"fraction": 0.3, "covariance_low": 0.1},
        bad=({"fraction": 2.0}, {"covariance_low": 1.0, "covariance_high": 0.5}, {"low": -1.0}, {"high": -1.0}),
        random=True,
    ),
    "kl_cov": LossExample({"fraction": 0.3}, bad=({"fraction": 2.0}, {"coefficient": -1.0})),
    "f_divergence": Helper("policy/test_divergences.py"),
    "split_by_solved": Helper("policy/test_divergences.py"),
    "min_p_proxy": Helper("policy/test_divergences.py"),
    "rehearsal_penalty": LossExample(
        {"kind": "js"},
        around=to_loss(group(), *ratio_and_clip),
        bad=({"coefficient": -1.0}, {"kind": "kl"}, {"alpha": 1.0}),
    ),
    "protect_rare_tokens": LossExample(
        {"fraction": 0.9, "kappa": 0.1},
        around=to_loss(group(), *ratio_and_clip),
        bad=({"coefficient": -1.0}, {"fraction": 1.5}, {"kappa": 2.0}, {"proxy": "ref"}),
    ),
    "lp_reg": LossExample(
        {"fraction": 0.9, "kappa": 0.1},
        bad=({"coefficient": -1.0}, {"fraction": 1.5}, {"kappa": 2.0}, {"proxy": "ref"}, {"low": -0.1}, {"high": -0.1}),
    ),
    "dph": LossExample(
        {"kind": "alpha"}, bad=({"coefficient": -1.0}, {"kind": "kl"}, {"alpha": 0.0}, {"low": -0.1}, {"high": -0.1})
    ),
    "EntropyAnchor": Helper("policy/test_anchored_entropy.py"),
    "nucleus_entropies": Helper("policy/test_anchored_entropy.py"),
    "peak_mask": Helper("policy/test_anchored_entropy.py"),
    "anchored_entropy": LossExample(
        {"coefficient": 1.0, "anchor": 0.3, "quantile": 0.4},
        bad=({"coefficient": -1.0}, {"anchor": -1.0}, {"p": 0.0}, {"quantile": 1.1}, {"nucleus": "open"}, {"top_k": 0}),
    ),
    "siren": LossExample(
        {"divisor": 48, "coefficient": 1.0, "anchor": 0.3, "nucleus": "exclusive", "top_k": 6},
        bad=(
            {"divisor": 0.0},
            {"divisor": 48, "p": 1.1},
            {"divisor": 48, "quantile": -0.1},
            {"divisor": 48, "nucleus": "open"},
        ),
    ),
    "token_entropies": LossExample(
        around=to_loss(group(), *ratio_and_clip, after=(policy.entropy_change_weights(), policy.token_mean())),
        surrogate_gradient=True,
    ),
    "entropy_change": Helper("policy/test_entropy.py"),
    "entropy_change_weights": LossExample(
        around=to_loss(group(), *ratio_and_clip, policy.token_entropies()),
        bad=({"mode": "cubic"}, {"lowest": 0.0}, {"lowest": 0.9, "highest": 0.8}, {"floor": 0.0}),
        surrogate_gradient=True,
    ),
    "steer": LossExample(
        {"mode": "linear"},
        bad=({"mode": "cubic"}, {"lowest": 1.1}, {"floor": 0.0}, {"low": -0.1}, {"dual": 1.0}),
        surrogate_gradient=True,
    ),
    "EntropyHistory": Helper("policy/test_entropy_band.py"),
    "band_penalty": Helper("policy/test_entropy_band.py"),
    "smoothed_entropy_bonus": LossExample(
        {"max_steps": 4, "coefficient": 0.1, "mode": "sequence"},
        around=to_loss(policy.token_entropies()),
        bad=(
            {"max_steps": 0},
            {"max_steps": 4, "coefficient": -1.0},
            {"max_steps": 4, "weight": -1.0},
            {"max_steps": 4, "low": -1.0},
            {"max_steps": 4, "low": 2.0, "high": 1.0},
            {"max_steps": 4, "size": -1.0},
            {"max_steps": 4, "mode": "batch"},
            {"max_steps": 4, "form": "square"},
        ),
    ),
    "epo_phase": ScheduleExample(
        {"total": 150}, 1.0, 0.8 * math.exp(-3.0), 150, monotone="decreasing", bad=({"total": 0}, {"total": 1.5})
    ),
    "epo": LossExample(
        {"max_steps": 4, "total": 100, "form": "hinge"},
        bad=(
            {"max_steps": 0, "total": 100},
            {"max_steps": 4, "total": 0},
            {"max_steps": 4, "total": 100, "band_low": -1.0},
            {"max_steps": 4, "total": 100, "band_high": -1.0},
            {"max_steps": 4, "total": 100, "form": "square"},
        ),
    ),
    "split_budget": Helper("policy/test_entropy.py"),
    "scale_by_entropy": LossExample(
        {"alpha": 0.3},
        around=to_loss(group(), policy.token_entropies(), after=surrogate),
        bad=({"alpha": -1.0},),
        surrogate_gradient=True,
    ),
    "aepo_balanced": LossExample(bad=({"alpha": -1.0}, {"low": -0.1}, {"high": -0.1}, {"dual": 0.5}), surrogate_gradient=True),
    "constraint_reward": Helper("policy/test_selective.py"),
    "adaptive_entropy_bonus": LossExample(
        {"coefficient": 0.3, "detach": False},
        around=to_loss(group(), policy.token_entropies()),
        bad=({"coefficient": -1.0}, {"scale": 0.0}, {"limit": -1.0}, {"detach": 1}),
        surrogate_gradient=True,
    ),
    "light_if": LossExample(
        {"coefficient": 0.3},
        bad=({"coefficient": -1.0}, {"scale": 0.0}, {"limit": 0.0}, {"kl_coefficient": -1.0}, {"low": 1.1}, {"dual": 1.0}),
        surrogate_gradient=True,
    ),
    "selective_cross_entropy": LossExample(
        {"ratio": 0.4},
        around=to_loss(policy.token_entropies(), after=()),
        bad=({"ratio": 1.5}, {"entropy_coefficient": -1.0}),
    ),
    "entropy_sft": LossExample({"ratio": 0.4}, bad=({"ratio": -0.1}, {"entropy_coefficient": -1.0})),
    "entropy_switch": Helper("policy/test_entropy_switch.py"),
    "replace_rows": Helper("policy/test_entropy_switch.py"),
    "regularising_advantage": LossExample(around=to_loss(group(), after=surrogate), bad=({"advantage": 0.0},)),
    "aepo_arbitrary": LossExample({"advantage": 0.5}, bad=({"advantage": -1.0}, {"low": -0.1}, {"high": -0.1})),
}
