"""Answers that differ in their length alone, to prompts that need short, middling or long ones."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from algax import policy
from algax.experiments.tasks.task import Task

KINDS = ("easy", "middle", "hard")
NEEDED = (4.0, 14.0, 26.0)  # tokens at which half of the answers are right
SLOPE = 3.0
START, SPREAD = 31.0, 6.0  # tokens, of the lengths at the start
TILT = 8.0  # tokens of distance from a budget that cost one nat


def success(lengths: jax.Array) -> jax.Array:
    """Probability that an answer is right, `[3, L]` for the kinds of prompts, from `[L]` lengths in tokens."""
    return jax.nn.sigmoid((lengths[None] - jnp.asarray(NEEDED)[:, None]) / SLOPE)


def lengths(
    model: Any,
    longest: int = 40,
    limit: int = 0,
    groups_per_kind: int = 10,
    samples_per_prompt: int = 16,
    budgets: Sequence[int] = (),
) -> Task:
    """A policy over lengths: the first token of an answer decides how many follow, which are then certain.

    The longer the answer, the likelier it is right; how long is long enough depends on the kind of prompt. The policy starts
    near 31 tokens on all of them.

    Args:
        model: a Linen module, one-hot kinds `[B, 3]` to logits of the lengths `[B, longest]`.
        longest: the longest answer, in tokens.
        limit: longer answers count as wrong when the policy is evaluated; 0 for no limit.
        groups_per_kind: prompts of each kind in a batch.
        samples_per_prompt: answers sampled to a prompt, one group.
        budgets: tokens that the prompts of a group's samples ask for, in equal parts; each draws the lengths towards it.
            None asks for nothing.

    Returns:
        a task with the exact metrics `accuracy`, `mean_length`, and for the kinds easy, middle and hard `KIND_accuracy`,
        `KIND_length` and `KIND_spread` (standard deviation of the lengths within a group, in tokens).
    """
    for name, value in {
        "longest": longest,
        "groups_per_kind": groups_per_kind,
        "samples_per_prompt": samples_per_prompt,
    }.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}")
    if not 0 <= limit <= longest:
        raise ValueError(f"limit must be from 0 to the longest answer's {longest} tokens; got {limit}")
    sizes = 1.0 + jnp.arange(longest, dtype=jnp.float32)
    rates = success(sizes)
    groups = jnp.repeat(jnp.arange(3 * groups_per_kind), samples_per_prompt)
    kinds = groups % 3
    asked = policy.assign_budgets(groups, budgets or (longest,))

    def tilt(budget):
        return -jnp.abs(sizes[None] - budget[:, None]) / TILT if budgets else jnp.zeros([len(budget), longest])

    def logits(params, inputs):
        drawn = model.apply(params, jax.nn.one_hot(inputs["kinds"], 3)) - 0.5 * jnp.square((sizes[None] - START) / SPREAD)
        return drawn + tilt(inputs["budgets"])

    def init(key):
        return model.init(key, jnp.zeros([1, 3])), {}

    def batch(params, context, step, key):
        del context, step
        length_key, right_key = jax.random.split(key)
        inputs = {"kinds": kinds, "budgets": asked}
        scores = logits(params, inputs)
        drawn = jax.random.categorical(length_key, scores)
        correct = jax.random.bernoulli(right_key, rates[kinds, drawn])
        old = _on_first(jnp.take_along_axis(jax.nn.log_softmax(scores), drawn[:, None], axis=1), longest)
        return policy.Terms(
            inputs={**inputs, "drawn": drawn},
            mask=jnp.arange(longest)[None] <= drawn[:, None],
            rewards=correct.astype(jnp.float32),
            correct=correct,
            budgets=asked,
            group_ids=groups,
            old_log_probs=old,
        )

    def forward(params, terms, key):
        del key
        log_probs = jax.nn.log_softmax(logits(params, terms.inputs))
        chosen = jnp.take_along_axis(log_probs, terms.inputs["drawn"][:, None], axis=1)
        return terms.replace(log_probs=_on_first(chosen, longest))

    def evaluate(params, context, key):
        del context, key
        asked = jnp.asarray(budgets or (longest,), jnp.float32)
        inputs = {"kinds": jnp.repeat(jnp.arange(3), len(asked)), "budgets": jnp.tile(asked, 3)}
        probabilities = jnp.mean(jax.nn.softmax(logits(params, inputs)).reshape(3, len(asked), longest), axis=1)
        return measure(probabilities, jnp.where(sizes[None] <= (limit or longest), rates, 0.0), sizes)

    return Task(init, batch, forward, evaluate)


def measure(probabilities: jax.Array, rates: jax.Array, sizes: jax.Array) -> dict[str, jax.Array]:
    """The metrics of `[3, L]` probabilities of lengths, `[3, L]` success rates and the `[L]` lengths."""
    accuracy = jnp.sum(probabilities * rates, axis=1)
    means = jnp.sum(probabilities * sizes[None], axis=1)
    spreads = jnp.sqrt(jnp.sum(probabilities * jnp.square(sizes[None] - means[:, None]), axis=1))
    found = {"accuracy": jnp.mean(accuracy), "mean_length": jnp.mean(means)}
    for index, kind in enumerate(KINDS):
        found |= {f"{kind}_accuracy": accuracy[index], f"{kind}_length": means[index], f"{kind}_spread": spreads[index]}
    return found


def _on_first(chosen: jax.Array, longest: int) -> jax.Array:
    """`[B, 1]` log-probs of the deciding token, then zeros: `[B, longest]`."""
    return jnp.pad(chosen, ((0, 0), (0, longest - 1)))
