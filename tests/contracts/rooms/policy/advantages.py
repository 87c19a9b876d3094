"""Advantages from statistics of the batch, process rewards, verifiable rewards, and their presets."""

from algax import chain, policy

from ...kinds import Helper, LossExample
from .completions import group, score, surrogate, to_loss

clipped = ({"low": -0.1}, {"high": -1.0})
gae = (policy.segment_gae(), *score)
beta = chain(policy.group_advantage(scale="none"), policy.beta_normalise(min_value=-2.0, max_value=2.0))

EXAMPLES = {
    # BNPO
    "beta_normalise": LossExample(
        {"min_value": -2.0, "max_value": 2.0},
        around=to_loss(policy.group_advantage(scale="none", singleton="zero"), after=surrogate),
        bad=({"min_value": float("nan")}, {"max_value": 0.0}, {"weight_max": 0.0}),
    ),
    "average_parts": LossExample(
        {"advantage": beta}, around=to_loss(after=surrogate), bad=({"advantage": policy.token_ratio()}, {"advantage": 1.0})
    ),
    "bnpo": LossExample({"parts": True}, bad=({"parts": 1}, {"dual": 1.0}, *clipped)),
    # RiskPO
    "QuantileState": Helper("policy/test_normalisation.py"),
    "bundle_papers": Helper("policy/test_normalisation.py"),
    "mixed_value_at_risk": LossExample(
        {"quantiles": "mixed", "baseline": "bundle_mean"},
        around=to_loss(after=surrogate),
        bad=(
            {"low": 0.0},
            {"high": 0.1},
            {"omega": -1.0},
            {"quantiles": "all"},
            {"credit": "sum"},
            {"scale": "batch"},
            {"baseline": "mean"},
            {"epsilon": 0.0},
            {"learning_rate": 0.0},
            {"levels": (0.5, 0.4)},
            {"levels": (0.5, 1.0)},
        ),
    ),
    "riskpo": LossExample(bad=({"baseline": "mean"}, *clipped)),
    # CANON
    "conditional_advantage": LossExample(
        {"mu": "one_minus_reward", "alpha": 0.8, "alpha_on": "low"},
        around=to_loss(after=surrogate),
        bad=({"metric": "width"}, {"mu": 1.1}, {"mu": "cosine"}, {"alpha": -1.0}, {"alpha_on": "both"}),
    ),
    "canon": LossExample(
        {"divisor": 48, "metric": "old_entropies"},
        bad=({"divisor": 0.0}, {"divisor": 1.0, "mu": 2.0}, {"divisor": 1.0, "low": 2.0}),
    ),
    # COPO
    "prompt_advantage": LossExample(
        around=to_loss(group(), after=(policy.consistency_blend(), *surrogate)), bad=({"ddof": 2}, {"epsilon": 0.0})
    ),
    "answer_entropies": Helper("policy/test_group_contrasts.py"),
    "consistency_blend": LossExample(
        {"gamma": 2.0, "rho": 0.5},
        around=to_loss(group(), policy.prompt_advantage(), after=surrogate),
        bad=({"gamma": 0.0}, {"rho": -1.0}, {"separate": 1}),
    ),
    "ppo_clip_pair": LossExample(around=to_loss(group(), policy.prompt_advantage(), policy.token_ratio()), bad=clipped),
    "copo": LossExample({"gamma": 2.0, "rho": 0.5}, bad=({"gamma": 0.0}, {"rho": -1.0}, *clipped)),
    # EVOL-RL
    "majority_labels": LossExample(around=to_loss(after=(policy.verifiable_reward(), group(), *surrogate))),
    "novelty_reward": LossExample(
        {"alpha": 0.3},
        around=to_loss(after=(group(), *surrogate)),
        bad=({"alpha": 1.1}, {"majority_range": (1.0, 0.5)}, {"minority_range": (1.0,)}),
    ),
    "evol_rl": LossExample(bad=({"alpha": -0.1}, {"entropy_coefficient": -1.0}, {"kl_coefficient": -1.0}, *clipped)),
    # PURE
    "process_rewards": Helper("policy/test_process_rewards.py"),
    "soft_min_rewards": LossExample(around=to_loss(after=(policy.return_to_go(), *score)), bad=({"temperature": 0.0},)),
    "min_return": LossExample(around=to_loss(after=score)),
    "process_baseline": LossExample(around=to_loss(after=(policy.return_to_go(), *score)), bad=({"kind": "group"},)),
    "leave_one_out_baseline": LossExample(
        {"length": 6}, around=to_loss(policy.min_return(), after=score), bad=({"length": 0.0},)
    ),
    "leave_one_out_reward": LossExample(
        around=to_loss(after=(policy.reward_on_last_token(), policy.return_to_go(), *score)), bad=({"coefficient": 0.0},)
    ),
    "zero_separators": LossExample(around=to_loss(group(), after=score)),
    "ratio_guard": LossExample(
        {"limit": 1e3}, around=to_loss(group(), policy.token_ratio(), after=surrogate[1:]), bad=({"limit": 0.0},)
    ),
    "pure": LossExample(
        {"baseline": "step"},
        bad=(
            {"temperature": -1.0},
            {"baseline": "group"},
            {"outcome_coefficient": -1.0},
            {"kl_coefficient": -1.0},
            *clipped,
        ),
    ),
    # MA-RLHF
    "ngram_segments": LossExample({"length": 3}, around=to_loss(after=gae), bad=({"length": 0}, {"last_alone": 1})),
    "random_segment_ids": Helper("policy/test_macro_actions.py"),
    "perplexity_segments": LossExample(around=to_loss(after=gae), bad=({"last_alone": 1},)),
    "pool_segments": Helper("policy/test_macro_actions.py"),
    "segment_gae": LossExample(
        {"pool": "position"}, around=to_loss(after=score), bad=({"gamma": 2.0}, {"trace_decay": -1.0}, {"pool": "mean"})
    ),
    "clip_reward": LossExample({"limit": 0.5}, around=to_loss(after=(group(), *surrogate)), bad=({"limit": 0.0},)),
    "macro_action_ppo": LossExample(
        {"length": 2, "pool": "last"},
        bad=(
            {"length": 0},
            {"pool": "mean"},
            {"reward_limit": 0.0},
            {"value_clip": 0.0},
            {"value_coefficient": -1.0},
            *clipped,
        ),
    ),
    # StableReinforce
    "consistency_reward": LossExample(
        around=to_loss(after=(group(), *surrogate)), bad=({"consistency": -1.0}, {"well_formed": -1.0})
    ),
    "sigma_filter": LossExample({"sigmas": 1.5}, around=to_loss(group(), after=score), bad=({"sigmas": 0.0},)),
    "bounded_ratio": LossExample(
        {"least": 0.2, "greatest": 3.0},
        around=to_loss(group(), after=surrogate[1:]),
        bad=({"least": 0.0}, {"least": 2.0}, {"greatest": 0.5}),
    ),
    "stable_reinforce": LossExample(bad=({"least": 2.0}, {"greatest": 0.5}, {"sigmas": 0.0}, *clipped)),
    # RLVR
    "verifiable_reward": LossExample(
        around=to_loss(after=(group(), *surrogate)), bad=({"value": 0.0}, {"no_eos": float("nan")})
    ),
    "rlvr_ppo": LossExample(bad=({"value": -1.0}, {"kl_coefficient": -1.0}, {"value_coefficient": -1.0}, *clipped)),
    # advantages of steps
    "step_advantage": LossExample(around=to_loss(after=score)),
    "first_pit": Helper("policy/test_process_rewards.py"),
    "advantage_weighted": LossExample(
        {"beta": 0.5}, around=to_loss(group()), bad=({"beta": 0.0}, {"beta": 1.0, "weight_max": 0.0})
    ),
    "advantage_weighted_steps": LossExample({"beta": 0.5}, bad=({"beta": -1.0}, {"beta": 1.0, "weight_max": 0.0})),
}
