"""Digits that weaker models have tried several times: training on those they get right only now and then."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import curriculum, supervised
from algax.experiments.resolve import nearest
from algax.experiments.tasks.digits import TRAIN, accuracy_and_loss
from algax.experiments.tasks.graded_digits import blurred
from algax.experiments.tasks.task import Task

KINDS = ("varied", "random", "easiest")
JUDGES, RATE = (30, 100, 300), 0.5  # gradient steps of the three weaker models
EXAMPLES = 200  # digits that these have learnt from, which are not in the pool
ATTEMPTS = 4  # of each of them


def attempted_digits(model: Any, train: str = "varied", noise: float = 0.25, batch_size: int = 32) -> Task:
    """Half of a pool of 1100 noisy digits, chosen by twelve attempts of three linear models.

    Args:
        model: a Linen module, `[B, 64]` pixels to `[B, 10]` logits.
        train: "varied" takes the digits with the largest `curriculum.coefficient_of_variation` of those that were solved at
            least once, "easiest" those with the largest `curriculum.pass_rates`, "random" any.
        noise: largest standard deviation of the noise on a digit, above 0.
        batch_size: digits a step, drawn with replacement.

    Returns:
        a task with the metrics `accuracy` and `loss` (test).
    """
    if train not in KINDS:
        raise ValueError(f"unknown train {train!r}: {nearest(train, KINDS)}")
    pool = slice(EXAMPLES, TRAIN)
    half = (TRAIN - EXAMPLES) // 2

    def weaker(pixels, labels):
        """The logits of the three models on the pool, `[3, pool, 10]`."""
        inputs, targets = pixels[:EXAMPLES], jax.nn.one_hot(labels[:EXAMPLES], 10)

        def step(weights, _):
            weights = weights + RATE * inputs.T @ (targets - jax.nn.softmax(inputs @ weights)) / EXAMPLES
            return weights, weights

        weights = jax.lax.scan(step, jnp.zeros([64, 10]), None, max(JUDGES))[1]
        return jnp.stack([pixels[pool] @ weights[steps - 1] for steps in JUDGES])

    def init(key):
        data_key, attempt_key, random_key, model_key = jax.random.split(key, 4)
        pixels, labels, _ = blurred(data_key, noise)
        answers = jax.random.categorical(attempt_key, weaker(pixels, labels)[None], shape=(ATTEMPTS, 3, TRAIN - EXAMPLES))
        scores = (answers == labels[pool][None, None]).reshape(-1, TRAIN - EXAMPLES).T.astype(jnp.float32)
        rates, variation = curriculum.pass_rates(scores), curriculum.coefficient_of_variation(scores)
        ranks = {"varied": jnp.where(rates > 0, variation, -1.0), "easiest": rates}
        ranks["random"] = jax.random.uniform(random_key, rates.shape)
        rows = {name: EXAMPLES + jnp.argsort(-rank)[:half] for name, rank in ranks.items()}
        return model.init(model_key, pixels[:1]), {"pixels": pixels, "labels": labels, "rows": rows}

    def batch(params, context, step, key):
        del params, step
        rows = context["rows"][train][jax.random.randint(key, (batch_size,), 0, half)]
        pixels, labels = context["pixels"][rows], context["labels"][rows]
        return supervised.Terms(inputs=pixels, labels=labels, mask=jnp.ones(batch_size, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        accuracy, loss = accuracy_and_loss(model.apply(params, context["pixels"][TRAIN:]), context["labels"][TRAIN:])
        return {"accuracy": accuracy, "loss": loss}

    return Task(init, batch, forward, evaluate)
