"""Tasks whose outputs are draws from a distribution of their own: matching it from a few examples, or its mode alone."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import measure, pretrain
from algax.experiments.tasks.task import Task

OUTPUTS, EXAMPLES = 6, 11  # values of an output; draws of a task, of which the last is predicted from ten
HEADER, END = OUTPUTS, OUTPUTS + 1  # of an output message; the headers of the others are not used
VOCABULARY = OUTPUTS + 4
HELD_OUT, SAMPLES = 512, 100


def drawn_outputs(model: Any, mode: bool = False, batch_size: int = 32) -> Task:
    """Conversations of eleven outputs, laid out by `pretrain.spectrum`; the model sees the last token and counts of outputs.

    Args:
        model: a Linen module, the last token one-hot and the logarithms of 1 + counts `[..., 16]`, to logits `[..., 10]`.
        mode: train on texts that say the task's likeliest output throughout, in place of those that were drawn.
        batch_size: tasks a step, always new.

    Returns:
        a task with metrics after ten outputs of a new task: `js` (divergence from its distribution, nats) and `variety`, how
        many different outputs 100 samples have, beside the number under the distribution itself; all exact.
    """
    layout = pretrain.spectrum(((OUTPUTS + 2,), (OUTPUTS + 3,), (HEADER,)), END, width=3 * EXAMPLES)

    def drawn(key, count):
        task_key, output_key = jax.random.split(key)
        weights = jax.random.exponential(task_key, (count, OUTPUTS))
        chances = weights / jnp.sum(weights, axis=1, keepdims=True)  # uniform over all distributions
        log_chances = jnp.log(jnp.maximum(chances, 1e-6))
        outputs = jax.random.categorical(output_key, log_chances[:, None], shape=(count, EXAMPLES))
        return {"chances": chances, "outputs": outputs}

    def text(key, tasks):
        count = len(tasks["outputs"])
        nothing = pretrain.Piece(jnp.zeros([count, 1], jnp.int32), jnp.zeros([count, 1], bool))
        unasked = pretrain.Piece(jnp.zeros([count, EXAMPLES, 1], jnp.int32), jnp.zeros([count, EXAMPLES, 1], bool))
        outputs = pretrain.Piece(tasks["outputs"][..., None], jnp.ones([count, EXAMPLES, 1], bool))
        return layout(key, pretrain.SpectrumTask(nothing, unasked, outputs))

    def predict(params, tokens):
        one_hot = jax.nn.one_hot(tokens, VOCABULARY)
        counts = jnp.log1p(jnp.cumsum(one_hot[..., :OUTPUTS], axis=1))
        return algax.Logits(model.apply(params, jnp.concatenate([one_hot, counts], axis=-1)))

    def init(key):
        model_key, test_key = jax.random.split(key)
        return model.init(model_key, jnp.zeros([1, VOCABULARY + OUTPUTS])), {"test": drawn(test_key, HELD_OUT)}

    def batch(params, context, step, key):
        del params, context, step
        task_key, order_key = jax.random.split(key)
        tasks = drawn(task_key, batch_size)
        if mode:
            likeliest = jnp.argmax(tasks["chances"], axis=1)[:, None]
            tasks["outputs"] = jnp.broadcast_to(likeliest, tasks["outputs"].shape)
        return pretrain.causal_terms(text(order_key, tasks))

    def forward(params, terms, key):
        del key
        distribution = predict(params, terms.inputs)
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        tasks = context["test"]
        written = text(key, tasks).tokens
        last = 3 * EXAMPLES - 2  # of the eleventh message's header, output and end the header
        scores = jax.nn.log_softmax(predict(params, written[:, :last]).logits[:, -1])
        said = jnp.exp(scores)[:, :OUTPUTS]
        variety = lambda chances: jnp.sum(1.0 - (1.0 - chances) ** SAMPLES, axis=1)  # noqa: E731
        return {
            "js": jnp.mean(measure.distribution_alignment(tasks["chances"], said).js),
            "variety": jnp.mean(variety(said)) / jnp.mean(variety(tasks["chances"])),
        }

    return Task(init, batch, forward, evaluate)
