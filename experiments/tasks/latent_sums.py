"""Sums worked in thought: latents in place of written steps, with or without a decoder that must read the steps off them."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import measure, pretrain
from algax.experiments.tasks.task import Task

DIGITS, OPERANDS = 5, 5
LATENTS = OPERANDS - 1  # one for each running sum; the last is the answer too
EXAMPLES, HELD_OUT = 1000, 512


def latent_sums(model: Any, supervised: bool = True, width: int = 32, batch_size: int = 64) -> Task:
    """The sum of five digits modulo 5 after four latents, see `pretrain.latent_feedback`.

    Args:
        model: a Linen module, a state, the question and the place one-hot, `[..., width + 25 + 5]`, to the next state
            `[..., width]`.
        supervised: whether the decoder's running sums count in the loss, or the answer alone.
        width: of a state.
        batch_size: questions a step, of 1000, drawn with replacement.

    Returns:
        a task with metrics on 512 questions, most of them new: `accuracy` of the answers, `decoded` (share of the running sums
        that the decoder reads off the latents) and `log_diversity` (logarithm of the mean cosine distance of a question's
        latents).
    """
    latent = jnp.arange(LATENTS + 1) > 0

    def states(params, questions):
        """The start and the latents, `[B, 5, width]`, and the states that follow them."""
        rows = len(questions)
        asked = jax.nn.one_hot(questions, DIGITS).reshape(rows, 1, -1)
        places = jnp.broadcast_to(jnp.eye(LATENTS + 1)[None], (rows, LATENTS + 1, LATENTS + 1))

        def hidden(embeddings):
            read = jnp.broadcast_to(asked, (rows, LATENTS + 1, asked.shape[-1]))
            return jnp.tanh(model.apply(params["model"], jnp.concatenate([embeddings, read, places], axis=-1)))

        first = jnp.zeros([rows, LATENTS + 1, width])
        filled = pretrain.latent_feedback(hidden, first, jnp.broadcast_to(latent[None], first.shape[:2]), most=LATENTS)
        return filled[:, 1:], hidden(filled)[:, -1]

    def logits(params, questions):
        """Of the running sums and of the answer, `[B, 5, 5]`, and the latents."""
        latents, last = states(params, questions)
        return jnp.concatenate([latents @ params["decoder"], (last @ params["answer"])[:, None]], axis=1), latents

    def right(questions):
        sums = (jnp.cumsum(questions, axis=1) % DIGITS)[:, 1:]
        return jnp.concatenate([sums, sums[:, -1:]], axis=1)

    def init(key):
        keys = jax.random.split(key, 5)
        heads = [jax.random.normal(key, (width, DIGITS)) / width**0.5 for key in keys[:2]]
        params = model.init(keys[2], jnp.zeros([1, width + OPERANDS * DIGITS + LATENTS + 1]))
        draw = lambda key, count: jax.random.randint(key, (count, OPERANDS), 0, DIGITS)  # noqa: E731
        return {"model": params, "decoder": heads[0], "answer": heads[1]}, {
            "train": draw(keys[3], EXAMPLES),
            "test": draw(keys[4], HELD_OUT),
        }

    def batch(params, context, step, key):
        del params, step
        questions = context["train"][jax.random.randint(key, (batch_size,), 0, EXAMPLES)]
        tokens = right(questions)
        places = jnp.broadcast_to(jnp.arange(LATENTS + 1)[None], tokens.shape)
        return pretrain.Terms(inputs=questions, tokens=tokens, mask=supervised | (places == LATENTS), step_ids=places)

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(logits(params, terms.inputs)[0])
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del key
        scores, latents = logits(params, context["test"])
        found = jnp.argmax(scores, axis=-1) == right(context["test"])
        diversity = jnp.mean(measure.latent_diversity(latents, params["decoder"].T).between)
        return {
            "accuracy": jnp.mean(found[:, -1], dtype=jnp.float32),
            "decoded": jnp.mean(found[:, :-1], dtype=jnp.float32),
            "log_diversity": jnp.log(jnp.maximum(diversity, 1e-6)),
        }

    return Task(init, batch, forward, evaluate)
