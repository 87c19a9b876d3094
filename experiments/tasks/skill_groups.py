"""Supervised data in which some skills are rare, and a student that has seen enough of the common ones."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax import curriculum, policy
from algax.experiments.tasks.task import Task

SKILLS, SIZE = 8, 12  # skills, and features of each
POOL = 32768
RAREST = 0.002  # share of the rarest skill; the shares form a geometric series
VALIDATION, TESTED = 32, 128  # questions a skill


def skill_groups(model: Any, targeted: bool = False, warm_steps: int = 400, batch_size: int = 32) -> Task:
    """Two-way questions, each of one skill: the sign of a random direction in that skill's features.

    The student has been trained on examples drawn alike from the pool, then goes on with as many more: drawn alike again, or by
    the skills that it lacks on validation questions, see `curriculum.skills`, counted once, before the first of these steps.

    Args:
        model: a Linen module, features `[B, 96]` to 2 logits.
        targeted: True draws examples by the missing skills.
        warm_steps: steps before, with the plain gradient at a rate of 1.
        batch_size: examples a step.

    Returns:
        a task with the metrics `accuracy` (on new questions, all skills alike), `weak_accuracy` (of the three skills that were
        weakest at the start) and `strong_accuracy` (of the other five).
    """
    shares = RAREST ** (np.arange(SKILLS) / (SKILLS - 1))
    sizes = np.floor(POOL * shares / shares.sum()).astype(int)
    sizes[0] += POOL - sizes.sum()
    skill_of = np.repeat(np.arange(SKILLS), sizes)
    drawing = curriculum.skills(skill_of[:, None] == np.arange(SKILLS)[None])

    def questions(key, directions, skill):
        features = jax.random.normal(key, (len(skill), SIZE))
        labels = (jnp.sum(features * directions[skill], axis=1) > 0).astype(jnp.int32)
        return {"features": features, "skills": skill, "labels": labels}

    def logits(params, data):
        """Of questions whose features stand in the block of their skill."""
        blocks = jax.nn.one_hot(data["skills"], SKILLS)[:, :, None] * data["features"][:, None]
        return model.apply(params, blocks.reshape(len(blocks), -1))

    def log_probs(params, data):
        scores = jax.nn.log_softmax(logits(params, data))
        return jnp.take_along_axis(scores, data["labels"][:, None], axis=1)

    def accuracies(params, data):
        """Of each skill, `[8]`, on as many questions of each."""
        return jnp.mean((log_probs(params, data) > jnp.log(0.5)).reshape(SKILLS, -1), axis=1, dtype=jnp.float32)

    def warm(params, pool, key):
        def loss(params, chosen):
            return -jnp.mean(log_probs(params, jax.tree.map(lambda x: x[chosen], pool)))

        def step(params, key):
            chosen = jax.random.randint(key, (batch_size,), 0, POOL)
            return jax.tree.map(lambda p, g: p - g, params, jax.grad(loss)(params, chosen)), None

        return jax.lax.scan(step, params, jax.random.split(key, warm_steps))[0]

    def init(key):
        keys = jax.random.split(key, 6)
        directions = jax.random.normal(keys[0], (SKILLS, SIZE))
        pool = questions(keys[1], directions, jnp.asarray(skill_of))
        validation, test = (
            questions(key, directions, jnp.repeat(jnp.arange(SKILLS), count))
            for key, count in ((keys[2], VALIDATION), (keys[3], TESTED))
        )
        params = warm(model.init(keys[4], jnp.zeros([1, SKILLS * SIZE])), pool, keys[5])
        weak = jnp.argsort(jnp.argsort(accuracies(params, test))) < 3
        return params, {"pool": pool, "validation": validation, "test": test, "weak": weak}

    def profile(params, validation):
        """How often each skill is lacking on the validation questions, `[8]`."""
        scores = jnp.exp(log_probs(params, validation))
        difficult = curriculum.difficult_questions(scores, jnp.ones(len(scores), jnp.int32), least_score=0.5)
        return curriculum.skill_profile(difficult, jnp.repeat(jnp.eye(SKILLS, dtype=bool), VALIDATION, axis=0))

    def batch(params, context, step, key):
        if targeted:
            counts = context["memory"]
            counts = jnp.where(step == 0, profile(params, context["validation"]), counts)
            chosen = jax.random.choice(key, POOL, (batch_size,), p=drawing.weights(counts))
        else:
            counts = jnp.zeros(SKILLS)
            chosen = jax.random.randint(key, (batch_size,), 0, POOL)
        data = jax.tree.map(lambda x: x[chosen], context["pool"])
        lacking = jnp.broadcast_to(counts, (batch_size, SKILLS))
        return policy.Terms(
            inputs={**data, "lacking": lacking},
            tokens=data["labels"][:, None],
            mask=jnp.ones([batch_size, 1], bool),
        )

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(logits(params, terms.inputs)[:, None])
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del key
        found = accuracies(params, context["test"])
        return {
            "accuracy": jnp.mean(found),
            "weak_accuracy": jnp.mean(found, where=context["weak"]),
            "strong_accuracy": jnp.mean(found, where=~context["weak"]),
        }

    def remember(context, terms):
        """The counts of the first step, for good."""
        counts = context["memory"]
        new = curriculum.SkillFeedback(terms.inputs["lacking"][0], jnp.broadcast_to(jnp.all(counts == 0), counts.shape))
        return drawing.update(counts, new)

    if not targeted:
        return Task(init, batch, forward, evaluate)
    return Task(init, batch, forward, evaluate, lambda context: drawing.init(), remember)
