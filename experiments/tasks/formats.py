"""A weak policy that hardly keeps to a format: short answers, or long explorations that it has yet to learn to finish."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import policy
from algax.experiments.tasks.task import Task

SHORT_SUCCESS = 0.03  # of a short answer, whatever is learnt
# Log-odds at the start of exploring, of the format in a short answer and in a long one, and of finishing an exploration.
START = (0.0, -2.0, -4.5, -3.0)
PLACES = ("mode", "short_format", "long_format", "finish")


def formats(model: Any, prompts: int = 16, samples_per_prompt: int = 8) -> Task:
    """Three binary tokens: short or long, format kept or not, and in a long response the exploration finished or not.

    A long response is right if it is finished, a short one now and then: at the start most groups have no right answer. About
    one response in sixteen keeps to the format, a long one far less often.

    Args:
        model: a Linen module, one-hot `[B, 4]` of `PLACES` to 2 logits; a table that starts at 0.
        prompts: groups a batch.
        samples_per_prompt: responses a group.

    Returns:
        a task with the exact metrics `accuracy`, `exploring` (share of long responses) and `formatted`.
    """
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)
    start = jnp.stack([jnp.zeros(4), jnp.array(START)], axis=1)

    def log_probs(params):
        return jax.nn.log_softmax(model.apply(params, jnp.eye(4)) + start)

    def of(params, tokens):
        table, long = log_probs(params), tokens[:, 0] == 1
        format_place = jnp.where(long, 2, 1)
        return jnp.stack(
            [table[0, tokens[:, 0]], table[format_place, tokens[:, 1]], jnp.where(long, table[3, tokens[:, 2]], 0.0)], axis=1
        )

    def batch(params, context, step, key):
        del context, step
        sample_key, right_key = jax.random.split(key)
        drawn = jax.random.categorical(sample_key, log_probs(params), shape=(len(groups), 4))
        long = drawn[:, 0] == 1
        tokens = jnp.stack([drawn[:, 0], jnp.where(long, drawn[:, 2], drawn[:, 1]), drawn[:, 3]], axis=1)
        lucky = jax.random.bernoulli(right_key, SHORT_SUCCESS, groups.shape)
        correct = jnp.where(long, tokens[:, 2] == 1, lucky)
        return policy.Terms(
            inputs=groups,
            tokens=tokens,
            mask=jnp.concatenate([jnp.ones([len(groups), 2], bool), long[:, None]], axis=1),
            rewards=correct.astype(jnp.float32),
            correct=correct,
            well_formed=tokens[:, 1] == 1,
            group_ids=groups,
            old_log_probs=of(params, tokens),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, terms.tokens))

    def evaluate(params, context, key):
        del context, key
        mode, short_format, long_format, finish = jnp.exp(log_probs(params))[:, 1]
        return {
            "accuracy": mode * finish + (1.0 - mode) * SHORT_SUCCESS,
            "exploring": mode,
            "formatted": mode * long_format + (1.0 - mode) * short_format,
        }

    def init(key):
        return jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, 4]))), {}

    return Task(init, batch, forward, evaluate)
