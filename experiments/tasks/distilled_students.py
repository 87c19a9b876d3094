"""A small masked language model that learns from a teacher's predictions: which teacher, and whether one at all."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import models, pretrain
from algax.experiments.resolve import nearest
from algax.experiments.tasks.task import Task

TEACHERS = ("none", "general", "of the domain")
TOPICS, LENGTH, TOKENS = 6, 6, 8  # hidden topics of a text, tokens of a text, values of a token
MASK = TOKENS
FEW, HELD_OUT = 150, 512  # texts of the student, texts of the evaluation
SHARPNESS = 2.0  # standard deviation of the logits that tokens are drawn by
STEPS, RATE = 400, 5e-3  # of each stage of the teacher, on fresh texts


def hide_one(key: jax.Array, texts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Hides one token of each text `[B, 6]`: what a model reads, `[B, 60]`, and the hidden tokens `[B]`."""
    place = jax.random.randint(key, (len(texts),), 0, LENGTH)
    here = jnp.arange(LENGTH)[None] == place[:, None]
    read = jax.nn.one_hot(jnp.where(here, MASK, texts), TOKENS + 1).reshape(len(texts), -1)
    right = jnp.sum(jnp.where(here, texts, 0), axis=1)
    return jnp.concatenate([read, here.astype(jnp.float32)], axis=1), right


def distilled_students(model: Any, teacher: str = "of the domain") -> Task:
    """Texts of a hidden topic, every token drawn by topic and place; the domain draws half of the places otherwise.

    The teacher learns general texts, then texts of the domain; the student has 150 texts of the domain, all in every batch.
    One token of each is hidden, at every step another.

    Args:
        model: a Linen module, tokens and the hidden place one-hot `[..., 60]` to logits `[..., 8]`, for the student.
        teacher: whose predictions there are: "of the domain", "general" (after the first stage) or "none".

    Returns:
        a task of `pretrain.Terms` with `teacher_distribution` (without a teacher uniform, for losses that do not read it) and
        the metrics `masked_nll` and `teacher_nll`, of hidden tokens in new texts of the domain.

    Raises:
        ValueError: an unknown teacher.
    """
    if teacher not in TEACHERS:
        raise ValueError(f"unknown teacher {teacher!r}: {nearest(teacher, TEACHERS)}")
    large = models.MLP((128, TOKENS))

    def drawn(key, chances, count):
        topic_key, token_key = jax.random.split(key)
        topics = jax.random.randint(topic_key, (count,), 0, TOPICS)
        return jax.random.categorical(token_key, jnp.log(chances[topics]))

    def nll(logits, right):
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, right))

    def stage(params, chances, key):
        tx = optax.adam(RATE)

        def step(carry, key):
            params, state = carry
            text_key, place_key = jax.random.split(key)
            read, right = hide_one(place_key, drawn(text_key, chances, 64))
            updates, state = tx.update(jax.grad(lambda p: nll(large.apply(p, read), right))(params), state)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, STEPS))[0][0]

    def init(key):
        keys = jax.random.split(key, 8)
        general, other = (jax.nn.softmax(SHARPNESS * jax.random.normal(k, (TOPICS, LENGTH, TOKENS))) for k in keys[:2])
        domain = jnp.where((jnp.arange(LENGTH) % 2 == 0)[None, :, None], general, other)
        first = stage(large.init(keys[2], jnp.zeros([1, (TOKENS + 2) * LENGTH])), general, keys[3])
        context = {
            "general": first,
            "of the domain": stage(first, domain, keys[4]),
            "texts": drawn(keys[5], domain, FEW),
            "test": hide_one(keys[7], drawn(keys[6], domain, HELD_OUT)),
        }
        return model.init(keys[7], context["test"][0][:1]), context

    def batch(params, context, step, key):
        del params, step
        read, right = hide_one(key, context["texts"])
        taught = jnp.zeros([FEW, TOKENS]) if teacher == "none" else large.apply(context[teacher], read)
        return pretrain.Terms(
            inputs=read,
            tokens=right[:, None],
            mask=jnp.ones([FEW, 1], bool),
            teacher_distribution=algax.Logits(taught[:, None]),
        )

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(model.apply(params, terms.inputs)[:, None])
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del key
        read, right = context["test"]
        return {
            "masked_nll": nll(model.apply(params, read), right),
            "teacher_nll": nll(large.apply(context["of the domain"], read), right),
        }

    return Task(init, batch, forward, evaluate)
