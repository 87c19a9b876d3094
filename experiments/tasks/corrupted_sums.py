"""Long additions worked digit by digit, with wrong steps in most of the worked examples."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import curriculum, supervised
from algax.experiments.tasks.task import Task

STEPS, DIGITS = 10, 10  # digits of a number, and values of a digit
OUTCOMES = 2 * DIGITS  # a digit of the sum and the carry, the step's answer
HELD_OUT = 512


def corrupted_sums(
    model: Any, step_rate: float = 0.1, outcome_rate: float = 0.9, parts: bool = False, examples: int = 100
) -> Task:
    """A step adds two digits and a carry; a problem is ten steps, and solved if all of them are right.

    Args:
        model: a Linen module, two digits and the carry one-hot `[B, 22]` to logits `[B, 20]` of digit and carry.
        step_rate: share of wrong steps in a wrong solution, see `curriculum.corrupt_steps`.
        outcome_rate: share of wrong solutions.
        parts: add the steps of the problems as problems of their own, rightly solved, in place of the problems once more.
        examples: worked problems, all in every batch, twice.

    Returns:
        a task with the metrics `accuracy` (share of held-out problems whose steps are all right) and `step_accuracy`.
    """

    def drawn(key, count):
        """Steps `[count, 10, 22]` and their right answers `[count, 10]`."""
        digits = jax.random.randint(key, (count, STEPS, 2), 0, DIGITS)
        carry, carries, totals = jnp.zeros([count], jnp.int32), [], []
        for step in range(STEPS):
            carries.append(carry)
            totals.append(digits[:, step, 0] + digits[:, step, 1] + carry)
            carry = totals[-1] // DIGITS
        pairs = jax.nn.one_hot(digits, DIGITS).reshape(count, STEPS, -1)
        return jnp.concatenate([pairs, jax.nn.one_hot(jnp.stack(carries, axis=1), 2)], axis=-1), jnp.stack(totals, axis=1)

    def init(key):
        train_key, test_key, model_key, noise_key = jax.random.split(key, 4)
        train, test = drawn(train_key, examples), drawn(test_key, HELD_OUT)
        return model.init(model_key, train[0][0]), {"train": train, "test": test, "key": noise_key}

    def batch(params, context, step, key):
        del params, step, key
        steps, right = context["train"]
        choice_key, shift_key = jax.random.split(context["key"])
        wrong = curriculum.corrupt_steps(
            choice_key, jnp.ones(right.shape, bool), outcome_rate=outcome_rate, step_rate=step_rate
        )
        shifts = jax.random.randint(shift_key, right.shape, 1, OUTCOMES)
        labels = jnp.where(wrong, (right + shifts) % OUTCOMES, right)
        labels = jnp.concatenate([labels, right if parts else labels])
        inputs = jnp.concatenate([steps, steps]).reshape(-1, steps.shape[-1])
        return supervised.Terms(inputs=inputs, labels=labels.ravel(), mask=jnp.ones(len(inputs), bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        steps, right = context["test"]
        found = jnp.argmax(model.apply(params, steps), axis=-1) == right  # the carries are right as long as all steps are
        return {
            "accuracy": jnp.mean(jnp.all(found, axis=1), dtype=jnp.float32),
            "step_accuracy": jnp.mean(found, dtype=jnp.float32),
        }

    return Task(init, batch, forward, evaluate)
