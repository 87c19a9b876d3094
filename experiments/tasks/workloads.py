"""Three small workloads on digits, and how soon optimizers reach their targets with one setting for all."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from algax import measure, models, updates
from algax.experiments.tasks.answers import answers, on_host
from algax.experiments.tasks.digits import TRAIN, accuracy_and_loss, load, split
from algax.experiments.tasks.task import Task

STEPS, EVERY, BATCH = 400, 10, 64
TARGET_RATES = (1e-3, 3e-3, 1e-2, 3e-2)  # of NadamW, tuned for every workload, which sets its target
SLACK = 1.01  # of a target over the loss that the tuned baseline ends with
NEVER = np.inf
DEFAULT = {"warmup_fraction": 0.0, "decay": "constant", "betas": (0.9, 0.999)}
SETTINGS: dict[str, dict[str, Any]] = {
    "nadamw": {"method": "nadamw", "learning_rate": 1e-2},
    "prodigy": {"method": "prodigy"},
    "prodigy_default": {"method": "prodigy", **DEFAULT},
    "momo_adam": {"method": "momo_adam"},
    "momo_adam_default": {"method": "momo_adam", **DEFAULT},
}


def _problems() -> dict[str, tuple[Any, Callable]]:
    """By name a network and its loss of (outputs, images, labels)."""

    def classified(outputs, images, labels):
        del images
        return accuracy_and_loss(outputs, labels)[1]

    def rebuilt(outputs, images, labels):
        del labels
        return jnp.mean((outputs - images) ** 2)

    return {
        "regression": (models.MLP((10,)), classified),
        "network": (models.MLP((64, 64, 10)), classified),
        "autoencoder": (models.MLP((32, 8, 32, 64)), rebuilt),
    }


def workloads(model: Any, method: str = "nadamw") -> Task:
    """The time-to-target score of an optimizer among all of `SETTINGS`.

    Args:
        model: not used.
        method: one of `SETTINGS`: an optimizer with the schedule, betas and warmup that suit all workloads, or with its
            library's own and no schedule.

    Returns:
        a task with the metric `score` in [0, 1].
    """
    del model
    pixels, labels = map(jnp.asarray, load())
    problems, shape = _problems(), optax.warmup_cosine_decay_schedule(0.0, 1.0, STEPS // 20, STEPS)

    def curve(name, rows, key, optimizer):
        """Held-out losses every few steps."""
        network, loss = problems[name]
        start_key, key = jax.random.split(key)
        params = network.init(start_key, pixels[:1])

        def held_out(params):
            rows_out = rows["test"]
            return loss(network.apply(params, pixels[rows_out]), pixels[rows_out], labels[rows_out])

        def step(carry, key):
            params, state = carry
            drawn = rows["train"][jax.random.randint(key, (BATCH,), 0, TRAIN)]
            images, targets = pixels[drawn], labels[drawn]

            def batch_loss(params):
                return loss(network.apply(params, images), images, targets)

            value, slope = jax.value_and_grad(batch_loss)(params)
            change, state = optimizer.update(slope, state, params, value=value)
            return (optax.apply_updates(params, change), state), None

        def stretch(carry, keys):
            carry, _ = jax.lax.scan(step, carry, keys)
            return carry, held_out(carry[0])

        keys = jax.random.split(key, STEPS).reshape(STEPS // EVERY, EVERY)
        return jax.lax.scan(stretch, (params, optimizer.init(params)), keys)[1]

    def draw(key):
        split_key, key = jax.random.split(key)
        rows, times = split(split_key, len(labels)), []
        for name in problems:

            def tuned(rate, name=name):
                optimizer = optax.nadamw(lambda count: rate * shape(count))
                return curve(name, rows, key, optax.with_extra_args_support(optimizer))[-1]

            target = SLACK * jnp.min(jax.lax.map(tuned, jnp.array(TARGET_RATES)))
            curves = [curve(name, rows, key, updates.hyperparameter_free(steps=STEPS, **of)) for of in SETTINGS.values()]
            reached = jnp.stack(curves) <= target
            first = EVERY * (1.0 + jnp.argmax(reached, axis=1))
            times.append(jnp.where(jnp.any(reached, axis=1), first, NEVER))
        return {"times": jnp.stack(times, axis=1)}

    def scored(index):
        def score(times):
            return measure.time_to_target_score(times)[index : index + 1]

        return lambda context, key: on_host(score, (1,), context["times"])

    methods = {name: scored(index) for index, name in enumerate(SETTINGS)}
    return answers(draw, 1, methods, method, lambda answer, context: {"score": answer[0]})
