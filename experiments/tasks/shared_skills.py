"""Prompts that share skills: what practice on one of them does for those that it never sees."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import curriculum, policy
from algax.experiments.tasks.task import Task

# Log-odds of using a skill rightly at the start: two mastered, four to be learnt, two out of reach.
START = (6.0, 6.0, -1.0, -1.0, -1.0, -1.0, -14.0, -14.0)
NEEDED = 3  # skills a prompt needs
POOL, HELD_OUT = 32, 32
EPOCHS, EPOCH, RATE = 12, 10, 4.0  # of the earlier run: how often its accuracies are noted, after how many steps, at which rate
CHOICES = ("pool", "most_varied", "least_varied")


def shared_skills(model: Any, prompts: str = "pool", batch_size: int = 32, samples_per_prompt: int = 8) -> Task:
    """A response has a token for each skill that its prompt needs, and is right if all of them are.

    A run on all prompts of the pool comes first, at the start of a seed; the prompt that is practised is chosen by how much its
    accuracy varied there, see `curriculum.rank_by_variance`.

    Args:
        model: a Linen module, one-hot skills `[B, 8]` to 2 logits; a table that starts at 0.
        prompts: what is practised: "pool" is all 32 prompts, "most_varied" the first of the ranking, "least_varied" the last.
        batch_size: groups a batch, copies of one prompt or all of the pool.
        samples_per_prompt: responses a group.

    Returns:
        a task with the exact metrics `held_out` (accuracy on 32 prompts that are never practised) and `gain`, the share of its
        possible gain that was made: 0 at the start, 1 where all skills within reach are learnt.

    Raises:
        ValueError: an unknown choice of prompts.
    """
    if prompts not in CHOICES:
        raise ValueError(f"prompts must be one of {', '.join(CHOICES)}; got {prompts!r}")
    skills = len(START)
    start = jnp.array(START)

    def log_probs(params):
        """Of using each skill wrongly and rightly, `[8, 2]`."""
        return jax.nn.log_softmax(model.apply(params, jnp.eye(skills)) + jnp.stack([jnp.zeros(skills), start], axis=1))

    def accuracy(right, needs):
        """`[N]`, from the skills' log-probs `[8]`."""
        return jnp.exp(jnp.sum(jnp.where(needs, right[None], 0.0), axis=1))

    def earlier_run(needs):
        """Accuracies of the pool's prompts, `[N, E]`, in an exact policy gradient on all of them."""

        def mean(odds):
            return jnp.mean(accuracy(jax.nn.log_sigmoid(odds), needs))

        def epoch(odds, _):
            odds = jax.lax.fori_loop(0, EPOCH, lambda _, odds: odds + RATE * jax.grad(mean)(odds), odds)
            return odds, accuracy(jax.nn.log_sigmoid(odds), needs)

        return jax.lax.scan(epoch, start, None, length=EPOCHS)[1].T

    def init(key):
        draw = jax.vmap(lambda key: jax.random.permutation(key, skills) < NEEDED)
        needs = draw(jax.random.split(key, POOL + HELD_OUT))
        order = curriculum.rank_by_variance(earlier_run(needs[:POOL])).order
        params = jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, skills])))
        return params, {"needs": needs[:POOL], "held_out": needs[POOL:], "order": order}

    def batch(params, context, step, key):
        del step
        order = context["order"] if prompts != "least_varied" else context["order"][::-1]
        chosen = curriculum.repeat_prompts(order if prompts == "pool" else order[:1], batch_size)
        groups = jnp.repeat(jnp.arange(batch_size), samples_per_prompt)
        needs = context["needs"][chosen[groups]]
        tokens = jax.random.categorical(key, log_probs(params), shape=(len(groups), skills))
        correct = jnp.all((tokens == 1) | ~needs, axis=1)
        return policy.Terms(
            inputs=groups,
            tokens=tokens,
            mask=needs,
            rewards=correct.astype(jnp.float32),
            group_ids=groups,
            old_log_probs=of(params, tokens),
        )

    def of(params, tokens):
        return jnp.take_along_axis(log_probs(params)[None], tokens[..., None], axis=2)[..., 0]

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, terms.tokens))

    def evaluate(params, context, key):
        del key
        needs = context["held_out"]
        now = jnp.mean(accuracy(log_probs(params)[:, 1], needs))
        first = jnp.mean(accuracy(jax.nn.log_sigmoid(start), needs))
        best = jnp.mean(accuracy(jax.nn.log_sigmoid(jnp.where(start < -10, start, 6.0)), needs))
        return {"held_out": now, "gain": (now - first) / (best - first)}

    return Task(init, batch, forward, evaluate)
