"""A network that knows upright digits goes on with digits on their side, half of them with wrong labels."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from algax import curriculum, measure
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.digits import TRAIN, accuracy_and_loss, load, split
from algax.experiments.tasks.task import Task

BATCH, WRONG, REFERENCE = 13, 0.5, 200
STEPS = TRAIN // BATCH  # one pass over all images


def domain_shift(model: Any, method: str = "all", replayed: float = 0.2, share: float = 0.2, warm_steps: int = 200) -> Task:
    """One pass of updates on the new domain, and what becomes of the accuracy on both.

    Args:
        model: a Linen module, `[B, 64]` pixels to `[B, 10]` logits.
        method: "all" takes one epoch of everything, "mixed" the same with old images in place of a share, "subset" several
            epochs of the share of least loss under a reference network, which was trained on 200 right labels.
        replayed: share of old images of "mixed".
        share: of the images in "subset".
        warm_steps: of Adam on upright digits, before.

    Returns:
        a task with the metrics `log_depth` (logarithm of how far the accuracy on upright digits falls at most) and
        `new_accuracy` (on digits on their side, right labels, at the end).
    """
    pixels, labels = map(jnp.asarray, load())
    sideways = jnp.rot90(pixels.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
    adam = optax.adam(3e-3)

    def update(carry, batch):
        params, state = carry
        slope = jax.grad(lambda params: accuracy_and_loss(model.apply(params, batch[0]), batch[1])[1])(params)
        change, state = adam.update(slope, state, params)
        return optax.apply_updates(params, change), state

    def trained(params, images, targets, steps):
        """Many steps on the images in order."""

        def step(carry, count):
            rows = (count * BATCH + jnp.arange(BATCH)) % len(targets)
            return update(carry, (images[rows], targets[rows])), None

        return jax.lax.scan(step, (params, adam.init(params)), jnp.arange(steps))[0][0]

    def draw(key):
        split_key, model_key, noise_key, label_key = jax.random.split(key, 4)
        context = split(split_key, len(labels))
        rows = context["train"]
        wrong = jax.random.bernoulli(noise_key, WRONG, (TRAIN,))
        context["labels"] = jnp.where(wrong, jax.random.randint(label_key, (TRAIN,), 0, 10), labels[rows])
        start = model.init(model_key, pixels[:1])
        context["params"] = trained(start, pixels[rows], labels[rows], warm_steps)
        known = context["validation"][:REFERENCE]
        reference = trained(start, sideways[known], labels[known], warm_steps)
        logits = model.apply(reference, sideways[rows])
        context["scores"] = optax.softmax_cross_entropy_with_integer_labels(logits, context["labels"])
        return context

    def accuracy(params, images, rows):
        return accuracy_and_loss(model.apply(params, images[rows]), labels[rows])[0]

    def continued(chosen, fraction, epochs):
        """Goes on with images of the choice, none twice within an epoch; the old accuracy at every step, and the new."""

        def answer(context, key):
            rows = chosen(context)
            passes = curriculum.multi_epoch(len(rows), epochs)
            mix = curriculum.replay_mix(fraction)
            images, targets = sideways[context["train"]][rows], context["labels"][rows]

            def step(carry, key):
                own, seen = carry
                draw_key, old_key, mix_key = jax.random.split(key, 3)
                scores = jnp.log(passes.weights(seen)) + jax.random.gumbel(draw_key, (len(rows),))
                drawn = jax.lax.top_k(scores, BATCH)[1]
                old = context["train"][jax.random.randint(old_key, (BATCH,), 0, TRAIN)]
                own = update(own, mix(mix_key, ((images[drawn], targets[drawn]), (pixels[old], labels[old]))))
                return (own, passes.update(seen, jnp.zeros(len(rows), jnp.int32).at[drawn].add(1))), accuracy(
                    own[0], pixels, context["test"]
                )

            start = ((context["params"], adam.init(context["params"])), passes.init())
            ((params, _), _), curve = jax.lax.scan(step, start, jax.random.split(key, STEPS))
            first = accuracy(context["params"], pixels, context["test"])
            return jnp.concatenate([first[None], curve, accuracy(params, sideways, context["test"])[None]])

        return answer

    kept = round(share * TRAIN)
    methods = {
        "all": continued(lambda context: jnp.arange(TRAIN), 0.0, 1),
        "mixed": continued(lambda context: jnp.arange(TRAIN), replayed, 1),
        "subset": continued(lambda context: curriculum.top_quality_subset(context["scores"], kept), 0.0, round(1 / share)),
    }

    def judge(answer, context):
        gap = measure.stability_gap(answer[:-1])
        return {"log_depth": jnp.log(jnp.maximum(gap.depth, 0.01)), "new_accuracy": answer[-1]}

    return answers(draw, STEPS + 2, methods, method, judge)
