"""Prompts that a model could answer if it went about them the right way, and prompts it has yet to learn."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import measure, policy
from algax.experiments.tasks.task import Task

FAMILIES = ("aligned", "unaligned")
ANSWERS = 8  # of each prompt, the first of which is right
# Probability of the right answer before training, by family and way: 0 guesses, 1 reasons.
CHANCES = ((0.05, 0.95), (0.01, 0.01))
SAMPLES, TRIES = 16, 8  # drawn for each prompt when the alignment is measured, and k of pass@k


def elicited(model: Any, prompts: int = 16, one_prompt: bool = False, samples_per_prompt: int = 8) -> Task:
    """Two tokens a response: a way, which all prompts of a family share, and an answer, a table of its own for every prompt.

    Both ways are as likely at first. In the aligned family reasoning is nearly always right, so that half of the responses are;
    in the other neither way is.

    Args:
        model: a Linen module, one-hot families and prompts `[B, 2 + 2 * prompts]` to 8 logits; a table that starts at 0.
        prompts: of each family.
        one_prompt: all groups of a family ask its first prompt.
        samples_per_prompt: responses a group; a batch has as many groups as there are prompts.

    Returns:
        a task with the exact metrics `aligned_accuracy` and `unaligned_accuracy`, and the sampled `aligned_pass_at_8` and
        `unaligned_pass_at_8`, see `measure.alignment`.

    Raises:
        ValueError: there is no prompt.
    """
    if prompts < 1:
        raise ValueError(f"prompts must be at least 1; got {prompts}")
    chances = jnp.array(CHANCES)[..., None]
    known = jnp.where(jnp.arange(ANSWERS)[None, None] == 0, jnp.log(chances), jnp.log((1 - chances) / (ANSWERS - 1)))
    groups = jnp.repeat(jnp.arange(2 * prompts), samples_per_prompt)
    asked = groups // prompts * prompts if one_prompt else groups

    def tables(params):
        """Log-probs of the ways `[2, 2]` by family, and of the answers `[2 prompts, 2, 8]` by prompt and way."""
        logits = model.apply(params, jnp.eye(2 + 2 * prompts))
        answers = known[jnp.arange(2 * prompts) // prompts] + logits[2:, None]
        return jax.nn.log_softmax(logits[:2, :2]), jax.nn.log_softmax(answers)

    def of(params, asked, tokens):
        ways, answers = tables(params)
        return jnp.stack([ways[asked // prompts, tokens[:, 0]], answers[asked, tokens[:, 0], tokens[:, 1]]], axis=1)

    def respond(params, asked, key):
        way_key, answer_key = jax.random.split(key)
        ways, answers = tables(params)
        way = jax.random.categorical(way_key, ways[asked // prompts])
        return jnp.stack([way, jax.random.categorical(answer_key, answers[asked, way])], axis=1)

    def init(key):
        return jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, 2 + 2 * prompts]))), {}

    def batch(params, context, step, key):
        del context, step
        tokens = respond(params, asked, key)
        right = tokens[:, 1] == 0
        return policy.Terms(
            inputs=asked,
            tokens=tokens,
            mask=jnp.ones(tokens.shape, bool),
            rewards=jnp.where(right, 1.0, 0.0),
            correct=right,
            group_ids=groups,
            old_log_probs=of(params, asked, tokens),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, terms.inputs, terms.tokens))

    def evaluate(params, context, key):
        del context
        ways, answers = tables(params)
        family = jnp.arange(2 * prompts) // prompts
        right = jnp.sum(jnp.exp(ways[family] + answers[:, :, 0]), axis=1).reshape(2, prompts)
        drawn = respond(params, jnp.repeat(jnp.arange(2 * prompts), SAMPLES), key)[:, 1]
        counts = jnp.sum((drawn == 0).reshape(2, prompts, SAMPLES), axis=2, dtype=jnp.int32)
        found = {}
        for index, name in enumerate(FAMILIES):
            found[f"{name}_accuracy"] = jnp.mean(right[index])
            found[f"{name}_pass_at_{TRIES}"] = measure.alignment(SAMPLES, counts[index], TRIES)
        return found

    return Task(init, batch, forward, evaluate)
