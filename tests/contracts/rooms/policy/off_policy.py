"""Off-policy, likelihood-based, contrastive and branching methods."""

import jax.numpy as jnp

from algax import policy

from ...kinds import BatchExample, Helper, LossExample, ScheduleExample
from .completions import group, reward, score, to_loss, to_surrogate

rates = policy.success_rate()
intervals = ({"positive": (2.0, 1.0)}, {"positive": (-1.0, 1.0)}, {"negative": (0.5, 0.1)})
demonstrate = policy.select_rows("demonstrations", policy.log_likelihood(), policy.policy_gradient())
clip = (policy.ppo_clip(), policy.token_mean())

REPLAY = (
    {"rewards": jnp.arange(4.0), "tokens": jnp.arange(12).reshape(4, 3)},
    {"rewards": -jnp.arange(8.0).reshape(2, 4), "tokens": -jnp.arange(24).reshape(2, 4, 3)},
)
ROLLOUTS = policy.Rollouts(
    prompts=jnp.array([[0, 11, 12], [11, 12, 13]]),
    prompt_mask=jnp.array([[0, 1, 1], [1, 1, 1]]),
    responses=jnp.array([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]]),
    response_mask=jnp.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]),
    entropies=jnp.array([[0.1, 0.9, 0.3, 0.8, 0.7], [0.9, 0.2, 0.1, 0.6, 0.5]]),
    group_ids=jnp.array([3, 3]),
)

EXAMPLES = {
    # truncated weights
    "subtract_baseline": LossExample(
        {"baseline": -0.3}, around=to_loss(after=(reward(), *score)), bad=({"baseline": float("inf")},)
    ),
    "truncate_weight": LossExample(
        {"positive": (0.5, float("inf"))},
        around=to_loss(reward(), policy.sequence_ratio(length_normalise=False), after=score),
        bad=intervals,
        surrogate_gradient=True,
    ),
    "effective_positive_fraction": Helper("policy/test_off_policy.py"),
    "topr": LossExample({"baseline": 0.1}, bad=({"baseline": float("nan")}, *intervals), surrogate_gradient=True),
    # searched bounds
    "search_bounds": LossExample(
        {"target": 0.5},
        around=to_loss(group(), policy.token_ratio(), after=clip),
        bad=(
            {"target": 1.1},
            {"low": (0.9, 0.6, 0.1)},
            {"low": (0.6, 0.9, 0.0)},
            {"high": (-1.0, 2.0, 0.1)},
            {"order": "both_first"},
            {"behaviour_weight": 1},
        ),
        surrogate_gradient=True,
    ),
    "bapo": LossExample({"target": 0.5}, bad=({"target": -0.1}, {"dual": 1.0}), surrogate_gradient=True),
    # replay
    "centred_ratio": LossExample(around=to_loss(group(), after=clip), bad=({"low": -0.1}, {"high": -0.1}, {"log_limit": 0.0})),
    "convex_kl_penalty": LossExample(
        {"coefficient": 0.1, "mixture": 0.7}, around=to_loss(), bad=({"coefficient": -1.0}, {"mixture": 1.1})
    ),
    "kl_mixture_schedule": ScheduleExample(
        {},
        first=1.0,
        last=0.5,
        last_step=91,
        monotone="decreasing",
        bad=({"start": -1}, {"every": 0}, {"drop": 0.0}, {"floor": 1.5}),
    ),
    "mix_replay": BatchExample(REPLAY, {"probability": 0.5}, bad=({"probability": 1.5},)),
    "remix": LossExample({"mixture": 0.8}, bad=({"low": -0.1}, {"high": -0.1}, {"kl_coefficient": -1.0}, {"mixture": -0.1})),
    # likelihoods
    "log_likelihood": LossExample(around=to_loss()),
    "score_ratio": LossExample(
        around=to_loss(group(), after=(policy.importance_weighted(), policy.token_mean())), surrogate_gradient=True
    ),
    "success_rate": LossExample(
        around=to_loss(after=(policy.implicit_negative(), policy.token_mean())), surrogate_gradient=True
    ),
    "success_rate_weight": LossExample(
        {"kind": "group_std"},
        around=to_loss(group(), rates, after=score),
        bad=({"kind": "rate"}, {"rate_bounds": (0.0, 0.9)}, {"rate_bounds": (0.5, 0.2)}),
    ),
    "implicit_negative": LossExample(
        {"positive_floor": 0.5, "negative_floor": 0.5},
        around=to_loss(rates),
        bad=(
            {"negative_weight": -1.0},
            {"negative_floor": 0.0},
            {"positive_floor": -1.0},
            {"rate_bounds": (0.2, 1.0)},
            {"log_max": 0.0},
            {"level": "row"},
        ),
        surrogate_gradient=True,
    ),
    "nft": LossExample(bad=({"negative_weight": -1.0}, {"divisor": 0.0}), surrogate_gradient=True),
    "token_score_threshold": LossExample(
        {"positive": 0.4}, around=to_loss(group(), after=score), bad=({"positive": 1.0}, {"negative": -0.1})
    ),
    "token_score_top": LossExample(
        {"fraction": 0.5}, around=to_loss(group(), after=score), bad=({"fraction": 0.0}, {"fraction": 1.1})
    ),
    "token_score_loss": LossExample(),
    "oreal": LossExample(
        {"token_weight": policy.token_score_threshold(positive=0.4, negative=0.4)},
        bad=({"positive": -1.0}, {"negative": -1.0}, {"kl_coefficient": -1.0}, {"clone_advantage": 1}),
        surrogate_gradient=True,
    ),
    # the uniform policy's values
    "mean_log_softmax": Helper("policy/test_likelihood.py"),
    "uniform_tree_values": Helper("policy/test_likelihood.py"),
    "random_policy_target": LossExample(
        around=to_loss(group(), after=(policy.relative_q(), policy.token_mean())),
        bad=({"scale": 0.0}, {"next_value_scale": -1.0}),
        surrogate_gradient=True,
    ),
    "relative_q": LossExample(
        around=to_loss(group(), policy.random_policy_target()), bad=({"scale": -1.0},), surrogate_gradient=True
    ),
    "rover": LossExample(bad=({"scale": 0.0}, {"next_value_scale": -0.1}), surrogate_gradient=True),
    # contrast
    "contrastive_groups": LossExample(
        {"temperature": 2.0, "length_temperature": 0.3, "max_length": 6},
        bad=(
            {"temperature": 0.0},
            {"length_temperature": 0.1},
            {"length_temperature": -1.0, "max_length": 6},
            {"length_temperature": 1.0, "max_length": 0},
        ),
    ),
    "hinge_kl": LossExample(
        {"coefficient": 0.1, "estimator": "k3"},
        around=to_loss(),
        bad=({"coefficient": -1.0}, {"delta": -1.0}, {"estimator": "k2"}),
        surrogate_gradient=True,
    ),
    "drpo": LossExample(
        {"length_temperature": 0.3, "max_length": 6, "kl_coefficient": 0.1},
        bad=({"temperature": -1.0}, {"max_length": 6}, {"kl_coefficient": -1.0}, {"delta": -1.0}, {"estimator": "k2"}),
        surrogate_gradient=True,
    ),
    # demonstrations
    "unified_policy_gradient": LossExample(
        {"clip": (0.2, 0.2)},
        around=to_loss(group()),
        bad=({"denominator": "ref"}, {"clip": (-0.1, 0.2)}, {"clip": (0.1, -0.2)}),
        surrogate_gradient=True,
    ),
    "select_rows": LossExample(
        {"rows": "demonstrations", "on_true": policy.log_likelihood(), "on_false": policy.ppo_clip()},
        around=to_surrogate,
        bad=(
            {"rows": "tokens", "on_true": policy.log_likelihood(), "on_false": policy.ppo_clip()},
            {"rows": "correct", "on_true": policy.token_ratio(), "on_false": policy.ppo_clip()},
            {"rows": "correct", "on_true": policy.ppo_clip(), "on_false": "sft"},
            {"rows": "correct", "on_true": policy.ppo_clip(), "on_false": policy.ppo_clip()},
        ),
    ),
    "mean_over_rows": LossExample(
        {"rows": "demonstrations", "coefficient": 0.3},
        around=to_loss(group(), after=(demonstrate, policy.token_mean())),
        bad=(
            {"rows": "tokens"},
            {"rows": "correct", "value": 1},
            {"rows": "correct", "coefficient": -1.0},
            {"rows": "correct", "divisor": 0.0},
        ),
    ),
    "hybrid_switch": LossExample(
        {"gate": 0.4}, around=to_loss(after=(group(), demonstrate, policy.token_mean())), bad=({"gate": 2.0},)
    ),
    "hpt": LossExample(
        {"divisor": 6.0, "gate": 0.4},
        bad=({"divisor": 0.0}, {"divisor": 6.0, "gate": -2.0}, {"divisor": 6.0, "coefficient": -1.0}),
    ),
    # branches
    "Rollouts": Helper("policy/test_recut.py"),
    "RecutPrompts": Helper("policy/test_recut.py"),
    "critical_positions": Helper("policy/test_recut.py"),
    "recut": BatchExample(
        ROLLOUTS,
        {"invalid_tokens": jnp.array([8]), "top_k": 2},
        bad=(
            {"invalid_tokens": jnp.array([8]), "top_k": 0},
            {"invalid_tokens": jnp.array([8]), "branches": -1},
            {"invalid_tokens": jnp.array([8]), "pad_token": -1},
        ),
    ),
}
