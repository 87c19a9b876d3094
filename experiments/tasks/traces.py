"""Reasoning traces of a teacher, right and wrong ones: what a table learns from both."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import preference
from algax.experiments.tasks.task import Task

SPREAD = 2.0  # standard deviation of the logits at first
WARM_STEPS, WARM_RATE = 10, 0.1  # of supervised training before, at every position


def traces(model: Any, prompts: int = 200, length: int = 5, tokens: int = 6, shared: bool = False) -> Task:
    """A right and a wrong trace for every prompt, and a policy that has seen ten supervised steps on the right ones.

    Right traces are drawn at random. Wrong ones are samples of the first policy, which knows the position only: of all
    tokens but the right one at every position, or, with `shared`, at one position while the other tokens are right.

    Args:
        model: none; the parameters are logits `[prompts, length, tokens]`.
        prompts: all of them in every batch.
        length: of every trace.
        tokens: to choose from, at least 2.
        shared: whether wrong traces share all tokens but one with the right ones.

    Returns:
        a task of `preference.Terms` with the exact metrics `accuracy` and `wrong` (mean probability of the right and of the
        wholly wrong traces).
    """
    del model
    if tokens < 2:
        raise ValueError(f"tokens must be at least 2; got {tokens}")

    def log_probs(params, written):
        return jnp.sum(jnp.take_along_axis(jax.nn.log_softmax(params), written[..., None], axis=-1)[..., 0], axis=1)

    def init(key):
        logit_key, right_key, wrong_key, place_key = jax.random.split(key, 4)
        logits = SPREAD * jax.random.normal(logit_key, (prompts, length, tokens))
        right = jax.random.randint(right_key, (prompts, length), 0, tokens)
        target = jax.nn.one_hot(right, tokens)
        wrong = jax.random.categorical(wrong_key, jnp.where(target == 1, -jnp.inf, logits))
        place = jax.random.randint(place_key, (prompts,), 0, length)
        slip = jnp.where(jnp.arange(length)[None] == place[:, None], wrong, right)
        for _ in range(WARM_STEPS):
            logits = logits + WARM_RATE * (target - jax.nn.softmax(logits))
        return logits, {"right": right, "wrong": wrong, "slip": slip}

    def batch(params, context, step, key):
        del params, step, key
        lengths = jnp.full([prompts], length, jnp.float32)
        return preference.Terms(
            inputs={"chosen": context["right"], "rejected": context["slip" if shared else "wrong"]},
            mask=jnp.ones(prompts, bool),
            chosen_lengths=lengths,
            rejected_lengths=lengths,
        )

    def forward(params, terms, key):
        del key
        return terms.replace(
            chosen_log_probs=log_probs(params, terms.inputs["chosen"]),
            rejected_log_probs=log_probs(params, terms.inputs["rejected"]),
        )

    def evaluate(params, context, key):
        del key
        return {
            "accuracy": jnp.mean(jnp.exp(log_probs(params, context["right"]))),
            "wrong": jnp.mean(jnp.exp(log_probs(params, context["wrong"]))),
        }

    return Task(init, batch, forward, evaluate)
