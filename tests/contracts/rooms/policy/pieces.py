"""The elementary transforms of the room and the first presets."""

from algax import policy

from ...kinds import Helper, LossExample
from .completions import group, penalty, reduction, score, surrogate, to_loss, to_surrogate

EXAMPLES = {
    "Terms": Helper("policy/test_terms.py"),
    "forward": Helper("policy/test_terms.py"),
    "aggregate": Helper("policy/test_reductions.py"),
    "kl_estimates": Helper("policy/test_penalties.py"),
    # rewards
    "sequence_rewards": LossExample(around=to_loss(after=(group(), *surrogate))),
    "reward_on_last_token": LossExample(around=to_loss(after=(policy.return_to_go(), *score))),
    "overlong_penalty": LossExample(
        {"max_length": 6, "buffer": 3},
        around=to_loss(after=(group(), *surrogate)),
        bad=({"max_length": 0, "buffer": 1}, {"max_length": 6, "buffer": 7}, {"max_length": 6, "buffer": 3, "factor": -1.0}),
    ),
    "kl_in_reward": LossExample(
        {"coefficient": 0.1},
        around=to_loss(after=(policy.return_to_go(), *score)),
        bad=({"coefficient": -0.1}, {"coefficient": "x"}, {"coefficient": float("nan")}),
    ),
    # advantages
    "reward_advantage": LossExample({"baseline": "batch_mean"}, around=to_loss(after=score), bad=({"baseline": "median"},)),
    "group_advantage": LossExample(
        around=to_loss(after=surrogate),
        bad=({"scale": "variance"}, {"baseline": "max"}, {"ddof": 2}, {"epsilon": 0.0}, {"singleton": "drop"}),
    ),
    "return_to_go": LossExample({"gamma": 0.9}, around=to_loss(after=score), bad=({"gamma": 1.5}, {"gamma": -0.1})),
    "generalised_advantage": LossExample(
        around=to_loss(after=score), bad=({"gamma": -0.1}, {"trace_decay": 1.1}, {"trace_decay": None})
    ),
    "whiten_advantage": LossExample(around=to_loss(group(), after=score), bad=({"epsilon": 0.0}, {"shift_mean": 1})),
    # ratios
    "token_ratio": LossExample(around=to_loss(group(), after=surrogate[1:]), bad=({"log_limit": 0.0},)),
    "sequence_ratio": LossExample(
        around=to_loss(group(), after=surrogate[1:]), bad=({"log_max": -1.0}, {"length_normalise": 2}), surrogate_gradient=True
    ),
    "rollout_correction": LossExample(around=to_loss(after=(group(), *surrogate)), bad=({"cap": 0.0},)),
    # surrogates
    "policy_gradient": LossExample(around=to_loss(group())),
    "ppo_clip": LossExample(
        {"dual": 1.5},
        around=to_surrogate,
        bad=({"low": -0.1}, {"high": -1.0}, {"dual": 1.0}, {"keep_gradient": "up"}, {"low": 1.2}),
    ),
    "clipped_importance_weight": LossExample(around=to_surrogate, bad=({"low": 1.1}, {"high": -0.1}), surrogate_gradient=True),
    "soft_gate": LossExample(around=to_surrogate, bad=({"positive_temperature": 0.0}, {"negative_temperature": -1.0})),
    "geometric_mean": LossExample(around=to_loss(group()), bad=({"low": -0.1}, {"high": -0.1})),
    # penalties
    "kl_penalty": LossExample(
        {"coefficient": 0.1},
        around=penalty,
        bad=({"coefficient": -1.0}, {"estimator": "k4"}, {"reference": "new"}),
    ),
    "adaptive_kl_penalty": LossExample(
        {"target": 0.1}, around=penalty, bad=({"target": 0.0}, {"target": 0.1, "horizon": 0.0}, {"target": 0.1, "initial": 0.0})
    ),
    "full_kl_penalty": LossExample({"coefficient": 0.1}, around=penalty, bad=({"coefficient": -1.0}, {"direction": "both"})),
    "entropy_bonus": LossExample({"coefficient": 0.1}, around=penalty, bad=({"coefficient": -1.0},)),
    "target_entropy": LossExample(
        {"target": 1.0, "initial": 0.1}, around=penalty, bad=({"target": -1.0}, {"target": 1.0, "learning_rate": 0.0})
    ),
    # filters
    "dynamic_filter": LossExample(around=to_loss(group(), after=surrogate)),
    "mask_truncated": LossExample(around=to_loss(group(), after=surrogate)),
    # reductions
    "token_mean": LossExample(around=reduction),
    "sequence_mean_token_mean": LossExample(around=reduction),
    "sequence_mean_token_sum": LossExample(around=reduction),
    "token_sum": LossExample(around=reduction),
    "sum_over_constant": LossExample({"divisor": 48}, around=reduction, bad=({"divisor": 0.0},)),
    "value_loss": LossExample(
        around=to_loss(policy.generalised_advantage(), after=()), bad=({"clip": 0.0}, {"coefficient": -1.0})
    ),
    # presets
    "reinforce": LossExample(bad=({"baseline": "median"},)),
    "ppo": LossExample(
        {"entropy_coefficient": 0.01},
        bad=({"low": -0.1}, {"gamma": 2.0}, {"kl_coefficient": -1.0}, {"value_clip": 0.0}, {"value_coefficient": -1.0}),
    ),
    "grpo": LossExample(bad=({"kl_coefficient": -0.1}, {"high": -1.0})),
    "dr_grpo": LossExample({"divisor": 48}, bad=({"divisor": -1.0},)),
    "rloo": LossExample(),
    "dapo": LossExample(
        {"max_length": 6, "buffer": 2}, bad=({"dual": 0.5}, {"max_length": 6}, {"max_length": 6, "buffer": 0})
    ),
    "gspo": LossExample({"low": 0.3, "high": 0.4}, bad=({"low": -1.0},), surrogate_gradient=True),
    "cispo": LossExample(bad=({"high": -1.0},), surrogate_gradient=True),
}
