"""Worked answers first, samples afterwards: a cold start, or training on texts of several styles before reinforcement."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from algax import policy
from algax.experiments.tasks import digit_chains
from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.verified import Rollouts, answer_mask, answered


def cold_started(
    steps: int, labelled: int = 60, mistakes: float = 0.0, mixture: Callable | None = None, rejection: bool = True
) -> Rollouts:
    """The first steps show a teacher's chains, flagged `demonstrations`; then the policy samples. For `chain_problems`.

    Args:
        steps: with demonstrations, from 0.
        labelled: problems that the teacher answers, the first of those that are practised.
        mistakes: share of the teacher's answers with a wrong digit.
        mixture: `step -> [3]` shares of the styles of `digit_chains.STYLES`, such as `curriculum.mixture_schedule`; chains
            alone for None.
        rejection: True shows only right answers, see `policy.rejection_sample`.

    Returns:
        rollouts with the metric `mean_length`, tokens of an answer with its stop token.

    Raises:
        ValueError: an argument is out of range.
    """
    if steps < 0 or labelled < 1:
        raise ValueError(f"steps must be at least 0 and labelled at least 1; got {steps} and {labelled}")
    if not 0 <= mistakes <= 1:
        raise ValueError(f"mistakes must be in [0, 1]; got {mistakes}")
    sampled = once()

    def shown(setting, context, rows, key):
        """The teacher's answers to labelled problems, each row a group of its own."""
        keys = jax.random.split(key, 4)
        group_ids, chosen = jnp.arange(rows), jax.random.randint(keys[0], (rows,), 0, labelled)
        prompts = jnp.asarray(setting.problems.prompts)[context["practice"][chosen]]
        weights = jnp.array([0.0, 1.0, 0.0]) if mixture is None else mixture(context["step"])
        style = jax.random.categorical(keys[1], jnp.log(jnp.maximum(weights, 1e-30)), shape=(rows,))
        tokens = digit_chains.in_style(keys[2], _bare(setting, prompts), style, setting.answer_length)
        mask = answer_mask(tokens)
        spoilt = jax.random.bernoulli(keys[3], mistakes, (rows,))
        last = jnp.sum(mask, axis=1, dtype=jnp.int32)[:, None] - 2 == jnp.arange(tokens.shape[1])[None]
        tokens = jnp.where(last & spoilt[:, None], (tokens + 1) % digit_chains.BASE, tokens)
        terms = answered(setting, context, prompts, group_ids, tokens, mask, jnp.zeros(mask.shape))
        if rejection:
            terms = terms.replace(mask=mask & policy.rejection_sample(terms.correct, group_ids, per_group=1)[:, None])
        return terms.replace(demonstrations=jnp.ones(rows, bool))

    def collect(setting, params, context, prompts, group_ids, key):
        def practised():
            own = sampled.collect(setting, params, context, prompts, group_ids, key)
            return own.replace(demonstrations=jnp.zeros(group_ids.shape, bool))

        return jax.lax.cond(context["step"] < steps, lambda: shown(setting, context, len(prompts), key), practised)

    return Rollouts(collect, mean_length)


def mean_length(setting, params, context, prompts, key):
    """The metric `mean_length` of sampled answers, in tokens with the stop token."""
    samples = setting.sample(params, prompts, key)
    return {"mean_length": jnp.mean(jnp.sum(samples.mask, axis=1, dtype=jnp.float32))}


def _bare(setting, prompts):
    """The prompts without the model's prefix."""
    return prompts[..., len(setting.model.prefix) :]
