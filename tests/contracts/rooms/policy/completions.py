"""Chains that complete a single transform into a loss."""

from algax import chain, policy


def to_loss(*before, after=(policy.token_mean(),)):
    """Completes a transform into a chain with a loss."""
    return lambda transform: chain(*before, transform, *after)


reward, group = policy.reward_advantage, policy.group_advantage
surrogate = (policy.token_ratio(), policy.ppo_clip(), policy.token_mean())
score = (policy.policy_gradient(), policy.token_mean())
penalty = to_loss()
to_surrogate = to_loss(group(), policy.token_ratio())
reduction = to_loss(group(), policy.token_ratio(), policy.ppo_clip(), after=())
