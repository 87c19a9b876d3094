"""Trajectories of several actions, each with a format, a type and an argument, from short tasks to long ones."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import policy
from algax.core.kinds import Curriculum
from algax.experiments.tasks.task import Task

LENGTHS = (2, 4, 6, 8, 10, 12)  # actions of the tasks; a longer one begins like the shorter ones
PARTS = (2, 3, 2)  # choices of format, type and argument


def navigation(
    model: Any, curriculum: Curriculum | None = None, tasks_per_batch: int = 32, samples_per_prompt: int = 8
) -> Task:
    """A trajectory is right if all of its actions are; its reward parts are the shares of right formats, types and arguments.

    An argument counts where its action's type is right. A task's n actions need the first n of 12 skills, each a table of its
    own, so that what short tasks teach helps in long ones.

    Args:
        model: a Linen module, one-hot skills `[B, 12]` to the logits of format, type and argument `[B, 7]`; a table that
            starts at 0.
        curriculum: over the six lengths, such as `curriculum.difficulty_stages`; None draws all alike.
        tasks_per_batch: groups a batch.
        samples_per_prompt: trajectories a group.

    Returns:
        a task with the exact metrics `success` (of all lengths), `long_success` (of 12 actions) and `type_accuracy` (mean over
        the 12 skills).
    """
    skills, edges = max(LENGTHS), (0, PARTS[0], sum(PARTS[:2]), sum(PARTS))
    sizes = jnp.array(LENGTHS)
    groups = jnp.repeat(jnp.arange(tasks_per_batch), samples_per_prompt)

    def log_probs(params):
        """Of the choices of each part, for every skill: three of `[12, n]`."""
        logits = model.apply(params, jnp.eye(skills))
        return [jax.nn.log_softmax(logits[:, low:high]) for low, high in zip(edges, edges[1:], strict=False)]

    def of(params, choices):
        """The log-probs of actions, `[B, 12]`, whose parts are `[3, B, 12]`."""
        return sum(
            jnp.take_along_axis(table[None], chosen[..., None], axis=2)[..., 0]
            for table, chosen in zip(log_probs(params), choices, strict=True)
        )

    def init(key):
        params = jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, skills])))
        right = [jax.random.randint(jax.random.fold_in(key, i), (skills,), 0, size) for i, size in enumerate(PARTS)]
        return params, {"right": jnp.stack(right)}

    def batch(params, context, step, key):
        del step
        length_key, *keys = jax.random.split(key, 4)
        weights = jnp.full(len(LENGTHS), 1 / len(LENGTHS))
        if curriculum is not None:
            weights = curriculum.weights(context["memory"])
        chosen = jax.random.choice(length_key, len(LENGTHS), (tasks_per_batch,), p=weights)[groups]
        mask = jnp.arange(skills)[None] < sizes[chosen][:, None]
        choices = jnp.stack(
            [
                jax.random.categorical(part_key, table, shape=(len(groups), skills))
                for part_key, table in zip(keys, log_probs(params), strict=True)
            ]
        )
        right = choices == context["right"][:, None]
        right = right.at[2].set(right[2] & right[1])
        share = jnp.sum(right & mask[None], axis=2, dtype=jnp.float32) / sizes[chosen].astype(jnp.float32)[None]
        return policy.Terms(
            inputs=jnp.moveaxis(choices, 0, 1),
            mask=mask,
            rewards=jnp.all(share == 1, axis=0).astype(jnp.float32),
            reward_parts=share.T,
            group_ids=groups,
            old_log_probs=of(params, choices),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, jnp.moveaxis(terms.inputs, 1, 0)))

    def evaluate(params, context, key):
        del key
        found = [
            jnp.take_along_axis(table, right[:, None], axis=1)[:, 0]
            for table, right in zip(log_probs(params), context["right"], strict=True)
        ]
        success = jnp.exp(jnp.cumsum(sum(found)))[sizes - 1]
        return {"success": jnp.mean(success), "long_success": success[-1], "type_accuracy": jnp.mean(jnp.exp(found[1]))}

    if curriculum is None:
        return Task(init, batch, forward, evaluate)
    return Task(
        init, batch, forward, evaluate, lambda context: curriculum.init(),
        lambda context, terms: curriculum.update(context["memory"], None),
    )  # fmt: skip
