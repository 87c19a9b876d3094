"""Rows that join a batch of `bandit`: demonstrations, rehearsal, replay, samples at another temperature.

Each builder returns `rows(play, samplers, context, iteration, key) -> policy.Terms`. The rows carry a flag, so that an arm
that does not use them drops them with `policy.drop_flagged`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from algax import policy


def demonstration_rows(per_prompt: int = 1) -> Callable:
    """Right answers to every prompt, in the prompt's group, flagged `demonstrations`.

    Args:
        per_prompt: answers drawn afresh from the right ones, whatever their probability.

    Raises:
        ValueError: per_prompt is below 1.
    """
    _at_least_one("per_prompt", per_prompt)

    def rows(play, samplers, context, iteration, key):
        chosen = jnp.repeat(jnp.arange(play.prompts), per_prompt)
        tokens = jax.random.categorical(key, jnp.where(context["right"][chosen], 0.0, -jnp.inf)[:, None])
        newest = play.logits(_last(samplers), chosen, context)
        terms = play.rows(chosen, tokens, newest, context["reference"][chosen], context)
        return terms.replace(demonstrations=jnp.ones(chosen.shape, bool))

    return rows


def rehearsal_rows(per_prompt: int = 64) -> Callable:
    """The same samples of the initial policy in every batch, in groups of their own, flagged `rehearsal`.

    Args:
        per_prompt: stored samples a prompt.

    Raises:
        ValueError: per_prompt is below 1.
    """
    _at_least_one("per_prompt", per_prompt)

    def rows(play, samplers, context, iteration, key):
        chosen = jnp.repeat(jnp.arange(play.prompts), per_prompt)
        reference = context["reference"][chosen]
        tokens = jax.random.categorical(jax.random.fold_in(context["key"], 2**31 - 1), reference[:, None])
        terms = play.rows(chosen, tokens, reference, reference, context)
        return terms.replace(rehearsal=jnp.ones(chosen.shape, bool), group_ids=chosen + play.prompts)

    return rows


def replayed_rows() -> Callable:
    """For every prompt the group of one of the earlier batches, each as likely, or of the first; in groups of their own.

    The task's `memory` is the number of batches that can come back, its `delay` must be 0. Rows are flagged `demonstrations`,
    since another policy sampled them; `old_log_probs` and `old_distribution` are those of the newest sampler. Raises ValueError
    where there is no memory.
    """

    def rows(play, samplers, context, iteration, key):
        window = jax.tree.leaves(samplers)[0].shape[0] - 1
        if window < 1:
            raise ValueError("replayed_rows needs a bandit with a memory of at least 1; got 0")
        ages = 1 + jax.random.randint(key, (play.prompts,), 0, window)
        chosen = jnp.repeat(jnp.arange(play.prompts), play.samples_per_prompt)

        def answered(age):
            sampler = play.logits(jax.tree.map(lambda x: x[window - age], samplers), chosen, context)
            past = jax.random.fold_in(context["key"], jnp.maximum(iteration - age, 0))
            return sampler, jax.random.categorical(past, sampler[:, None])

        sampled, answers = jax.vmap(answered)(1 + jnp.arange(window))
        pick, row = ages[chosen] - 1, jnp.arange(len(chosen))
        newest = play.logits(_last(samplers), chosen, context)
        terms = play.rows(chosen, answers[pick, row], newest, context["reference"][chosen], context)
        behaviour = jax.nn.log_softmax(sampled[pick, row])
        return terms.replace(
            behaviour_log_probs=jnp.take_along_axis(behaviour, terms.tokens, axis=1),
            demonstrations=jnp.ones(chosen.shape, bool),
            group_ids=chosen + play.prompts,
        )

    return rows


def tempered_rows(target: float, high_temperature: float = 1.3, low_temperature: float = 0.75) -> Callable:
    """Correct samples at the temperature of `policy.entropy_switch`, at most as many as the batch has, flagged `regularising`.

    Args:
        target: the entropy to hold, in nats.
        high_temperature: up to the target.
        low_temperature: above it, where only half as many rows are used.
    """

    def rows(play, samplers, context, iteration, key):
        chosen = jnp.repeat(jnp.arange(play.prompts), play.samples_per_prompt)
        newest = play.logits(_last(samplers), chosen, context)
        log_probs = jax.nn.log_softmax(newest)
        entropy = jnp.mean(-jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1))
        temperature, count = policy.entropy_switch(
            entropy, target, high_temperature=high_temperature, low_temperature=low_temperature, samples=len(chosen)
        )
        sample_key, order_key = jax.random.split(key)
        order = jax.random.permutation(order_key, len(chosen))  # so that the first rows are of all prompts
        tokens = jax.random.categorical(sample_key, (newest / temperature)[:, None])
        terms = play.rows(chosen, tokens, newest, context["reference"][chosen], context)
        terms = jax.tree.map(lambda x: x[order], terms.replace(group_ids=chosen + play.prompts))
        blank = terms.replace(mask=jnp.zeros_like(terms.mask))
        joined, replaced = policy.replace_rows(blank, terms, terms.correct, count)
        return joined.replace(regularising=replaced)

    return rows


def _last(samplers):
    return jax.tree.map(lambda x: x[-1], samplers)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value}")
