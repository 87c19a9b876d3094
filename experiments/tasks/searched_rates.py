"""Training an MLP on digits at rates that a search finds on the way, or at the best constant rate of a grid."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax import schedules
from algax.experiments.tasks.answers import answers, on_host
from algax.experiments.tasks.digits import TRAIN, accuracy_and_loss, load
from algax.experiments.tasks.task import Task

LOW, HIGH = 1e-3, 1.0
GRID = np.geomspace(LOW, HIGH, 9)  # constant rates
BATCH, MOMENTUM, WRONG = 64, 0.9, 0.2
STAGES, STAGE_STEPS, TRIAL_STEPS, CANDIDATES = 4, 200, 20, 6


def searched_rates(model: Any, method: str = "searched") -> Task:
    """SGD with momentum for 800 steps, of which a search makes four stages.

    The search runs on the host while the program of the arm waits, which takes a second core.

    Args:
        model: a Linen module, standardised pixels `[B, 64]` to logits `[B, 10]`.
        method: "searched" takes the rates that `schedules.auto_learning_rates` finds with six trials a stage; "constant" the
            best of nine by the final loss.

    Returns:
        a task with the metrics `log_loss`, the natural logarithm of the final cross-entropy on all training images, a fifth of
        whose labels are random, and `cost`, the steps taken in all over those of one run.
    """
    pixels, labels = map(jnp.asarray, load())
    steps = STAGES * STAGE_STEPS

    def draw(key):
        order_key, model_key, seed_key, wrong_key, label_key = jax.random.split(key, 5)
        rows = jax.random.permutation(order_key, len(labels))[:TRAIN]
        inputs = (pixels[rows] - jnp.mean(pixels[rows], 0, keepdims=True)) / (jnp.std(pixels[rows], 0, keepdims=True) + 0.1)
        params = model.init(model_key, inputs[:1])
        wrong = jax.random.bernoulli(wrong_key, WRONG, rows.shape)
        targets = jnp.where(wrong, jax.random.randint(label_key, rows.shape, 0, 10), labels[rows])
        return {"inputs": inputs, "labels": targets, "params": params, "seed": jax.random.randint(seed_key, (), 0, 2**30)}

    def start(problem):
        zeros = jax.tree.map(jnp.zeros_like, problem["params"])
        return {"params": problem["params"], "velocity": zeros, "step": jnp.zeros([], jnp.int32)}

    def loss(params, inputs, targets):
        return accuracy_and_loss(model.apply(params, inputs), targets)[1]

    def advance(problem, state, rates):
        """Trains on with rates `[n]`; returns the state and the losses of the batches."""

        def step(state, rate):
            rows = (state["step"] * BATCH + jnp.arange(BATCH)) % TRAIN
            found, slope = jax.value_and_grad(loss)(state["params"], problem["inputs"][rows], problem["labels"][rows])
            velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, state["velocity"], slope)
            params = jax.tree.map(lambda w, v: w - rate * v, state["params"], velocity)
            return {"params": params, "velocity": velocity, "step": state["step"] + 1}, found

        return jax.lax.scan(step, state, rates)

    compiled = jax.jit(advance)

    def search(problem):
        """The rate of every step, and the steps taken in all; on the host."""
        if cores() < 2:
            raise RuntimeError("the search trains while the program that asked for it waits: it needs two cores, got one")
        taken = []

        def train(state, rate, count):
            taken.append(count)
            return compiled(problem, state, jnp.full(count, rate))

        found = schedules.auto_learning_rates(
            train, start(problem), LOW, HIGH, steps=steps, key=jax.random.key(int(problem["seed"])), candidates=CANDIDATES,
            stage_steps=STAGE_STEPS, trial_steps=TRIAL_STEPS, longest_stage=STAGE_STEPS,
        )  # fmt: skip
        return np.append(found.learning_rates, sum(taken))

    def final(problem, rates):
        state, _ = advance(problem, start(problem), rates)
        return loss(state["params"], problem["inputs"], problem["labels"])

    def searched(problem, key):
        del key
        leaves, shape = jax.tree.flatten(problem)
        found = on_host(lambda *values: search(jax.tree.unflatten(shape, values)), (steps + 1,), *leaves)
        return jnp.stack([final(problem, found[:-1]), found[-1]])

    def constant(problem, key):
        del key
        rates = jnp.asarray(GRID, jnp.float32)
        losses = jax.lax.map(lambda rate: final(problem, jnp.full(steps, rate)), rates)
        return jnp.stack([jnp.nanmin(losses), jnp.float32(len(GRID) * steps)])

    def judge(answer, problem):
        del problem
        return {"log_loss": jnp.log(jnp.maximum(answer[0], 1e-9)), "cost": answer[1] / steps}

    return answers(draw, 2, {"searched": searched, "constant": constant}, method, judge)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
