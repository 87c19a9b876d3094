"""Answers that begin with a control token: a chain of thought, or the answer at once. For `chain_problems` in "modes"."""

import jax
import jax.numpy as jnp

from algax.experiments.tasks.digit_chains import THINK, running_sums
from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.verified import Rollouts


def controlled() -> Rollouts:
    """Samples control token and answer in one go; the problems with leading zeros, which are shorter, are the easy ones.

    Returns:
        rollouts as those of `once` with `thinking`, `needs_thought` (no leading zero) and `control_tokens`, and the metrics
        `think_easy`, `think_hard` (share of chains), `easy_accuracy` and `hard_accuracy`.
    """
    plain = once()

    def needs_thought(setting, prompts):
        return running_sums(prompts[:, len(setting.model.prefix) :])[1] == 0

    def collect(setting, params, context, prompts, group_ids, key):
        terms = plain.collect(setting, params, context, prompts, group_ids, key)
        return terms.replace(
            thinking=terms.tokens[:, 0] == THINK,
            needs_thought=needs_thought(setting, prompts),
            control_tokens=jnp.broadcast_to(jnp.arange(terms.tokens.shape[1])[None] == 0, terms.tokens.shape),
        )

    def judge(setting, params, context, prompts, key):
        samples = setting.sample(params, prompts, key)
        hard = needs_thought(setting, prompts)
        right = setting.right(prompts, samples.tokens).astype(jnp.float32)
        thinks = (samples.tokens[:, 0] == THINK).astype(jnp.float32)
        return {
            "think_easy": _mean(thinks, ~hard),
            "think_hard": _mean(thinks, hard),
            "easy_accuracy": _mean(right, ~hard),
            "hard_accuracy": _mean(right, hard),
        }

    return Rollouts(collect, judge)


def _mean(x: jax.Array, where: jax.Array) -> jax.Array:
    """The mean where it says so, 0 where nowhere."""
    count = jnp.sum(where, dtype=jnp.float32)
    return jnp.sum(jnp.where(where, x, 0.0)) / jnp.maximum(count, 1.0)
