"""Objectives for sequence policies: rewards, advantages, ratios, surrogates, penalties, reductions, and presets."""

from .advantage_presets import advantage_weighted_steps as advantage_weighted_steps
from .advantage_presets import bnpo as bnpo
from .advantage_presets import canon as canon
from .advantage_presets import copo as copo
from .advantage_presets import evol_rl as evol_rl
from .advantage_presets import macro_action_ppo as macro_action_ppo
from .advantage_presets import pure as pure
from .advantage_presets import riskpo as riskpo
from .advantage_presets import rlvr_ppo as rlvr_ppo
from .advantage_presets import stable_reinforce as stable_reinforce
from .advantages import generalised_advantage as generalised_advantage
from .advantages import group_advantage as group_advantage
from .advantages import return_to_go as return_to_go
from .advantages import reward_advantage as reward_advantage
from .advantages import whiten_advantage as whiten_advantage
from .anchored_entropy import EntropyAnchor as EntropyAnchor
from .anchored_entropy import anchored_entropy as anchored_entropy
from .anchored_entropy import nucleus_entropies as nucleus_entropies
from .anchored_entropy import peak_mask as peak_mask
from .composite_rewards import composite_reward as composite_reward
from .composite_rewards import craft as craft
from .contrast import contrastive_groups as contrastive_groups
from .contrast import hinge_kl as hinge_kl
from .contrastive_chains import common_subsequence as common_subsequence
from .contrastive_chains import negative_contrast as negative_contrast
from .contrastive_chains import pooled_embedding as pooled_embedding
from .contrastive_chains import positive_contrast as positive_contrast
from .covariance import adaptive_entropy_bonus as adaptive_entropy_bonus
from .covariance import drop_covariant as drop_covariant
from .covariance import fit_entropy_law as fit_entropy_law
from .covariance import importance_weighted as importance_weighted
from .covariance import penalise_covariant as penalise_covariant
from .covariance import token_covariance as token_covariance
from .demonstrations import hybrid_switch as hybrid_switch
from .demonstrations import mean_over_rows as mean_over_rows
from .demonstrations import select_rows as select_rows
from .demonstrations import unified_policy_gradient as unified_policy_gradient
from .divergences import f_divergence as f_divergence
from .divergences import min_p_proxy as min_p_proxy
from .divergences import protect_rare_tokens as protect_rare_tokens
from .divergences import rehearsal_penalty as rehearsal_penalty
from .divergences import split_by_solved as split_by_solved
from .entropy import entropy_change as entropy_change
from .entropy import entropy_change_weights as entropy_change_weights
from .entropy import scale_by_entropy as scale_by_entropy
from .entropy import split_budget as split_budget
from .entropy import token_entropies as token_entropies
from .entropy_band import EntropyHistory as EntropyHistory
from .entropy_band import band_penalty as band_penalty
from .entropy_band import epo_phase as epo_phase
from .entropy_band import smoothed_entropy_bonus as smoothed_entropy_bonus
from .entropy_presets import aepo_arbitrary as aepo_arbitrary
from .entropy_presets import aepo_balanced as aepo_balanced
from .entropy_presets import clip_cov as clip_cov
from .entropy_presets import dph as dph
from .entropy_presets import entropy_sft as entropy_sft
from .entropy_presets import epo as epo
from .entropy_presets import kl_cov as kl_cov
from .entropy_presets import light_if as light_if
from .entropy_presets import lp_reg as lp_reg
from .entropy_presets import siren as siren
from .entropy_presets import steer as steer
from .entropy_switch import entropy_switch as entropy_switch
from .entropy_switch import regularising_advantage as regularising_advantage
from .entropy_switch import replace_rows as replace_rows
from .filters import dynamic_filter as dynamic_filter
from .filters import mask_truncated as mask_truncated
from .group_contrasts import answer_entropies as answer_entropies
from .group_contrasts import conditional_advantage as conditional_advantage
from .group_contrasts import consistency_blend as consistency_blend
from .group_contrasts import ppo_clip_pair as ppo_clip_pair
from .group_contrasts import prompt_advantage as prompt_advantage
from .guidance import Feedback as Feedback
from .guidance import append_feedback as append_feedback
from .guidance import guidance_shaping as guidance_shaping
from .guidance import guided_where_all_fail as guided_where_all_fail
from .guidance import imitation_weights as imitation_weights
from .guidance import on_rollouts as on_rollouts
from .guidance import shape_guidance as shape_guidance
from .guidance import shaped_weights as shaped_weights
from .guidance_presets import exp_grpo as exp_grpo
from .guidance_presets import gtr as gtr
from .guidance_presets import guide_grpo as guide_grpo
from .guidance_presets import prefix_rft as prefix_rft
from .guidance_presets import score as score
from .guidance_presets import simpletir as simpletir
from .guidance_presets import thinktuning as thinktuning
from .guidance_presets import unary_feedback as unary_feedback
from .length_presets import dler as dler
from .length_presets import grpo_lambda as grpo_lambda
from .length_presets import hbpo as hbpo
from .length_presets import thinkless as thinkless
from .length_presets import zero_rl as zero_rl
from .length_rewards import assign_budgets as assign_budgets
from .length_rewards import budget_cosine_reward as budget_cosine_reward
from .length_rewards import difficulty_limits as difficulty_limits
from .length_rewards import length_sigmoid_reward as length_sigmoid_reward
from .length_rewards import subgroup_advantage as subgroup_advantage
from .length_rewards import top_accuracy_groups as top_accuracy_groups
from .length_rewards import truncation_reward as truncation_reward
from .likelihood import implicit_negative as implicit_negative
from .likelihood import log_likelihood as log_likelihood
from .likelihood import score_ratio as score_ratio
from .likelihood import success_rate as success_rate
from .likelihood import success_rate_weight as success_rate_weight
from .likelihood import token_score_loss as token_score_loss
from .likelihood import token_score_threshold as token_score_threshold
from .likelihood import token_score_top as token_score_top
from .macro_actions import ngram_segments as ngram_segments
from .macro_actions import perplexity_segments as perplexity_segments
from .macro_actions import pool_segments as pool_segments
from .macro_actions import random_segment_ids as random_segment_ids
from .macro_actions import segment_gae as segment_gae
from .normalisation import QuantileState as QuantileState
from .normalisation import average_parts as average_parts
from .normalisation import beta_normalise as beta_normalise
from .normalisation import bundle_papers as bundle_papers
from .normalisation import mixed_value_at_risk as mixed_value_at_risk
from .off_policy import centred_ratio as centred_ratio
from .off_policy import convex_kl_penalty as convex_kl_penalty
from .off_policy import effective_positive_fraction as effective_positive_fraction
from .off_policy import kl_mixture_schedule as kl_mixture_schedule
from .off_policy import mix_replay as mix_replay
from .off_policy import search_bounds as search_bounds
from .off_policy import subtract_baseline as subtract_baseline
from .off_policy import truncate_weight as truncate_weight
from .off_policy_presets import bapo as bapo
from .off_policy_presets import drpo as drpo
from .off_policy_presets import hpt as hpt
from .off_policy_presets import nft as nft
from .off_policy_presets import oreal as oreal
from .off_policy_presets import remix as remix
from .off_policy_presets import rover as rover
from .off_policy_presets import topr as topr
from .one_example import one_shot as one_shot
from .penalties import adaptive_kl_penalty as adaptive_kl_penalty
from .penalties import entropy_bonus as entropy_bonus
from .penalties import full_kl_penalty as full_kl_penalty
from .penalties import kl_estimates as kl_estimates
from .penalties import kl_penalty as kl_penalty
from .penalties import target_entropy as target_entropy
from .prefixes import guidance_bounds as guidance_bounds
from .prefixes import keep_uncertain_guidance as keep_uncertain_guidance
from .prefixes import prefix_advantage as prefix_advantage
from .prefixes import prefix_lengths as prefix_lengths
from .presets import cispo as cispo
from .presets import dapo as dapo
from .presets import dr_grpo as dr_grpo
from .presets import grpo as grpo
from .presets import gspo as gspo
from .presets import ppo as ppo
from .presets import reinforce as reinforce
from .presets import rloo as rloo
from .process_rewards import advantage_weighted as advantage_weighted
from .process_rewards import first_pit as first_pit
from .process_rewards import leave_one_out_baseline as leave_one_out_baseline
from .process_rewards import leave_one_out_reward as leave_one_out_reward
from .process_rewards import min_return as min_return
from .process_rewards import process_baseline as process_baseline
from .process_rewards import process_rewards as process_rewards
from .process_rewards import ratio_guard as ratio_guard
from .process_rewards import soft_min_rewards as soft_min_rewards
from .process_rewards import step_advantage as step_advantage
from .process_rewards import zero_separators as zero_separators
from .protocol_presets import cory as cory
from .protocol_presets import soft_cot as soft_cot
from .random_policy import mean_log_softmax as mean_log_softmax
from .random_policy import random_policy_target as random_policy_target
from .random_policy import relative_q as relative_q
from .random_policy import uniform_tree_values as uniform_tree_values
from .ratios import rollout_correction as rollout_correction
from .ratios import sequence_ratio as sequence_ratio
from .ratios import token_ratio as token_ratio
from .recut import RecutPrompts as RecutPrompts
from .recut import Rollouts as Rollouts
from .recut import critical_positions as critical_positions
from .recut import recut as recut
from .reductions import aggregate as aggregate
from .reductions import sequence_mean_token_mean as sequence_mean_token_mean
from .reductions import sequence_mean_token_sum as sequence_mean_token_sum
from .reductions import sum_over_constant as sum_over_constant
from .reductions import token_mean as token_mean
from .reductions import token_sum as token_sum
from .reductions import value_loss as value_loss
from .reward_controls import corrupt_rewards as corrupt_rewards
from .reward_controls import keep_sign as keep_sign
from .reward_tables import ToolCalls as ToolCalls
from .reward_tables import error_table as error_table
from .reward_tables import format_mix as format_mix
from .reward_tables import reasoning_penalties as reasoning_penalties
from .reward_tables import reward_table as reward_table
from .reward_tables import tool_errors as tool_errors
from .rewards import kl_in_reward as kl_in_reward
from .rewards import overlong_penalty as overlong_penalty
from .rewards import reward_on_last_token as reward_on_last_token
from .rewards import sequence_rewards as sequence_rewards
from .roles import exchange_roles as exchange_roles
from .roles import shared_rewards as shared_rewards
from .rollout_masks import accuracy_band as accuracy_band
from .rollout_masks import drop_failed_turns as drop_failed_turns
from .rollout_masks import drop_flagged as drop_flagged
from .rollout_masks import drop_uniform_groups as drop_uniform_groups
from .rollout_masks import keep_tokens as keep_tokens
from .rollout_masks import mask_tokens as mask_tokens
from .rollout_masks import match_difficulty as match_difficulty
from .rollout_masks import rejection_sample as rejection_sample
from .segments import ThoughtSpans as ThoughtSpans
from .segments import empty_thoughts as empty_thoughts
from .segments import key_token_weights as key_token_weights
from .segments import segment_weights as segment_weights
from .segments import thought_dropout as thought_dropout
from .selective import constraint_reward as constraint_reward
from .selective import selective_cross_entropy as selective_cross_entropy
from .soft_tokens import mixture_embedding as mixture_embedding
from .soft_tokens import noise_scale as noise_scale
from .soft_tokens import soft_log_probs as soft_log_probs
from .soft_tokens import soft_token as soft_token
from .surrogates import clipped_importance_weight as clipped_importance_weight
from .surrogates import geometric_mean as geometric_mean
from .surrogates import policy_gradient as policy_gradient
from .surrogates import ppo_clip as ppo_clip
from .surrogates import soft_gate as soft_gate
from .terms import Terms as Terms
from .terms import forward as forward
from .thoughts import RingBuffer as RingBuffer
from .thoughts import action_ratio as action_ratio
from .thoughts import draw_items as draw_items
from .thoughts import insert_items as insert_items
from .thoughts import ring_buffer as ring_buffer
from .thoughts import weighted_action_log_probs as weighted_action_log_probs
from .turn_caps import cap_turns as cap_turns
from .turn_caps import scaling_inter as scaling_inter
from .turns import kl_in_turn_rewards as kl_in_turn_rewards
from .turns import last_turn_reward as last_turn_reward
from .turns import progress_bonus as progress_bonus
from .turns import repetition_penalty as repetition_penalty
from .turns import sum_turn_rewards as sum_turn_rewards
from .turns import turn_credit as turn_credit
from .turns import turn_decay as turn_decay
from .turns import void_turns as void_turns
from .verifiable_rewards import bounded_ratio as bounded_ratio
from .verifiable_rewards import clip_reward as clip_reward
from .verifiable_rewards import consistency_reward as consistency_reward
from .verifiable_rewards import majority_labels as majority_labels
from .verifiable_rewards import novelty_reward as novelty_reward
from .verifiable_rewards import sigma_filter as sigma_filter
from .verifiable_rewards import verifiable_reward as verifiable_reward

__all__ = [
    "EntropyAnchor",
    "EntropyHistory",
    "Feedback",
    "QuantileState",
    "RecutPrompts",
    "RingBuffer",
    "Rollouts",
    "Terms",
    "ThoughtSpans",
    "ToolCalls",
    "accuracy_band",
    "action_ratio",
    "adaptive_entropy_bonus",
    "adaptive_kl_penalty",
    "advantage_weighted",
    "advantage_weighted_steps",
    "aepo_arbitrary",
    "aepo_balanced",
    "aggregate",
    "anchored_entropy",
    "answer_entropies",
    "append_feedback",
    "assign_budgets",
    "average_parts",
    "band_penalty",
    "bapo",
    "beta_normalise",
    "bnpo",
    "bounded_ratio",
    "budget_cosine_reward",
    "bundle_papers",
    "canon",
    "cap_turns",
    "centred_ratio",
    "cispo",
    "clip_cov",
    "clip_reward",
    "clipped_importance_weight",
    "common_subsequence",
    "composite_reward",
    "conditional_advantage",
    "consistency_blend",
    "consistency_reward",
    "constraint_reward",
    "contrastive_groups",
    "convex_kl_penalty",
    "copo",
    "corrupt_rewards",
    "cory",
    "craft",
    "critical_positions",
    "dapo",
    "difficulty_limits",
    "dler",
    "dph",
    "dr_grpo",
    "draw_items",
    "drop_covariant",
    "drop_failed_turns",
    "drop_flagged",
    "drop_uniform_groups",
    "drpo",
    "dynamic_filter",
    "effective_positive_fraction",
    "empty_thoughts",
    "entropy_bonus",
    "entropy_change",
    "entropy_change_weights",
    "entropy_sft",
    "entropy_switch",
    "epo",
    "epo_phase",
    "error_table",
    "evol_rl",
    "exchange_roles",
    "exp_grpo",
    "f_divergence",
    "first_pit",
    "fit_entropy_law",
    "format_mix",
    "forward",
    "full_kl_penalty",
    "generalised_advantage",
    "geometric_mean",
    "group_advantage",
    "grpo",
    "grpo_lambda",
    "gspo",
    "gtr",
    "guidance_bounds",
    "guidance_shaping",
    "guide_grpo",
    "guided_where_all_fail",
    "hbpo",
    "hinge_kl",
    "hpt",
    "hybrid_switch",
    "imitation_weights",
    "implicit_negative",
    "importance_weighted",
    "insert_items",
    "keep_sign",
    "keep_tokens",
    "keep_uncertain_guidance",
    "key_token_weights",
    "kl_cov",
    "kl_estimates",
    "kl_in_reward",
    "kl_in_turn_rewards",
    "kl_mixture_schedule",
    "kl_penalty",
    "last_turn_reward",
    "leave_one_out_baseline",
    "leave_one_out_reward",
    "length_sigmoid_reward",
    "light_if",
    "log_likelihood",
    "lp_reg",
    "macro_action_ppo",
    "majority_labels",
    "mask_tokens",
    "mask_truncated",
    "match_difficulty",
    "mean_log_softmax",
    "mean_over_rows",
    "min_p_proxy",
    "min_return",
    "mix_replay",
    "mixed_value_at_risk",
    "mixture_embedding",
    "negative_contrast",
    "nft",
    "ngram_segments",
    "noise_scale",
    "novelty_reward",
    "nucleus_entropies",
    "on_rollouts",
    "one_shot",
    "oreal",
    "overlong_penalty",
    "peak_mask",
    "penalise_covariant",
    "perplexity_segments",
    "policy_gradient",
    "pool_segments",
    "pooled_embedding",
    "positive_contrast",
    "ppo",
    "ppo_clip",
    "ppo_clip_pair",
    "prefix_advantage",
    "prefix_lengths",
    "prefix_rft",
    "process_baseline",
    "process_rewards",
    "progress_bonus",
    "prompt_advantage",
    "protect_rare_tokens",
    "pure",
    "random_policy_target",
    "random_segment_ids",
    "ratio_guard",
    "reasoning_penalties",
    "recut",
    "regularising_advantage",
    "rehearsal_penalty",
    "reinforce",
    "rejection_sample",
    "relative_q",
    "remix",
    "repetition_penalty",
    "replace_rows",
    "return_to_go",
    "reward_advantage",
    "reward_on_last_token",
    "reward_table",
    "ring_buffer",
    "riskpo",
    "rloo",
    "rlvr_ppo",
    "rollout_correction",
    "rover",
    "scale_by_entropy",
    "scaling_inter",
    "score",
    "score_ratio",
    "search_bounds",
    "segment_gae",
    "segment_weights",
    "select_rows",
    "selective_cross_entropy",
    "sequence_mean_token_mean",
    "sequence_mean_token_sum",
    "sequence_ratio",
    "sequence_rewards",
    "shape_guidance",
    "shaped_weights",
    "shared_rewards",
    "sigma_filter",
    "simpletir",
    "siren",
    "smoothed_entropy_bonus",
    "soft_cot",
    "soft_gate",
    "soft_log_probs",
    "soft_min_rewards",
    "soft_token",
    "split_budget",
    "split_by_solved",
    "stable_reinforce",
    "steer",
    "step_advantage",
    "subgroup_advantage",
    "subtract_baseline",
    "success_rate",
    "success_rate_weight",
    "sum_over_constant",
    "sum_turn_rewards",
    "target_entropy",
    "thinkless",
    "thinktuning",
    "thought_dropout",
    "token_covariance",
    "token_entropies",
    "token_mean",
    "token_ratio",
    "token_score_loss",
    "token_score_threshold",
    "token_score_top",
    "token_sum",
    "tool_errors",
    "top_accuracy_groups",
    "topr",
    "truncate_weight",
    "truncation_reward",
    "turn_credit",
    "turn_decay",
    "unary_feedback",
    "unified_policy_gradient",
    "uniform_tree_values",
    "value_loss",
    "verifiable_reward",
    "void_turns",
    "weighted_action_log_probs",
    "whiten_advantage",
    "zero_rl",
    "zero_separators",
]
