"""Few labelled digits and many without labels: what a stage of training on a model's own labels adds."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import pretrain, supervised
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.digits import accuracy_and_loss, load
from algax.experiments.tasks.task import Task

TESTED, UNLABELLED = 237, 1500  # digits of the test, and at most so many without labels
FEW, MANY = 60, 1000  # digits with labels
STEPS, BATCH, RATE = 200, 60, 3e-3  # of a stage, by Adam


@functools.partial(jax.jit, static_argnums=0)
def train(model: Any, params: Any, inputs: jax.Array, labels: jax.Array) -> Any:
    """Parameters after a stage of batches, inputs `[200, 60, 64]` and labels `[200, 60]`."""
    tx = optax.chain(algax.gradient(supervised.cross_entropy(), supervised.forward(model.apply)), optax.adam(RATE))

    def step(carry, batch):
        params, state = carry
        terms = supervised.Terms(inputs=batch[0], labels=batch[1], mask=jnp.ones(BATCH, bool))
        updates, state = tx.update(None, state, params, terms=terms)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, tx.init(params)), (inputs, labels))[0][0]


def pseudo_labelled(model: Any, method: str = "labels alone") -> Task:
    """Digits of which few or many have labels; 237 are held out for the test.

    Args:
        model: a Linen module, `[B, 64]` pixels to `[B, 10]` logits.
        method: "labels alone" trains three stages of 200 steps on the labelled digits; with "pseudo-labels" the first makes a
            teacher, the second trains a fresh model on its labels for the others, and the third that one on the true labels,
            see `pretrain.pseudo_label_pretrain`.

    Returns:
        a task that answers at once, with the metrics `accuracy` after 60 labels and 1500 digits without, and
        `many_labels_accuracy` after 1000 labels and the 560 others.
    """
    pixels, digits = load()
    most = len(digits) - TESTED
    pixels, digits = jnp.asarray(pixels), jnp.asarray(digits)

    def draw(key):
        order_key, model_key, *keys = jax.random.split(key, 4)
        order = jax.random.permutation(order_key, len(digits))
        return {"order": order, "params": model.init(model_key, pixels[:1]), "rows": jnp.stack(keys)}

    def staged(order, params, key, count, pseudo):
        keys = iter(jax.random.split(key, 3))
        labelled, others = order[:count], order[count : min(count + UNLABELLED, most)]

        def fit(params, inputs, labels):
            rows = jax.random.randint(next(keys), (STEPS, BATCH), 0, len(labels))
            return train(model, params, inputs[rows], labels[rows])

        given = pixels[labelled], digits[labelled]
        if pseudo:
            predict = lambda params, inputs: jax.nn.softmax(model.apply(params, inputs))  # noqa: E731
            return pretrain.pseudo_label_pretrain(fit, predict, params, given, pixels[others]).final
        return fit(fit(fit(params, *given), *given), *given)

    def accuracies(problem, key, pseudo):
        del key
        order, test = problem["order"], problem["order"][most:]
        runs = (staged(order, problem["params"], k, n, pseudo) for k, n in zip(problem["rows"], (FEW, MANY), strict=True))
        return jnp.stack([accuracy_and_loss(model.apply(params, pixels[test]), digits[test])[0] for params in runs])

    methods = {
        "labels alone": functools.partial(accuracies, pseudo=False),
        "pseudo-labels": functools.partial(accuracies, pseudo=True),
    }
    names = ("accuracy", "many_labels_accuracy")
    return answers(draw, 2, methods, method, lambda answer, problem: dict(zip(names, answer, strict=True)))
