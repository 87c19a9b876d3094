"""A convolutional network that sees small images first, at equal cost."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from algax import curriculum
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.digits import TRAIN, accuracy_and_loss, load, split
from algax.experiments.tasks.task import Task

SIDE = 16


class ConvNet(nn.Module):
    """Two convolutions and the mean over places, for images of any size.

    The convolutions are products of patches of 3 by 3, which many seeds compute faster at once.

    Attributes:
        channels: of the first convolution; the second has twice as many.
    """

    channels: int = 8

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, H, H, 1]` to `[B, 10]`."""
        x = nn.relu(nn.Dense(self.channels)(_patches(x)))
        x = nn.relu(nn.Dense(2 * self.channels)(_patches(x[:, ::2, ::2])))
        return nn.Dense(10)(jnp.mean(x, axis=(1, 2)))


def _patches(x: jax.Array) -> jax.Array:
    """Every place with its eight neighbours, `[B, H, H, 9 C]`."""
    side = x.shape[1]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return jnp.concatenate([padded[:, i : i + side, j : j + side] for i in range(3) for j in range(3)], axis=-1)


def image_stages(
    model: Any,
    method: str = "growing",
    steps: int = 1500,
    batch_size: int = 16,
    bandwidths: tuple[int, ...] = (8, 8, 12, 16, 16),
) -> Task:
    """Digits of 16 by 16 pixels, trained on from the first step on at full size, or at sizes that grow.

    Args:
        model: a `tasks.ConvNet`.
        method: "growing" takes the stages of `curriculum.efficient_train`; "full" all steps at full size; "equal_cost" as many
            steps at full size as cost what growing does, a step's cost being that of its pixels.
        steps: of "growing" and "full".
        batch_size: images a step.
        bandwidths: sides of the images in equal parts of "growing".

    Returns:
        a task with the metrics `accuracy` and `loss` on test images of full size.
    """
    pixels, labels = map(jnp.asarray, load())
    images = jax.image.resize(pixels.reshape(-1, 8, 8, 1), (len(labels), SIDE, SIDE, 1), "linear") - 0.3
    growing = curriculum.efficient_train(steps, bandwidths=bandwidths, magnitudes=(0.0,) * len(bandwidths))
    cost = sum(stage.steps * (stage.bandwidth / SIDE) ** 2 for stage in growing)
    runs = {
        "growing": [(stage.steps, stage.bandwidth) for stage in growing],
        "full": [(steps, SIDE)],
        "equal_cost": [(round(cost), SIDE)],
    }

    def draw(key):
        split_key, model_key = jax.random.split(key)
        return split(split_key, len(labels)) | {"params": model.init(model_key, images[:1])}

    def trained(stages):
        total = sum(length for length, _ in stages)
        adam = optax.adam(optax.cosine_decay_schedule(2e-2, total))

        def answer(context, key):
            del key
            params, done = context["params"], 0
            state = adam.init(params)
            for length, side in stages:

                def step(carry, count, side=side):
                    params, state = carry
                    rows = context["train"][(count * batch_size + jnp.arange(batch_size)) % TRAIN]
                    batch = curriculum.low_frequency_crop(images[rows], side)
                    slope = jax.grad(lambda params: accuracy_and_loss(model.apply(params, batch), labels[rows])[1])(params)
                    change, state = adam.update(slope, state, params)
                    return (optax.apply_updates(params, change), state), None

                (params, state), _ = jax.lax.scan(step, (params, state), done + jnp.arange(length))
                done += length
            return model.apply(params, images[context["test"]]).ravel()

        return answer

    held = len(labels) - TRAIN - 200

    def judge(answer, context):
        accuracy, loss = accuracy_and_loss(answer.reshape(held, 10), labels[context["test"]])
        return {"accuracy": accuracy, "loss": loss}

    return answers(draw, 10 * held, {name: trained(stages) for name, stages in runs.items()}, method, judge)
