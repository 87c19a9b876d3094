"""Turns with a tool whose output may derail a response: tokens that the policy would never have written."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from algax import policy
from algax.experiments.tasks.task import Task

NOISE = -9.2  # log-prob of a token after garbled output as the sampler recorded it, a ten-thousandth


def record_largest_update() -> optax.GradientTransformation:
    """The last step of an arm's optimizer on `noisy_turns`: keeps the norm of the largest update so far beside the policy."""

    def update(updates, state, params):
        norm = optax.tree.norm(updates["policy"])
        largest = jnp.maximum(params["largest_update"], norm)
        return {"policy": updates["policy"], "largest_update": largest - params["largest_update"]}, state

    return optax.GradientTransformation(lambda params: (), update)


def noisy_turns(model: Any, turns: int = 3, noise: float = 0.2, prompts: int = 8, samples_per_prompt: int = 16) -> Task:
    """One of two tokens a turn, all to be right; after the first turn the tool's output derails some responses.

    From there on such a response has no usable turn (`well_formed` is false), and its tokens are those of a sampler that gave
    each a ten-thousandth, while the policy that is trained finds them ordinary.

    Args:
        model: a Linen module, one-hot prompt and turn `[B, prompts * turns]` to 2 logits; a table that starts at 0.
        turns: of a response, at least 2.
        noise: share of derailed responses.
        prompts: groups a batch.
        samples_per_prompt: responses a group.

    Returns:
        a task with the exact metric `success` without noise and `largest_update`, the decimal logarithm of the largest update's
        norm so far (at least 1e-6), see `record_largest_update`.

    Raises:
        ValueError: turns or noise is out of range.
    """
    if turns < 2:
        raise ValueError(f"turns must be at least 2; got {turns}")
    if not 0 <= noise <= 1:
        raise ValueError(f"noise must be in [0, 1]; got {noise}")
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)

    def log_probs(params):
        return jax.nn.log_softmax(model.apply(params["policy"], jnp.eye(prompts * turns))).reshape(prompts, turns, 2)

    def of(params, tokens):
        return jnp.take_along_axis(log_probs(params)[groups], tokens[..., None], axis=2)[..., 0]

    def init(key):
        table = jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, prompts * turns])))
        right = jax.random.randint(key, (prompts, turns), 0, 2)
        return {"policy": table, "largest_update": jnp.zeros([])}, {"right": right}

    def batch(params, context, step, key):
        del step
        sample_key, noise_key, token_key = jax.random.split(key, 3)
        tokens = jax.random.categorical(sample_key, log_probs(params)[groups])
        derailed = jax.random.bernoulli(noise_key, noise, groups.shape)
        after = derailed[:, None] & (jnp.arange(turns)[None] > 0)
        tokens = jnp.where(after, jax.random.randint(token_key, tokens.shape, 0, 2), tokens)
        correct = jnp.all(tokens == context["right"][groups], axis=1) & ~derailed
        return policy.Terms(
            inputs=groups,
            tokens=tokens,
            mask=jnp.ones(tokens.shape, bool),
            rewards=correct.astype(jnp.float32),
            truncated=jnp.zeros_like(derailed),
            well_formed=~derailed,
            group_ids=groups,
            old_log_probs=jnp.where(after, NOISE, of(params, tokens)),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, terms.tokens))

    def evaluate(params, context, key):
        del key
        right = jnp.take_along_axis(log_probs(params), context["right"][..., None], axis=2)[..., 0]
        return {
            "success": jnp.mean(jnp.exp(jnp.sum(right, axis=1))),
            "largest_update": jnp.log10(jnp.maximum(params["largest_update"], 1e-6)),
        }

    return Task(init, batch, forward, evaluate)
