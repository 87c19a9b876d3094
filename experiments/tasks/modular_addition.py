"""Addition modulo a prime, learnt from half of the table: the small problem on which networks grok."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.tasks.digits import accuracy_and_loss
from algax.experiments.tasks.task import Task


def table(modulus: int) -> tuple[jax.Array, jax.Array]:
    """All pairs as two one-hot vectors, `[modulus**2, 2 * modulus]`, and their sums, `[modulus**2]`."""
    left, right = jnp.divmod(jnp.arange(modulus**2), modulus)
    inputs = jnp.concatenate([jax.nn.one_hot(left, modulus), jax.nn.one_hot(right, modulus)], -1)
    return inputs, (left + right) % modulus


def modular_addition(model: Any, modulus: int = 31, train_fraction: float = 0.5) -> Task:
    """The modular addition task, trained on its whole training part at every step.

    Args:
        model: a Linen module, `[B, 2 * modulus]` inputs to `[B, modulus]` logits.
        modulus: at least 2.
        train_fraction: part of the table used for training, between 0 and 1; the rest is the test.

    Returns:
        a task with the metrics `accuracy` and `loss` (test), `train_accuracy`, and `collapsed`, the fraction of
        training examples whose float32 loss is exactly 0.
    """
    if modulus < 2:
        raise ValueError(f"modulus must be at least 2; got {modulus}")
    if not 0 < train_fraction < 1:
        raise ValueError(f"train_fraction must lie between 0 and 1; got {train_fraction}")
    inputs, labels = table(modulus)
    train_count = int(modulus**2 * train_fraction)

    def init(key):
        split_key, model_key = jax.random.split(key)
        order = jax.random.permutation(split_key, modulus**2)
        context = {"train": order[:train_count], "test": order[train_count:]}
        return model.init(model_key, inputs[:1]), context

    def batch(params, context, step, key):
        del params, step, key
        train = context["train"]
        return supervised.Terms(inputs=inputs[train], labels=labels[train], mask=jnp.ones(train_count, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        test, train = context["test"], context["train"]
        accuracy, loss = accuracy_and_loss(model.apply(params, inputs[test]), labels[test])
        logits = model.apply(params, inputs[train])
        train_accuracy, _ = accuracy_and_loss(logits, labels[train])
        label_logits = jnp.take_along_axis(logits, labels[train][:, None], -1)[:, 0]
        losses = jax.nn.logsumexp(logits, -1) - label_logits
        collapsed = jnp.mean(losses <= 0, dtype=jnp.float32)
        return {"accuracy": accuracy, "loss": loss, "train_accuracy": train_accuracy, "collapsed": collapsed}

    return Task(init, batch, forward, evaluate)
