"""Sampled answers whose length varies, judged by whether they are right within a limit."""

import jax.numpy as jnp

from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.verified import Rollouts


def limited(limit: int) -> Rollouts:
    """As `once`: the answers are sampled whole, and it is the loss that cuts them, see `policy.truncation_reward`.

    Args:
        limit: tokens with the stop token, at least 1.

    Returns:
        rollouts with the metrics `within_limit` (right and no longer than the limit) and `mean_length` (in tokens).

    Raises:
        ValueError: the limit is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1; got {limit}")

    def judge(setting, params, context, prompts, key):
        samples = setting.sample(params, prompts, key)
        lengths = jnp.sum(samples.mask, axis=1, dtype=jnp.int32)
        within = setting.right(prompts, samples.tokens) & (lengths <= limit)
        return {
            "within_limit": jnp.mean(within.astype(jnp.float32)),
            "mean_length": jnp.mean(lengths.astype(jnp.float32)),
        }

    return Rollouts(once().collect, judge)
