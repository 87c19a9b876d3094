"""A network built block by block on scikit-learn's breast cancer data, against one trained at once."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from sklearn import datasets

from algax import supervised
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

TRAIN, BLOCKS, UNITS = 400, 30, 2


def boosted_network(model: Any, method: str = "boosted") -> Task:
    """Sixty logistic units, of which a half is taken away again.

    Args:
        model: not used.
        method: "boosted" makes 30 blocks of two units with `supervised.boost`, "joint" trains all units with L-BFGS.

    Returns:
        a task with the metrics `accuracy` of the whole network on test examples, and `half_accuracy` of the first 15 blocks, or
        of a random half of the units where all were trained at once.
    """
    del model
    inputs, labels = datasets.load_breast_cancer(return_X_y=True)
    inputs, labels = (jnp.asarray(x, jnp.float32) for x in (inputs, labels))
    held = len(labels) - TRAIN

    def draw(key):
        order = jax.random.permutation(key, len(labels))
        train = inputs[order[:TRAIN]]
        standardised = (inputs[order] - jnp.mean(train, 0, keepdims=True)) / jnp.std(train, 0, keepdims=True)
        return {"inputs": standardised, "signs": 2.0 * labels[order] - 1.0}

    def boosted(context, key):
        x, y, test = context["inputs"][:TRAIN], context["signs"][:TRAIN, None], context["inputs"][TRAIN:]
        loss = supervised.log_exponential_boosting()
        options = {"blocks": BLOCKS, "units": UNITS, "shrinkage": 0.5, "subsample": 0.5, "iterations": 100}
        network = supervised.boost(key, x, y, loss, **options)
        parts = (network, supervised.truncate(network, BLOCKS // 2))
        return jnp.concatenate([supervised.merge_blocks(part)(test)[:, 0] for part in parts])

    def joint(context, key):
        x, y, test = context["inputs"][:TRAIN], context["signs"][:TRAIN, None], context["inputs"][TRAIN:]
        units, (first, second, third) = BLOCKS * UNITS, jax.random.split(key, 3)
        network = supervised.SigmoidNetwork(
            jax.random.normal(first, (x.shape[1], units)) / jnp.sqrt(x.shape[1]),
            jnp.zeros(units),
            jax.random.normal(second, (units, 1)) / jnp.sqrt(1.0 * units),
            jnp.zeros(1),
        )

        def loss(network):
            return jnp.mean(jnp.logaddexp(0.0, -2.0 * y * network(x)))

        solver = optax.lbfgs()
        value_and_grad = optax.value_and_grad_from_state(loss)

        def step(carry, _):
            network, state = carry
            value, slope = value_and_grad(network, state=state)
            change, state = solver.update(slope, state, network, value=value, grad=slope, value_fn=loss)
            return (optax.apply_updates(network, change), state), None

        (network, _), _ = jax.lax.scan(step, (network, solver.init(network)), None, length=200)
        kept = jax.random.permutation(third, units) < units // 2
        half = network._replace(output_kernel=jnp.where(kept[:, None], network.output_kernel, 0.0))
        return jnp.concatenate([part(test)[:, 0] for part in (network, half)])

    def judge(answer, context):
        hits = (answer.reshape(2, held) > 0) == (context["signs"][None, TRAIN:] > 0)
        whole, half = jnp.mean(hits, axis=1, dtype=jnp.float32)
        return {"accuracy": whole, "half_accuracy": half}

    return answers(draw, 2 * held, {"boosted": boosted, "joint": joint}, method, judge)
