"""Rewards by length and by tables, filters of responses and tokens, kinds of tokens, and their presets."""

import jax.numpy as jnp

from algax import policy

from ...kinds import BatchExample, Helper, LossExample
from .completions import group, score, surrogate, to_loss

clipped = ({"low": -0.1}, {"high": -1.0})
rewarded = to_loss(after=(group(), *surrogate))
filtered = to_loss(group(), after=surrogate)
weighted = to_loss(policy.log_likelihood())
TABLE = {(False, False): -1.0, (False, True): -0.5, (True, False): 0.5, (True, True): 1.0}
THOUGHTS = policy.ThoughtSpans(
    tokens=jnp.arange(48).reshape(6, 8),
    lengths=jnp.array([8, 7, 6, 5, 8, 4]),
    starts=jnp.array([1, 1, 2, 1, 0, 1]),
    ends=jnp.array([4, 3, 2, 3, 8, 2]),
)

EXAMPLES = {
    # lengths
    "truncation_reward": LossExample({"limit": 3}, around=rewarded, bad=({"limit": 0}, {"limit": 2.5})),
    "difficulty_limits": LossExample(
        {"thresholds": (0.3, 0.6), "limits": (4, 3, 2)},
        around=to_loss(policy.success_rate(), after=(policy.truncation_reward(), group(), *surrogate)),
        bad=(
            {"thresholds": (1.5,)},
            {"thresholds": (0.6, 0.3), "limits": (4, 3, 2)},
            {"limits": (4000,)},
            {"limits": (4000, 0)},
        ),
    ),
    "assign_budgets": Helper("policy/test_length_rewards.py"),
    "budget_cosine_reward": LossExample(
        {"max_length": 5, "alpha": 0.2},
        around=rewarded,
        bad=({"max_length": 0}, {"beta": 0.0}, {"alpha": -1.0}, {"released": 1}),
    ),
    "subgroup_advantage": LossExample(
        {"max_length": 5},
        around=filtered,
        bad=({"max_length": 0}, {"beta": 0.0}, {"coefficient": -1.0}, {"released": 1}),
    ),
    "top_accuracy_groups": Helper("policy/test_length_rewards.py"),
    "length_sigmoid_reward": LossExample(
        {"alpha": 0.6, "fraction": 0.5},
        around=rewarded,
        bad=({"alpha": 1.0}, {"fraction": 1.1}, {"epsilon": 0.0}),
    ),
    "dler": LossExample({"limit": 3}, bad=({"limit": 0}, {"dual": 1.0}, {"kl_coefficient": -1.0}, *clipped)),
    "hbpo": LossExample(
        {"max_length": 5, "alpha": 0.2},
        bad=({"max_length": 0}, {"beta": 0.0}, {"alpha": -1.0}, {"released": 1}, *clipped),
    ),
    "grpo_lambda": LossExample(
        {"alpha": 0.6, "kl_coefficient": 0.1},
        bad=({"alpha": 1.0}, {"fraction": -0.1}, {"kl_coefficient": -1.0}, *clipped),
    ),
    # filters
    "drop_uniform_groups": LossExample({"tolerance": 0.5}, around=filtered, bad=({"tolerance": -1.0}, {"ddof": 2})),
    "accuracy_band": LossExample(
        {"low": -0.5, "high": 0.5}, around=filtered, bad=({"low": float("nan"), "high": 1.0}, {"low": 0.5, "high": 0.2})
    ),
    "drop_flagged": LossExample(
        {"flag": "truncated"}, around=filtered, bad=({"flag": "tokens"}, {"flag": "correct", "value": 1})
    ),
    "keep_tokens": LossExample({"tokens": "thoughts"}, around=filtered, bad=({"tokens": "mask"},)),
    "mask_tokens": LossExample({"tokens": "control_tokens"}, around=filtered, bad=({"tokens": "correct"},)),
    "drop_failed_turns": LossExample(around=filtered),
    "rejection_sample": Helper("policy/test_rollout_masks.py"),
    "match_difficulty": Helper("policy/test_rollout_masks.py"),
    # kinds of tokens
    "segment_weights": LossExample(
        {"coefficients": {"control_tokens": 0.3, "thoughts": 2.0, "rest": 1.0}},
        around=to_loss(group(), after=score),
        bad=(
            {"coefficients": {}},
            {"coefficients": {"correct": 1.0}},
            {"coefficients": {"rest": -1.0}},
            {"coefficients": {"rest": 1.0}, "norm": "row"},
        ),
    ),
    "key_token_weights": LossExample({"max_weight": 3.0}, around=weighted, bad=({"max_weight": 0.5},)),
    "ThoughtSpans": Helper("policy/test_segments.py"),
    "empty_thoughts": Helper("policy/test_segments.py"),
    "thought_dropout": BatchExample(
        THOUGHTS,
        {"empty_tokens": (99, 98)},
        bad=(
            {"empty_tokens": ()},
            {"empty_tokens": (-1,)},
            {"empty_tokens": (9,), "rate": 1.5},
            {"empty_tokens": (9,), "pad_token": -1},
        ),
    ),
    "thinkless": LossExample(
        {"alpha": 0.3, "norm": "sequence"},
        bad=(
            {"alpha": -1.0},
            {"think_value": float("nan")},
            {"wrong_value": None},
            {"norm": "row"},
            {"kl_coefficient": -1.0},
            *clipped,
        ),
    ),
    # tables
    "reward_table": LossExample(
        {"flags": ("correct", "well_formed"), "table": TABLE},
        around=rewarded,
        bad=(
            {"flags": (), "table": {(): 1.0}},
            {"flags": ("tokens",), "table": {(False,): 0.0, (True,): 1.0}},
            {"flags": ("correct",), "table": {(True,): 1.0}},
            {"flags": ("correct",), "table": {(True,): 1.0, (False,): float("inf")}},
        ),
    ),
    "format_mix": LossExample({"weight": 0.3}, around=rewarded, bad=({"weight": 1.1},)),
    "reasoning_penalties": LossExample(
        {"miss": 0.3, "over": 0.1, "malformed": 1.0},
        around=rewarded,
        bad=({"miss": -1.0, "over": 0.0}, {"miss": 0.0, "over": -1.0}, {"miss": 0.0, "over": 0.0, "malformed": -1.0}),
    ),
    "ToolCalls": Helper("policy/test_reward_tables.py"),
    "tool_errors": Helper("policy/test_reward_tables.py"),
    "error_table": Helper("policy/test_reward_tables.py"),
    "zero_rl": LossExample(bad=({"kl_coefficient": -1.0}, {"entropy_coefficient": -1.0}, *clipped)),
}
