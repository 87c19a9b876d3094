"""Chains whose digits are steps with rewards of their own, as a rule of sound steps gives them. For `chain_problems`."""

import jax
import jax.numpy as jnp

from algax.experiments.tasks.digit_chains import judged
from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.verified import Rollouts

SOUND, UNSOUND = 0.3, -0.3


def stepwise() -> Rollouts:
    """As `once`, with a reward for every digit: 0.3 where it adds the next operand or repeats the sum before, else -0.3.

    The rule does not see that a repeated sum leads nowhere: it is sound, like filling words to a process reward model.

    Returns:
        rollouts with `token_rewards`, `step_ends` and `separators` (none: the stop token ends an answer), and the metrics
        `mean_length` (in tokens), `step_reward` (sum over an answer's steps) and `worst_step` (their least).
    """
    plain = once()

    def steps(setting, prompts, samples):
        """The rewards of the steps and where they are, `[B, T]` each."""
        _, sound = judged(prompts[:, len(setting.model.prefix) :], samples.tokens)
        digits = samples.mask & (samples.tokens < 10)
        return jnp.where(digits, jnp.where(sound, SOUND, UNSOUND), 0.0), digits

    def collect(setting, params, context, prompts, group_ids, key):
        terms = plain.collect(setting, params, context, prompts, group_ids, key)
        rewards, digits = steps(setting, prompts, terms)
        return terms.replace(token_rewards=rewards, step_ends=digits, separators=jnp.zeros_like(digits))

    def judge(setting, params, context, prompts, key):
        samples = setting.sample(params, prompts, key)
        rewards, digits = steps(setting, prompts, samples)
        worst = jnp.min(jnp.where(digits, rewards, jnp.inf), axis=1)
        found = {
            "mean_length": jnp.sum(samples.mask, axis=1, dtype=jnp.float32),
            "step_reward": jnp.sum(rewards, axis=1),
            "worst_step": jnp.where(jnp.isfinite(worst), worst, UNSOUND),
        }
        return jax.tree.map(jnp.mean, found)

    return Rollouts(collect, judge)
