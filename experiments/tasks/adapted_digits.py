"""Low-rank adapters of a network that knows upright digits, trained on digits that lie on their side."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from algax import supervised
from algax.experiments.tasks.digits import TRAIN, accuracy_and_loss, load, split
from algax.experiments.tasks.task import Task
from algax.models import lora


def adapted_digits(
    model: Any, rank: int = 4, eta: float | None = None, warm_steps: int = 300, batch_size: int = 64, target: str = "kernel$"
) -> Task:
    """Fine-tuning adapters to digits rotated by 90 degrees; the network is trained on upright ones first, by the task.

    Args:
        model: a Linen module, `[B, 64]` standardised pixels to `[B, 10]` logits.
        rank: of the adapters, at least 1; they are not scaled.
        eta: of ALLoRA, see `models.allora`; None for LoRA.
        warm_steps: steps of Adam on upright digits.
        batch_size: images a step.
        target: regular expression of the parameters that are adapted.

    Returns:
        a task with the metrics `accuracy` and `loss` on rotated test digits, and `change`, the sum of the adapters' norms.
    """
    pixels, labels = map(jnp.asarray, load())
    rotated = jnp.rot90(pixels.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
    adam = optax.adam(3e-3)

    def standardised(images, context, indices):
        return (images[indices] - context["mean"][None]) / context["scale"][None]

    def rows(context, step):
        return context["train"][(step * batch_size + jnp.arange(batch_size)) % TRAIN]

    def init(key):
        split_key, model_key, adapter_key = jax.random.split(key, 3)
        context = split(split_key, len(labels))
        context["mean"], context["scale"] = jnp.mean(pixels[context["train"]], 0), jnp.std(pixels[context["train"]], 0) + 0.1
        base = model.init(model_key, pixels[:1])

        def warm(carry, step):
            params, state = carry
            indices = rows(context, step)
            inputs = standardised(pixels, context, indices)
            slope = jax.grad(lambda params: accuracy_and_loss(model.apply(params, inputs), labels[indices])[1])(params)
            change, state = adam.update(slope, state, params)
            return (optax.apply_updates(params, change), state), None

        (base, _), _ = jax.lax.scan(warm, (base, adam.init(base)), jnp.arange(warm_steps))
        return {"base": base, "adapters": lora.init(adapter_key, base, rank, [target], alpha=rank)}, context

    def logits(params, inputs):
        return model.apply(lora.apply(params["base"], params["adapters"], eta=eta), inputs)

    def batch(params, context, step, key):
        del params, key
        indices = rows(context, step)
        mask = jnp.ones(batch_size, bool)
        return supervised.Terms(inputs=standardised(rotated, context, indices), labels=labels[indices], mask=mask)

    def forward(params, terms, key):
        del key
        return terms.replace(logits=logits(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        found = logits(params, standardised(rotated, context, context["test"]))
        accuracy, loss = accuracy_and_loss(found, labels[context["test"]])
        norms = [jnp.linalg.norm(a @ b) for a, b in params["adapters"].factors.values()]
        return {"accuracy": accuracy, "loss": loss, "change": sum(norms)}

    return Task(init, batch, forward, evaluate)
