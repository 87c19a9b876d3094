"""Classification of scikit-learn's 1797 real images of handwritten digits (8 by 8 pixels)."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn import datasets

from algax import supervised
from algax.experiments.tasks.task import Task

TRAIN, VALIDATION = 1300, 200


def load() -> tuple[np.ndarray, np.ndarray]:
    """Pixels scaled to 0..1, `[1797, 64]`, and labels `[1797]`."""
    pixels, labels = datasets.load_digits(return_X_y=True)
    return (pixels / 16.0).astype(np.float32), labels.astype(np.int32)


def split(key: jax.Array, count: int) -> dict[str, jax.Array]:
    """A random split of `count` indices: 1300 for training, 200 for validation, the rest for the test."""
    order = jax.random.permutation(key, count)
    bounds = {"train": (0, TRAIN), "validation": (TRAIN, TRAIN + VALIDATION), "test": (TRAIN + VALIDATION, count)}
    return {name: order[low:high] for name, (low, high) in bounds.items()}


def accuracy_and_loss(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean accuracy and mean cross-entropy."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.mean(jnp.argmax(logits, -1) == labels, dtype=jnp.float32), jnp.mean(losses)


def with_inputs(transform: optax.GradientTransformationExtraArgs) -> optax.GradientTransformationExtraArgs:
    """Hands the inputs of the batch on to a transform that takes the extra argument `inputs`."""

    def update(updates, state, params=None, *, terms, **extra):
        return transform.update(updates, state, params, inputs=terms.inputs, **extra)

    return optax.GradientTransformationExtraArgs(transform.init, update)


def digits(model: Any, batch_size: int = 64, least_scale: float = 1.0, largest_scale: float = 1.0) -> Task:
    """The digits task.

    Args:
        model: a Linen module, `[B, 64]` pixels standardised with the training part's moments to `[B, 10]` logits.
        batch_size: images a step; the training part's random order is repeated every epoch.
        least_scale: above 0; every standardised pixel is multiplied by a fixed factor, log-uniform from `least_scale` on.
        largest_scale: at least `least_scale`.

    Returns:
        a task with the metrics `accuracy` and `loss` (test), `validation_accuracy`, `validation_loss` and `train_loss`.
    """
    if not 1 <= batch_size <= TRAIN:
        raise ValueError(f"batch_size must be between 1 and {TRAIN}; got {batch_size}")
    if not 0 < least_scale <= largest_scale:
        raise ValueError(f"least_scale must be above 0 and at most largest_scale; got {least_scale} and {largest_scale}")
    pixels, labels = map(jnp.asarray, load())

    def init(key):
        split_key, model_key = jax.random.split(key)
        context = split(split_key, len(labels))
        train = pixels[context["train"]]
        exponents = jax.random.uniform(jax.random.fold_in(split_key, 1), (pixels.shape[1],))
        factors = least_scale * (largest_scale / least_scale) ** exponents
        context["mean"], context["scale"] = jnp.mean(train, 0), (jnp.std(train, 0) + 0.1) / factors
        return model.init(model_key, pixels[:1]), context

    def standardised(context, indices):
        return (pixels[indices] - context["mean"][None]) / context["scale"][None]

    def batch(params, context, step, key):
        del params, key
        indices = context["train"][(step * batch_size + jnp.arange(batch_size)) % TRAIN]
        inputs = standardised(context, indices)
        return supervised.Terms(inputs=inputs, labels=labels[indices], mask=jnp.ones(batch_size, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        metrics = {}
        for prefix, name in (("", "test"), ("validation_", "validation")):
            logits = model.apply(params, standardised(context, context[name]))
            accuracy, loss = accuracy_and_loss(logits, labels[context[name]])
            metrics |= {f"{prefix}accuracy": accuracy, f"{prefix}loss": loss}
        logits = model.apply(params, standardised(context, context["train"]))
        return metrics | {"train_loss": accuracy_and_loss(logits, labels[context["train"]])[1]}

    return Task(init, batch, forward, evaluate)
