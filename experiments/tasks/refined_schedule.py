"""Softmax regression on digits with wrong labels: schedules from the gradient norms of a first run against the usual shapes."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from algax import schedules, updates
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.digits import TRAIN, accuracy_and_loss, load
from algax.experiments.tasks.task import Task

RATES = (0.01, 0.02, 0.04, 0.08, 0.16)  # tried for every shape, of which the best counts
BATCH, WRONG = 16, 0.2


def refined_schedule(model: Any, method: str = "refined", steps: int = 240) -> Task:
    """The training loss that Adam reaches in a number of steps.

    Args:
        model: not used; the parameters are weights and biases of ten classes.
        method: "refined" takes `schedules.refine` on the l1 norms of a run with linear decay; "linear", "cosine" and "constant"
            are shapes without such a run.
        steps: of every run.

    Returns:
        a task with the metric `train_loss`, the mean cross-entropy of all training images and their labels, a fifth of which
        are random.
    """
    del model
    pixels, labels = map(jnp.asarray, load())
    shapes = {
        "linear": jnp.linspace(1.0, 0.0, steps, endpoint=False),
        "cosine": 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.arange(steps, dtype=jnp.float32) / steps)),
        "constant": jnp.ones(steps),
    }

    def draw(key):
        order_key, wrong_key, label_key = jax.random.split(key, 3)
        rows = jax.random.permutation(order_key, len(labels))[:TRAIN]
        inputs = (pixels[rows] - jnp.mean(pixels[rows], 0, keepdims=True)) / (jnp.std(pixels[rows], 0, keepdims=True) + 0.1)
        wrong = jax.random.bernoulli(wrong_key, WRONG, (TRAIN,))
        return {"inputs": inputs, "labels": jnp.where(wrong, jax.random.randint(label_key, (TRAIN,), 0, 10), labels[rows])}

    def loss(params, inputs, targets):
        return accuracy_and_loss(inputs @ params["weights"] + params["bias"][None], targets)[1]

    def run(problem, key, shape, rate):
        """The final training loss, and the gradients' l1 norms."""
        optimizer = optax.chain(updates.record_norms(steps, order=1), optax.scale_by_adam(b1=0.9, b2=0.95))
        params = {"weights": jnp.zeros((64, 10)), "bias": jnp.zeros(10)}

        def step(carry, at):
            params, state = carry
            share, key = at
            rows = jax.random.randint(key, (BATCH,), 0, TRAIN)
            slope = jax.grad(loss)(params, problem["inputs"][rows], problem["labels"][rows])
            change, state = optimizer.update(slope, state, params)
            return (jax.tree.map(lambda w, u: w - rate * share * u, params, change), state), None

        carry = (params, optimizer.init(params))
        (params, state), _ = jax.lax.scan(step, carry, (shape, jax.random.split(key, steps)))
        return loss(params, problem["inputs"], problem["labels"]), state[0].norms

    def best(shape):
        def answer(problem, key):
            losses, _ = jax.vmap(lambda rate: run(problem, key, shape, rate))(jnp.array(RATES))
            return jnp.min(losses)[None]

        return answer

    def refined(problem, key):
        first, second = jax.random.split(key)
        losses, norms = jax.vmap(lambda rate: run(problem, first, shapes["linear"], rate))(jnp.array(RATES))
        shape = schedules.refine(norms[jnp.argmin(losses)], method="adam")
        return best(shape)(problem, second)

    methods = {"refined": refined} | {name: best(shape) for name, shape in shapes.items()}
    return answers(draw, 1, methods, method, lambda answer, problem: {"train_loss": answer[0]})
