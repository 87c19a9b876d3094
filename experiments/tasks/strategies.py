"""Two ways to an answer, chosen by the first token: what credit each return or weight gives to them."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import policy
from algax.experiments.tasks.task import Task

PADDED = (0.3,) * 8 + (-0.2,)  # rewards of the steps of the padded way: much filling, then a mistake
DIRECT = (0.3, 0.4, 0.6)  # of the direct way: all of it sound


def two_ways(model: Any, samples: int = 32) -> Task:
    """A padded way with a high sum of step rewards and a bad step, and a direct one; the steps after the choice are certain.

    Args:
        model: a Linen module, `[B, 1]` ones to 2 logits: padded, direct.
        samples: ways a batch, one group.

    Returns:
        a task with the exact metric `direct`, the probability of the direct way.
    """
    _at_least_two("samples", samples)
    length = max(len(PADDED), len(DIRECT))
    sizes = jnp.array([len(PADDED), len(DIRECT)])
    rewards = jnp.array([[*way, *(0.0,) * (length - len(way))] for way in (PADDED, DIRECT)], jnp.float32)

    def log_probs_of(params, ways):
        chosen = _log_probs(model, params)[ways]
        return jnp.pad(chosen[:, None], ((0, 0), (0, length - 1)))

    def batch(params, context, step, key):
        del context, step
        ways = jax.random.categorical(key, _log_probs(model, params), shape=(samples,))
        mask = jnp.arange(length)[None] < sizes[ways][:, None]
        return policy.Terms(
            inputs=ways,
            mask=mask,
            token_rewards=rewards[ways],
            step_ends=mask,
            separators=jnp.zeros_like(mask),
            group_ids=jnp.zeros_like(ways),
            old_log_probs=log_probs_of(params, ways),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=log_probs_of(params, terms.inputs))

    def evaluate(params, context, key):
        del context, key
        return {"direct": jnp.exp(_log_probs(model, params)[1])}

    return Task(lambda key: (model.init(key, jnp.ones([1, 1])), {}), batch, forward, evaluate)


SPURIOUS_SHARE = 0.8  # of the solutions in the data
SUCCESS = (0.9, 0.5)  # after a sound first step, after the spurious one


def spurious_step(model: Any, samples: int = 256) -> Task:
    """Imitation of solutions whose usual first step often leads astray, so that most right solutions have it too.

    Args:
        model: a Linen module, `[B, 1]` ones to 2 logits: the sound first step, the spurious one.
        samples: solutions a batch, right and wrong ones, drawn afresh.

    Returns:
        a task with the exact metrics `spurious` (probability of the spurious step) and `success` (of a solution that begins as
        the policy does).
    """
    _at_least_two("samples", samples)
    shares, success = jnp.array([1.0 - SPURIOUS_SHARE, SPURIOUS_SHARE]), jnp.array(SUCCESS)
    value = float(jnp.sum(shares * success))

    def batch(params, context, step, key):
        del params, context, step
        step_key, right_key = jax.random.split(key)
        first = jax.random.bernoulli(step_key, SPURIOUS_SHARE, (samples,)).astype(jnp.int32)
        everything = jnp.ones([samples, 1], bool)
        return policy.Terms(
            inputs=first,
            mask=everything,
            correct=jax.random.bernoulli(right_key, success[first]),
            step_values=success[first][:, None],
            prompt_values=jnp.full([samples], value),
            step_ends=everything,
        )

    def forward(params, terms, key):
        del key
        logits = algax.Logits(jnp.broadcast_to(_log_probs(model, params), [samples, 1, 2]))
        return terms.replace(log_probs=logits.log_probs(terms.inputs[:, None]))

    def evaluate(params, context, key):
        del context, key
        probabilities = jnp.exp(_log_probs(model, params))
        return {"spurious": probabilities[1], "success": jnp.sum(probabilities * success)}

    return Task(lambda key: (model.init(key, jnp.ones([1, 1])), {}), batch, forward, evaluate)


def _log_probs(model: Any, params: Any) -> jax.Array:
    return jax.nn.log_softmax(model.apply(params, jnp.ones([1, 1]))[0])


def _at_least_two(name: str, value: int) -> None:
    if value < 2:
        raise ValueError(f"{name} must be at least 2; got {value}")
