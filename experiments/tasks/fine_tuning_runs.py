"""Fine-tuning a small network on noisy labels: batches, rates and warm-up, and what the first steps tell of the last."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import measure, models, supervised
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.digits import TRAIN, load
from algax.experiments.tasks.similar_pairs import rank_correlation
from algax.experiments.tasks.task import Task

NOISE = 0.3  # share of wrong labels
STEPS, WARM, EARLY = 200, 60, 20  # updates, those on clean labels of the odd digits before, and those of the early signal
BATCH, RATE = 8, 4e-3  # the baseline
BATCHES, RATES = (8, 64), (1e-3, 2e-3, 4e-3, 8e-3)  # of the grid


def _network():
    return models.MLP((64, 10))


def _draw(key):
    order_key, wrong_key, shift_key, model_key, run_key = jax.random.split(key, 5)
    pixels, labels = map(jnp.asarray, load())
    order = jax.random.permutation(order_key, len(labels))
    pixels, labels = pixels[order], labels[order]
    shifts = jax.random.randint(shift_key, labels.shape, 1, 10)
    noisy = jnp.where(jax.random.bernoulli(wrong_key, NOISE, labels.shape), (labels + shifts) % 10, labels)
    problem = {"pixels": pixels, "labels": labels, "noisy": noisy}
    start = _network().init(model_key, pixels[:1])
    odd = jnp.nonzero(labels[:TRAIN] % 2 == 1, size=400)[0]
    start, _, _ = _run(start, pixels[odd], labels[odd], run_key, 32, optax.adam(2e-3), WARM)
    return {**problem, "start": start}


def _run(params, pixels, labels, key, batch, optimizer, steps):
    """The parameters after training, and the gradient norms and losses of all steps."""
    gradient = algax.gradient(supervised.cross_entropy(), supervised.forward(_network().apply))

    def step(carry, key):
        params, state = carry
        rows = jax.random.randint(key, (batch,), 0, len(labels))
        terms = supervised.Terms(inputs=pixels[rows], labels=labels[rows], mask=jnp.ones(batch, bool))
        slope, inner = gradient.update(None, state[0], params, terms=terms)
        updates, outer = optimizer.update(slope, state[1], params)
        return (optax.apply_updates(params, updates), (inner, outer)), (optax.tree.norm(slope), inner.metrics["loss"])

    start = (params, (gradient.init(params), optimizer.init(params)))
    (params, _), (norms, losses) = jax.lax.scan(step, start, jax.random.split(key, steps))
    return params, norms, losses


def _fine_tuned(problem, key, batch, rate):
    """Test accuracy, and the gradient norms and losses of the first steps."""
    params, norms, losses = _run(
        problem["start"], problem["pixels"][:TRAIN], problem["noisy"][:TRAIN], key, batch, optax.adam(rate), STEPS
    )
    right = jnp.argmax(_network().apply(params, problem["pixels"][TRAIN:]), -1) == problem["labels"][TRAIN:]
    return jnp.mean(right, dtype=jnp.float32), norms[:EARLY], losses[:EARLY]


def _one(batch, rate):
    return lambda problem, key: jnp.stack([_fine_tuned(problem, key, batch, rate)[0], jnp.zeros([])])


def _grid(problem, key):
    runs = [
        jax.vmap(lambda rate, batch=batch: _fine_tuned(problem, jax.random.fold_in(key, batch), batch, rate))(jnp.array(RATES))
        for batch in BATCHES
    ]
    accuracies, norms, losses = (jnp.concatenate(values) for values in zip(*runs, strict=True))
    scores = measure.early_signal(norms, losses, window=EARLY // 2)
    return jnp.stack([jnp.max(accuracies), rank_correlation(scores, accuracies)])


def fine_tuning_runs(model: Any, method: str = "baseline") -> Task:
    """Fine-tuning on digits of all classes, 30 % of them wrongly labelled, from a network that knows the odd ones.

    Args:
        model: none; the network is the task's own, trained with Adam.
        method: "baseline" (batches of 8, a rate of 4e-3), "large batches" (eight times as large, half the rate), "warm-up" (a
            tenth of the steps, then the baseline), or "grid": two batch sizes times four rates.

    Returns:
        a task that answers at once, with the metrics `accuracy` (test; of a grid the best) and `rank_correlation` (Spearman's
        of `measure.early_signal` and accuracy over the runs of a grid, else 0).
    """
    del model
    rise = optax.warmup_constant_schedule(0.0, RATE, STEPS // 10)
    methods = {
        "baseline": _one(BATCH, RATE),
        "large batches": _one(8 * BATCH, RATE / 2),
        "warm-up": _one(BATCH, rise),
        "grid": _grid,
    }
    judge = lambda answer, problem: {"accuracy": answer[0], "rank_correlation": answer[1]}  # noqa: E731
    return answers(_draw, 2, methods, method, judge)
