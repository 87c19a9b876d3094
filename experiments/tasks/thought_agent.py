"""An agent that names what it sees before it acts, rewarded for its actions alone, beside a corrector of its thoughts."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import measure, policy
from algax.experiments.tasks.task import Task

STATES = 8  # and as many thoughts and actions; the best action is the one with the number of the state
TEMPLATE = 6.0  # nats by which the first thought is likelier than any other at the start
CAPACITY = 4096  # corrected thoughts that are kept


def thought_agent(model: Any, corrector: float = 1.0, steps_per_batch: int = 64) -> Task:
    """Two tokens a step: a thought, which sees the state, and an action, which sees the thought alone.

    The policy prefers one thought whatever the state, a template. Every batch has as many rows flagged `demonstrations`,
    corrected thoughts drawn from all those so far; their actions are masked.

    Args:
        model: a Linen module, one-hot states and thoughts `[B, 16]` to 8 logits; a table that starts at 0.
        corrector: probability that a corrected thought names the state.
        steps_per_batch: steps of the agent in a batch, from states drawn alike.

    Returns:
        a task with the exact metrics `return` (probability of the best action) and `distinct` (share of different thoughts
        among the likeliest ones of all states).

    Raises:
        ValueError: the corrector's accuracy is outside [0, 1].
    """
    if not 0 <= corrector <= 1:
        raise ValueError(f"corrector must be in [0, 1]; got {corrector}")
    usual = (jnp.arange(2 * STATES)[:, None] < STATES) & (jnp.arange(STATES)[None] == 0)
    template = jnp.where(usual, TEMPLATE, 0.0)
    shown = jnp.arange(2 * steps_per_batch) >= steps_per_batch
    example = {"states": jnp.zeros([], jnp.int32), "thoughts": jnp.zeros([], jnp.int32)}

    def tables(params):
        """Log-probs of thoughts by state and of actions by thought, `[8, 8]` each."""
        log_probs = jax.nn.log_softmax(model.apply(params, jnp.eye(2 * STATES)) + template)
        return log_probs[:STATES], log_probs[STATES:]

    def of(params, states, tokens):
        thinks, acts = tables(params)
        return jnp.stack([thinks[states, tokens[:, 0]], acts[tokens[:, 0], tokens[:, 1]]], axis=1)

    def returns(params):
        thinks, acts = tables(params)
        return jnp.diagonal(jnp.exp(thinks) @ jnp.exp(acts))

    def init(key):
        return jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, 2 * STATES]))), {}

    def batch(params, context, step, key):
        del step
        keys = jax.random.split(key, 6)
        thinks, acts = tables(params)
        own = jax.random.randint(keys[0], (steps_per_batch,), 0, STATES)
        thought = jax.random.categorical(keys[1], thinks[own])
        action = jax.random.categorical(keys[2], acts[thought])
        other = (own + jax.random.randint(keys[3], own.shape, 1, STATES)) % STATES
        corrected = jnp.where(jax.random.bernoulli(keys[4], corrector, own.shape), own, other)
        past = policy.draw_items(keys[5], context["memory"], steps_per_batch)
        states = jnp.concatenate([own, past["states"]])
        tokens = jnp.stack([jnp.concatenate([thought, past["thoughts"]]), jnp.concatenate([action, past["states"]])], axis=1)
        full = (context["memory"].size > 0) & shown
        advantages = (action == own).astype(jnp.float32) - returns(params)[own]
        return policy.Terms(
            inputs={"states": states, "corrected": jnp.concatenate([corrected, corrected])},
            tokens=tokens,
            mask=jnp.stack([~shown | full, ~shown], axis=1),
            rewards=jnp.concatenate([advantages, jnp.zeros_like(advantages)]),
            thoughts=jnp.broadcast_to(jnp.arange(2)[None] == 0, tokens.shape),
            demonstrations=shown,
            old_log_probs=of(params, states, tokens),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, terms.inputs["states"], terms.tokens))

    def evaluate(params, context, key):
        del context, key
        likeliest = jnp.argmax(tables(params)[0], axis=1)[:, None]
        return {
            "return": jnp.mean(returns(params)),
            "distinct": measure.thought_diversity(likeliest, jnp.ones(likeliest.shape, bool), n=1),
        }

    def memory(context):
        del context
        return policy.ring_buffer(example, CAPACITY)

    def remember(context, terms):
        new = {"states": terms.inputs["states"], "thoughts": terms.inputs["corrected"]}
        return policy.insert_items(context["memory"], jax.tree.map(lambda x: x[:steps_per_batch], new))

    return Task(init, batch, forward, evaluate, memory, remember)
