"""Demonstrations of an expert that chooses at random: a policy over a few answers, scored by the expert's probabilities."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import preference
from algax.experiments.tasks.task import Task

ATTEMPTS = 16


def choices(
    model: Any, features: int = 16, answers: int = 12, reward_scale: float = 1.0, examples: int = 200, held_out: int = 512
) -> Task:
    """Imitation of an expert p(y | x) ∝ exp(r(x, y)), with linear rewards r and Gaussian inputs.

    Args:
        model: a Linen module, `[B, features]` to `[B, answers]` logits; its start is the reference.
        features: size of an input.
        answers: to every input.
        reward_scale: standard deviation of the rewards' coefficients.
        examples: demonstrations, one an input, all in every batch.
        held_out: inputs of the evaluation.

    Returns:
        a task of `preference.Terms` with labelled responses, and with metrics on held-out inputs, exact but for the draw of
        these: `pass_at_1` and `pass_at_16` (probability that one, or one of 16 samples is what the expert says), `reward` (a
        share of the expert's own) and `divergence` from the reference (nats).
    """

    def log_policy(params, inputs):
        return jax.nn.log_softmax(model.apply(params, inputs))

    def init(key):
        input_key, weight_key, answer_key, model_key = jax.random.split(key, 4)
        inputs = jax.random.normal(input_key, (examples + held_out, features))
        rewards = inputs @ (reward_scale * jax.random.normal(weight_key, (features, answers)))
        params = model.init(model_key, inputs[:1])
        chosen = jax.random.categorical(answer_key, rewards[:examples])
        return params, {"inputs": inputs, "rewards": rewards, "answers": chosen, "reference": params}

    def of(params, inputs):
        return jnp.take_along_axis(log_policy(params, inputs["features"]), inputs["answers"][:, None], axis=1)[:, 0]

    def batch(params, context, step, key):
        del params, step, key
        inputs = {"features": context["inputs"][:examples], "answers": context["answers"]}
        return preference.Terms(
            inputs=inputs,
            labels=jnp.ones(examples, bool),
            unpaired_mask=jnp.ones(examples, bool),
            ref_log_probs=of(context["reference"], inputs),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        inputs, rewards = context["inputs"][examples:], context["rewards"][examples:]
        log_probs, expert = log_policy(params, inputs), jax.nn.softmax(rewards)
        now = jnp.exp(log_probs)
        change = log_probs - log_policy(context["reference"], inputs)
        return {
            "pass_at_1": jnp.mean(jnp.sum(expert * now, axis=1)),
            "pass_at_16": jnp.mean(jnp.sum(expert * (1.0 - (1.0 - now) ** ATTEMPTS), axis=1)),
            "reward": jnp.mean(jnp.sum(now * rewards, axis=1)) / jnp.mean(jnp.sum(expert * rewards, axis=1)),
            "divergence": jnp.mean(jnp.sum(now * change, axis=1)),
        }

    return Task(init, batch, forward, evaluate)
