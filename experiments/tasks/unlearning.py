"""Unlearning on text: a model that knows several modules of the standard library is to forget one of them."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.core import meta

from algax import unlearn
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.text import library, mean_nll, take, window_log_probs, window_mask, windows


def pretrained(model: Any, params: Any, rows: jax.Array, key: jax.Array, steps: int, learning_rate: float) -> Any:
    """Parameters after next-token prediction on windows, 32 a step (Adam, cosine decay)."""
    tx = optax.adam(optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1))

    def loss(params, batch):
        return mean_nll(window_log_probs(model, params, batch), window_mask(batch))

    def step(carry, key):
        params, state = carry
        batch = rows[jax.random.randint(key, (32,), 0, len(rows))]
        updates, state = tx.update(jax.grad(loss)(params, batch), state)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, steps))
    return params


def unlearning(
    model: Any,
    forget: tuple[str, ...] = ("colorsys",),
    retain: tuple[str, ...] = ("json",),
    length: int = 32,
    batch_size: int = 16,
    pretrain_steps: int = 300,
    pretrain_learning_rate: float = 3e-3,
    held_out: int = 128,
) -> Task:
    """Forgetting of one domain of text, with the model pre-trained on both kinds in `init` as the reference.

    Args:
        model: a `models.Transformer` over `ByteTokenizer.vocabulary_size` tokens.
        forget: domains to forget, see `text.library`.
        retain: domains to keep.
        length: predicted tokens a window.
        batch_size: forget and retain windows a step, each.
        pretrain_steps: next-token steps before the first unlearning step, half of them on forget windows.
        pretrain_learning_rate: their peak rate.
        held_out: windows of each kind in the evaluation.

    Returns:
        a task with the metrics `forget_nll` and `retain_nll`, in nats a byte.
    """
    forget_rows, retain_rows = (jnp.asarray(windows(library(domains).values(), length)) for domains in (forget, retain))
    rows = {"forget": forget_rows, "retain": retain_rows}
    held = {f"{name}_nll": take(value, held_out) for name, value in rows.items()}

    def init(key):
        model_key, order_key, train_key = jax.random.split(key, 3)
        params = meta.unbox(model.init(model_key, forget_rows[:1, :-1]))
        # As many forget windows as retain windows, so that both domains are learnt alike.
        repeats = jax.random.randint(order_key, (len(retain_rows),), 0, len(forget_rows))
        both = jnp.concatenate([retain_rows, forget_rows[repeats]])
        params = pretrained(model, params, both, train_key, pretrain_steps, pretrain_learning_rate)
        return params, {"reference": params}

    def batch(params, context, step, key):
        del params, step
        keys = dict(zip(rows, jax.random.split(key), strict=True))
        inputs = {name: value[jax.random.randint(keys[name], (batch_size,), 0, len(value))] for name, value in rows.items()}
        return unlearn.Terms(
            inputs=inputs,
            forget_mask=window_mask(inputs["forget"]),
            retain_mask=window_mask(inputs["retain"]),
            ref_forget_log_probs=window_log_probs(model, context["reference"], inputs["forget"]),
        )

    def forward(params, terms, key):
        del key
        # One pass over both kinds: half the program to compile.
        both = jnp.concatenate([terms.inputs["forget"], terms.inputs["retain"]])
        log_probs = window_log_probs(model, params, both)
        count = len(terms.inputs["forget"])
        return terms.replace(forget_log_probs=log_probs[:count], retain_log_probs=log_probs[count:])

    def evaluate(params, context, key):
        del context, key
        return {name: mean_nll(window_log_probs(model, params, value), window_mask(value)) for name, value in held.items()}

    return Task(init, batch, forward, evaluate)
