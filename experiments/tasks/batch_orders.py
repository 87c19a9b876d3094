"""What another order of the same batches would have cost, estimated from one run and known by retraining."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from algax import measure
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.digits import accuracy_and_loss, load
from algax.experiments.tasks.task import Task

STEPS, ORDERS, BATCH, HELD_OUT = 20, 30, 32, 512


def batch_orders(model: Any, method: str = "carried", learning_rate: float = 1e-3) -> Task:
    """The held-out losses of 30 orders of 20 batches of digits under Adam.

    Args:
        model: a Linen module, `[B, 64]` standardised pixels to `[B, 10]` logits.
        method: "carried" or "frozen" moments of `measure.estimate_order`.
        learning_rate: of Adam.

    Returns:
        a task with the metric `correlation`, Spearman's, of estimated and true losses.
    """
    pixels, labels = map(jnp.asarray, load())
    pixels = (pixels - jnp.mean(pixels, 0, keepdims=True)) / (jnp.std(pixels, 0, keepdims=True) + 0.1)
    adam = optax.adam(learning_rate)

    def loss(params, batch):
        return accuracy_and_loss(model.apply(params, batch[0]), batch[1])[1]

    gradient = jax.grad(loss)

    def draw(key):
        data_key, order_key, model_key = jax.random.split(key, 3)
        rows = jax.random.permutation(data_key, len(labels))[: STEPS * BATCH + HELD_OUT]
        train, test = rows[: STEPS * BATCH].reshape(STEPS, BATCH), rows[STEPS * BATCH :]
        context = {"batches": (pixels[train], labels[train]), "test": (pixels[test], labels[test])}
        context["params"] = model.init(model_key, pixels[:1])
        context["orders"] = jax.vmap(lambda key: jax.random.permutation(key, STEPS))(jax.random.split(order_key, ORDERS))

        def retrained(order):
            batches = jax.tree.map(lambda leaf: leaf[order], context["batches"])
            params = measure.reference_run(gradient, adam, context["params"], batches).params
            return loss(jax.tree.map(lambda leaf: leaf[-1], params), context["test"])

        return context | {"true": jax.lax.map(retrained, context["orders"])}

    def estimated(moments):
        def answer(context, key):
            run = measure.reference_run(gradient, adam, context["params"], context["batches"])

            def one(order):
                params = measure.estimate_order(gradient, adam, run, context["batches"], order, moments=moments)
                return loss(jax.tree.map(lambda leaf: leaf[-1], params), context["test"])

            return jax.lax.map(one, context["orders"])

        return answer

    def judge(answer, context):
        ranks = [jnp.argsort(jnp.argsort(x)).astype(jnp.float32) for x in (answer, context["true"])]
        return {"correlation": jnp.corrcoef(*ranks)[0, 1]}

    return answers(draw, ORDERS, {name: estimated(name) for name in ("carried", "frozen")}, method, judge)
