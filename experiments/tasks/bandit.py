"""One-token answers to a few prompts, some of them right: policy losses with exact probabilities to measure them by."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import policy
from algax.experiments.tasks.task import Task

COVERED = 0.02  # a right answer counts as one the policy still gives above this probability


def refresh_sampler(every: int) -> optax.GradientTransformation:
    """The last step of an arm's optimizer on `bandit`: a copy of the policy joins the samplers every so many updates.

    Args:
        every: updates between copies, the task's `epochs` so that every batch has a new sampler.

    Raises:
        ValueError: `every` is below 1.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1; got {every}")

    def update(updates, count, params):
        updated = optax.apply_updates(params["policy"], updates["policy"])
        due = (count + 1) % every == 0

        def change(new, old):
            queue = jnp.concatenate([old[1:], new[None]])
            return jnp.where(due, queue - old, 0.0)

        return {"policy": updates["policy"], "samplers": jax.tree.map(change, updated, params["samplers"])}, count + 1

    return optax.GradientTransformation(lambda params: jnp.zeros([], jnp.int32), update)


def measure(probabilities: jax.Array, right: jax.Array) -> dict[str, jax.Array]:
    """What a policy over answers is judged by, from `[prompts, answers]` probabilities and booleans."""
    log_probs = jnp.log(jnp.where(probabilities > 0, probabilities, 1.0))
    accuracy = jnp.sum(jnp.where(right, probabilities, 0.0), axis=-1)
    return {
        "accuracy": jnp.mean(accuracy),
        "worst_accuracy": jnp.min(accuracy),
        "entropy": jnp.mean(-jnp.sum(probabilities * log_probs, axis=-1)),
        "right_answers_kept": jnp.mean(jnp.sum(right & (probabilities > COVERED), axis=-1, dtype=jnp.float32)),
    }


def bandit(
    model: Any,
    prompts: int = 24,
    answers: int = 48,
    right_answers: int = 6,
    samples_per_prompt: int = 8,
    epochs: int = 4,
    delay: int = 0,
    spread: float = 1.5,
    lowest_reward: float = 0.0,
) -> Task:
    """A contextual bandit for policy losses: every prompt has the same number of right answers, drawn at random.

    The policy starts at random preferences, logits = model + spread * normal noise that a seed keeps. Samples come from the
    oldest of the samplers, a queue of copies of the policy that `refresh_sampler`, the last step of an arm's optimizer, moves
    on. Together they are the parameters, `{"policy": ..., "samplers": ...}`.

    Args:
        model: a Linen module, one-hot prompts `[B, prompts]` to logits `[B, answers]`; without a hidden layer a table.
        prompts: number of prompts, all of them in every batch.
        answers: number of answers to every prompt.
        right_answers: how many of them are right.
        samples_per_prompt: answers sampled to a prompt, one group.
        epochs: updates on the same samples.
        delay: how many batches before its use a batch was sampled.
        spread: standard deviation of the logits at the start.
        lowest_reward: of a wrong answer; a right one has 1.

    Returns:
        a task with the exact metrics `accuracy` (mean probability of a right answer), `worst_accuracy` (of the worst prompt),
        `entropy` (nats) and `right_answers_kept` (right answers of probability above 0.02, mean over prompts).
    """
    if not 1 <= right_answers <= answers:
        raise ValueError(f"right_answers must be from 1 to the {answers} answers; got {right_answers}")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1; got {epochs}")
    if delay < 0:
        raise ValueError(f"delay must be at least 0; got {delay}")
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)

    def logits(params, inputs):
        return model.apply(params, jax.nn.one_hot(inputs["prompts"], prompts)) + inputs["preferences"]

    def all_inputs(context):
        return {"prompts": jnp.arange(prompts), "preferences": context["preferences"]}

    def init(key):
        model_key, preference_key, right_key, sample_key = jax.random.split(key, 4)
        params = model.init(model_key, jnp.zeros([1, prompts]))
        preferences = spread * jax.random.normal(preference_key, (prompts, answers))
        ranks = jnp.argsort(jnp.argsort(jax.random.uniform(right_key, (prompts, answers)), axis=-1), axis=-1)
        context = {"preferences": preferences, "right": ranks < right_answers, "key": sample_key}
        reference = logits(params, {"prompts": jnp.arange(prompts), "preferences": preferences})
        samplers = jax.tree.map(lambda x: jnp.stack([x] * (delay + 1)), params)
        return {"policy": params, "samplers": samplers}, {**context, "reference": reference}

    def batch(params, context, step, key):
        del key  # the samples of all epochs are the same
        sample_key = jax.random.fold_in(context["key"], step // epochs)
        inputs = jax.tree.map(lambda x: x[groups], all_inputs(context))
        oldest = jax.tree.map(lambda x: x[0], params["samplers"])
        sampler = algax.Logits(logits(oldest, inputs)[:, None])
        tokens = jax.random.categorical(sample_key, sampler.logits)
        right = jnp.take_along_axis(context["right"][groups], tokens, axis=1)[:, 0]
        reference = algax.Logits(context["reference"][groups][:, None])
        return policy.Terms(
            inputs=inputs,
            tokens=tokens,
            mask=jnp.ones(tokens.shape, bool),
            rewards=jnp.where(right, 1.0, lowest_reward),
            correct=right,
            answer_ids=tokens[:, 0],
            group_ids=groups,
            old_log_probs=sampler.log_probs(tokens),
            behaviour_log_probs=sampler.log_probs(tokens),
            ref_log_probs=reference.log_probs(tokens),
            ref_distribution=reference,
            old_distribution=sampler,
        )

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(logits(params["policy"], terms.inputs)[:, None])
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del key
        return measure(jax.nn.softmax(logits(params["policy"], all_inputs(context))), context["right"])

    return Task(init, batch, forward, evaluate)
