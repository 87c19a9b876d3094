"""Objectives for sequence policies: rewards, advantages, ratios, surrogates, penalties, reductions, and presets."""

from .advantages import generalised_advantage as generalised_advantage
from .advantages import group_advantage as group_advantage
from .advantages import return_to_go as return_to_go
from .advantages import reward_advantage as reward_advantage
from .advantages import whiten_advantage as whiten_advantage
from .filters import dynamic_filter as dynamic_filter
from .filters import mask_truncated as mask_truncated
from .penalties import adaptive_kl_penalty as adaptive_kl_penalty
from .penalties import entropy_bonus as entropy_bonus
from .penalties import full_kl_penalty as full_kl_penalty
from .penalties import kl_estimates as kl_estimates
from .penalties import kl_penalty as kl_penalty
from .penalties import target_entropy as target_entropy
from .presets import cispo as cispo
from .presets import dapo as dapo
from .presets import dr_grpo as dr_grpo
from .presets import grpo as grpo
from .presets import gspo as gspo
from .presets import ppo as ppo
from .presets import reinforce as reinforce
from .presets import rloo as rloo
from .ratios import rollout_correction as rollout_correction
from .ratios import sequence_ratio as sequence_ratio
from .ratios import token_ratio as token_ratio
from .reductions import aggregate as aggregate
from .reductions import sequence_mean_token_mean as sequence_mean_token_mean
from .reductions import sequence_mean_token_sum as sequence_mean_token_sum
from .reductions import sum_over_constant as sum_over_constant
from .reductions import token_mean as token_mean
from .reductions import token_sum as token_sum
from .reductions import value_loss as value_loss
from .rewards import kl_in_reward as kl_in_reward
from .rewards import overlong_penalty as overlong_penalty
from .rewards import reward_on_last_token as reward_on_last_token
from .rewards import sequence_rewards as sequence_rewards
from .surrogates import clipped_importance_weight as clipped_importance_weight
from .surrogates import geometric_mean as geometric_mean
from .surrogates import policy_gradient as policy_gradient
from .surrogates import ppo_clip as ppo_clip
from .surrogates import soft_gate as soft_gate
from .terms import Terms as Terms
from .terms import forward as forward

__all__ = [
    "Terms",
    "adaptive_kl_penalty",
    "aggregate",
    "cispo",
    "clipped_importance_weight",
    "dapo",
    "dr_grpo",
    "dynamic_filter",
    "entropy_bonus",
    "forward",
    "full_kl_penalty",
    "generalised_advantage",
    "geometric_mean",
    "group_advantage",
    "grpo",
    "gspo",
    "kl_estimates",
    "kl_in_reward",
    "kl_penalty",
    "mask_truncated",
    "overlong_penalty",
    "policy_gradient",
    "ppo",
    "ppo_clip",
    "reinforce",
    "return_to_go",
    "reward_advantage",
    "reward_on_last_token",
    "rloo",
    "rollout_correction",
    "sequence_mean_token_mean",
    "sequence_mean_token_sum",
    "sequence_ratio",
    "sequence_rewards",
    "soft_gate",
    "sum_over_constant",
    "target_entropy",
    "token_mean",
    "token_ratio",
    "token_sum",
    "value_loss",
    "whiten_advantage",
]
