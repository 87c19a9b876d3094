"""Running sums with a wrong first step: whether a chain of thought goes on from the question or from what was written."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task

DIGITS, OPERANDS = 5, 4  # values of a digit, operands of a sum modulo it
SUMS = OPERANDS - 1
MASK = DIGITS
EXAMPLES, HELD_OUT = 2000, 512
READ = OPERANDS + SUMS - 1  # tokens before the last sum
WIDTH = SUMS * READ * (DIGITS + 1)


def masked_sums(model: Any, rate: float = 0.0, replace_rate: float = 1.0, steps: int = 1000, batch_size: int = 64) -> Task:
    """Four digits, then the sums of the first two, three and four of them modulo 5, which are learnt.

    Args:
        model: a Linen module, the tokens before a sum one-hot in the block of its place, `[..., 108]`, to logits `[..., 5]`.
        rate: share of the written sums hidden at last, in [0, 1], see `pretrain.masked_thought` and `pretrain.mask_rate`.
        replace_rate: share of these that are random digits in place of the mask.
        steps: of the whole run.
        batch_size: examples a step, of 2000, drawn with replacement.

    Returns:
        a task with the metrics `accuracy` (of the last sum, all of them written greedily) and `accuracy_after_slip` (the same
        after a wrong first sum), on 512 questions.
    """
    hide = pretrain.masked_thought(
        pretrain.mask_rate(rate, steps), mask_token=MASK, vocabulary_size=DIGITS, replace_rate=replace_rate
    )
    seen = jnp.arange(READ)[None] < OPERANDS + jnp.arange(SUMS)[:, None]

    def worked(questions):
        return (jnp.cumsum(questions, axis=1) % DIGITS)[:, 1:]

    def logits(params, tokens):
        """Of the sums `[B, 3, 5]`, from the tokens before the last `[B, 6]`."""
        one_hot = jnp.where(seen[None, ..., None], jax.nn.one_hot(tokens, DIGITS + 1)[:, None], 0.0)
        blocks = jnp.eye(SUMS)[None, :, :, None] * one_hot.reshape(len(tokens), SUMS, 1, -1)
        return model.apply(params, blocks.reshape(len(tokens), SUMS, -1))

    def init(key):
        train_key, test_key, slip_key, model_key = jax.random.split(key, 4)
        draw = lambda key, count: jax.random.randint(key, (count, OPERANDS), 0, DIGITS)  # noqa: E731
        test, slips = draw(test_key, HELD_OUT), jax.random.randint(slip_key, (HELD_OUT,), 1, DIGITS)
        return model.init(model_key, jnp.zeros([1, WIDTH])), {"train": draw(train_key, EXAMPLES), "test": test, "slips": slips}

    def batch(params, context, step, key):
        del params
        row_key, hide_key = jax.random.split(key)
        questions = context["train"][jax.random.randint(row_key, (batch_size,), 0, EXAMPLES)]
        tokens = jnp.concatenate([questions, worked(questions)], axis=1)
        learned = jnp.broadcast_to((jnp.arange(tokens.shape[1]) >= OPERANDS)[None], tokens.shape)
        text = pretrain.token_batch(tokens, learned=learned)._replace(step=step)
        return pretrain.causal_terms(hide(hide_key, text))

    def forward(params, terms, key):
        del key
        sums = logits(params, terms.inputs)
        distribution = algax.Logits(jnp.pad(sums, ((0, 0), (OPERANDS - 1, 0), (0, 0))))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def write(params, questions, first):
        """The last sum, greedily from the first one on."""
        tokens = jnp.pad(questions, ((0, 0), (0, SUMS - 1)), constant_values=MASK).at[:, OPERANDS].set(first)
        for place in range(1, SUMS):
            following = jnp.argmax(logits(params, tokens)[:, place], axis=-1).astype(tokens.dtype)
            if place < SUMS - 1:
                tokens = tokens.at[:, OPERANDS + place].set(following)
        return following

    def evaluate(params, context, key):
        del key
        questions, right = context["test"], worked(context["test"])
        padded = jnp.pad(questions, ((0, 0), (0, SUMS - 1)), constant_values=MASK)
        first = jnp.argmax(logits(params, padded)[:, 0], axis=-1).astype(questions.dtype)
        slipped = (right[:, 0] + context["slips"]) % DIGITS
        of = lambda first: jnp.mean(write(params, questions, first) == right[:, -1], dtype=jnp.float32)  # noqa: E731
        return {"accuracy": of(first), "accuracy_after_slip": of(slipped)}

    return Task(init, batch, forward, evaluate)
