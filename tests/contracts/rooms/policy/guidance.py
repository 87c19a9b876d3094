"""Guidance, prefixes, several turns, thoughts, roles and soft tokens."""

import jax.numpy as jnp

from algax import policy

from ...kinds import BatchExample, Helper, LossExample
from .completions import group, reward, score, surrogate, to_loss

clip = (policy.ppo_clip(dual=3.0), policy.token_mean())
demonstrate = policy.select_rows("demonstrations", policy.log_likelihood(), policy.ppo_clip())
clips = ({"low": -0.1}, {"high": -0.1})
decay, credit = policy.turn_decay(), policy.turn_credit()
FEEDBACK = policy.Feedback(
    tokens=jnp.arange(1, 13).reshape(4, 3),
    mask=jnp.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 0]]),
    feedback=jnp.arange(21, 29).reshape(4, 2),
    feedback_mask=jnp.array([[1, 1], [1, 0], [1, 1], [0, 0]]),
)

EXAMPLES = {
    # prefixes
    "prefix_lengths": Helper("policy/test_prefixes.py"),
    "prefix_advantage": LossExample(
        {"scale": "std"}, around=to_loss(after=surrogate), bad=({"scale": "batch"}, {"epsilon": 0.0})
    ),
    "keep_uncertain_guidance": LossExample(
        {"keep": 0.4},
        around=to_loss(group(), policy.token_entropies(), after=surrogate),
        bad=({"keep": 1.1},),
    ),
    "guidance_bounds": LossExample(
        {"guided": (0.5, 0.1)},
        around=to_loss(group(), policy.token_ratio(), after=clip),
        bad=({"low": 1.1}, {"high": -0.1}, {"guided": (0.2, -0.1)}),
    ),
    "prefix_rft": LossExample({"keep": 0.4}, bad=({"keep": -0.1}, {"scale": "batch"}, {"dual": 1.0}, *clips)),
    # several turns
    "void_turns": Helper("policy/test_turns.py"),
    "simpletir": LossExample({"accuracy": (-2.0, 2.0)}, bad=({"dual": 1.0}, *clips)),
    "turn_decay": LossExample(around=to_loss(after=(credit, *score)), bad=({"gamma": 1.1},)),
    "repetition_penalty": LossExample(around=to_loss(decay, after=(credit, *score)), bad=({"weight": -1.0},)),
    "sum_turn_rewards": LossExample(around=to_loss(after=(reward(), *score))),
    "unary_feedback": LossExample(bad=({"gamma": -0.1}, {"weight": -0.1}, *clips)),
    "progress_bonus": LossExample(around=to_loss(after=(credit, *score)), bad=({"alpha": -1.0},)),
    "last_turn_reward": LossExample(around=to_loss(after=(credit, *score))),
    "kl_in_turn_rewards": LossExample(
        {"first": 0.5}, around=to_loss(after=(credit, *score)), bad=({"first": -0.1}, {"later": -0.1})
    ),
    "turn_credit": LossExample(
        {"mode": "to_go", "discount": 0.9, "baseline": "batch_mean"},
        around=to_loss(after=score),
        bad=({"mode": "all"}, {"discount": 1.1}, {"baseline": "group"}),
    ),
    "score": LossExample(
        {"stage": 2},
        bad=(
            {"stage": 3},
            {"stage": 2, "alpha": -1.0},
            {"stage": 1, "kl_coefficient": -1.0},
            {"stage": 1, "first_coefficient": -1.0},
        ),
    ),
    # a teacher's feedback
    "Feedback": Helper("policy/test_guidance.py"),
    "append_feedback": BatchExample(FEEDBACK, {"share": 0.5}, bad=({"share": 1.1},)),
    "guidance_shaping": Helper("policy/test_guidance.py"),
    "shaped_weights": Helper("policy/test_guidance.py"),
    "shape_guidance": LossExample(
        {"min_prob": 0.2},
        around=to_loss(group(), policy.token_ratio(), policy.ppo_clip(dual=3.0)),
        bad=({"good": 1.0}, {"bad": -1.0}, {"bound": 0.0}, {"min_prob": 1.1}, {"released": 1}),
        surrogate_gradient=True,
    ),
    "thinktuning": LossExample(bad=({"min_prob": -0.1}, {"dual": 1.0}, *clips), surrogate_gradient=True),
    # hints, imitation
    "guided_where_all_fail": Helper("policy/test_guidance.py"),
    "guide_grpo": LossExample(bad=({"epsilon": 0.0}, *clips)),
    "on_rollouts": LossExample(
        {"advantage": policy.group_advantage()},
        around=to_loss(after=surrogate),
        bad=({"advantage": "group"}, {"advantage": policy.ppo_clip()}),
    ),
    "imitation_weights": LossExample(
        {"unsolved": True, "mean": "sequence", "policy_mean": "token"},
        around=to_loss(group(), policy.token_ratio(), demonstrate),
        bad=({"coefficient": -1.0}, {"policy_mean": "row"}, {"mean": "row"}, {"unsolved": 1}),
    ),
    "exp_grpo": LossExample({"unsolved": True}, bad=({"beta": -1.0}, {"unsolved": 1}, *clips)),
    # thoughts
    "action_ratio": LossExample(
        around=to_loss(group(), after=(policy.ppo_clip(), policy.sequence_mean_token_mean())),
        bad=({"thought_weight": 1.1}, {"log_limit": 0.0}),
    ),
    "weighted_action_log_probs": Helper("policy/test_guidance.py"),
    "RingBuffer": Helper("policy/test_guidance.py"),
    "ring_buffer": Helper("policy/test_guidance.py"),
    "insert_items": Helper("policy/test_guidance.py"),
    "draw_items": Helper("policy/test_guidance.py"),
    "gtr": LossExample(bad=({"thought_weight": -0.1}, {"imitation": -1.0}, *clips)),
    # roles
    "shared_rewards": Helper("policy/test_guidance.py"),
    "exchange_roles": Helper("policy/test_guidance.py"),
    "cory": LossExample(bad=({"kl_coefficient": -1.0}, {"value_coefficient": -1.0})),
    # soft tokens
    "noise_scale": Helper("policy/test_soft_tokens.py"),
    "mixture_embedding": Helper("policy/test_soft_tokens.py"),
    "soft_token": Helper("policy/test_soft_tokens.py"),
    "soft_log_probs": Helper("policy/test_soft_tokens.py"),
    "soft_cot": LossExample(),
    # contrastive chains
    "pooled_embedding": Helper("policy/test_contrastive_chains.py"),
    "positive_contrast": Helper("policy/test_contrastive_chains.py"),
    "negative_contrast": Helper("policy/test_contrastive_chains.py"),
    "common_subsequence": Helper("policy/test_contrastive_chains.py"),
}
