"""Chains of thought before the answer, in characters or in the space of their embeddings."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import algax
from algax import measure, policy
from algax.experiments.tasks.verified import MARK, MARK_TOKEN, Rollouts, Setting, answer_mask

JUDGED = 64  # problems, each answered `samples` times


class Thought(NamedTuple):
    """Thoughts of K inputs and the answers after them.

    Attributes:
        inputs: `[B, K, D]`, what the model reads at the thought's positions.
        tokens: `[B, K + T]`, the thought's characters (0 where it has none) and the answer's.
        log_probs: `[B, K + T]` of the policy that sampled; of a soft input its log-density.
    """

    inputs: jax.Array
    tokens: jax.Array
    log_probs: jax.Array


def thoughts(
    length: int = 3, soft: bool = True, temperature: float = 0.5, noise: float = 0.33, samples: int = 16
) -> Rollouts:
    """A thought of `length` inputs before each answer; judged with characters as thoughts, whichever it practised with.

    The warm start teaches to answer after `length` blanks.

    Args:
        length: K >= 1.
        soft: True for noisy mixtures of embeddings, see `policy.soft_token`, False for sampled characters.
        temperature: of the mixtures, > 0.
        noise: size of the noise relative to that of an embedding, > 0.
        samples: answers to each of at most 64 problems when judged.

    Returns:
        rollouts with the metrics `pass_at_1` and `pass_at_{samples}`, thinking in characters.

    Raises:
        ValueError: an argument is out of range.
    """
    if length < 1 or samples < 1:
        raise ValueError(f"length and samples must be at least 1; got {length} and {samples}")
    if temperature <= 0 or noise <= 0:
        raise ValueError(f"temperature and noise must be above 0; got {temperature} and {noise}")

    def score(setting: Setting, params: Any, inputs: Any, tokens: jax.Array) -> jax.Array:
        embed, prompts = setting.model.embed, inputs["tokens"]
        read = jnp.concatenate([embed(params, prompts), inputs["thought"], embed(params, tokens[:, length:])], axis=1)
        logits = setting.model.apply_embeddings(params, read, None)[:, prompts.shape[1] - 1 : -1]
        log_probs = algax.Logits(logits).log_probs(tokens)
        if not soft:
            return log_probs
        mixtures = policy.mixture_embedding(logits[:, :length], _table(setting, params), temperature=temperature)
        densities = policy.soft_log_probs(inputs["thought"], mixtures, inputs["scale"][:, None])
        return jnp.concatenate([densities, log_probs[:, length:]], axis=1)

    def collect(setting, params, context, prompts, group_ids, key):
        scale = policy.noise_scale(_table(setting, params), noise)
        thought = think(setting, params, prompts, key, length, (temperature, scale) if soft else None)
        answers = thought.tokens[:, length:]
        right = setting.right(prompts, answers)
        own = answer_mask(answers)
        inputs = {"tokens": prompts, "thought": thought.inputs, "scale": jnp.full(len(prompts), scale)}
        return policy.Terms(
            inputs=inputs,
            tokens=thought.tokens,
            mask=jnp.concatenate([jnp.ones((len(prompts), length), bool), own], axis=1),
            rewards=right.astype(jnp.float32),
            correct=right,
            group_ids=group_ids,
            old_log_probs=thought.log_probs,
            ref_log_probs=score(setting, context["reference"], inputs, thought.tokens),
        )

    def forward(setting, params, terms):
        inputs = terms.inputs
        if not soft:  # the characters' embeddings are the policy's own
            inputs = {**inputs, "thought": setting.model.embed(params, terms.tokens[:, :length])}
        return terms.replace(log_probs=score(setting, params, inputs, terms.tokens))

    def judge(setting, params, context, prompts, key):
        problems = prompts[:JUDGED]
        repeated = jnp.repeat(problems, samples, axis=0)
        thought = think(setting, params, repeated, key, length, None)
        correct = setting.right(repeated, thought.tokens[:, length:]).reshape(len(problems), samples)
        counts = jnp.sum(correct, axis=1, dtype=jnp.int32)
        return {f"pass_at_{k}": jnp.mean(measure.pass_at_k(samples, counts, k)) for k in (1, samples)}

    def lesson(setting, prompts, answers):
        return jnp.concatenate([prompts, jnp.full((len(prompts), length), MARK_TOKEN, prompts.dtype)], axis=1)

    return Rollouts(collect, judge, MARK, forward=forward, lesson=lesson)


def think(setting: Setting, params: Any, prompts: jax.Array, key: jax.Array, length: int, soft: tuple | None) -> Thought:
    """Samples thoughts and answers; `soft` is the temperature and scale of soft inputs, None samples characters."""
    embed, table = setting.model.embed, _table(setting, params)
    read, thought, tokens, log_probs = embed(params, prompts), [], [], []
    for position in range(length + setting.answer_length):
        own = jax.random.fold_in(key, position)
        logits = setting.model.apply_embeddings(params, read, None)[:, -1]
        drawn = jax.random.categorical(own, logits).astype(jnp.int32)
        log_prob = algax.Logits(logits[:, None]).log_probs(drawn[:, None])[:, 0]
        new = table[drawn]
        if position < length and soft is not None:
            temperature, scale = soft
            mixture = policy.mixture_embedding(logits, table, temperature=temperature)
            new = policy.soft_token(own, mixture, scale)
            drawn, log_prob = jnp.zeros_like(drawn), policy.soft_log_probs(new, mixture, scale)
        if position < length:
            thought.append(new)
        read = jnp.concatenate([read, new[:, None]], axis=1)
        tokens, log_probs = [*tokens, drawn], [*log_probs, log_prob]
    written, chances = jnp.stack(tokens, axis=1), jnp.stack(log_probs, axis=1)
    return Thought(jnp.stack(thought, axis=1), written, chances)


def _table(setting: Setting, params: Any) -> jax.Array:
    """The embeddings of all characters, `[C, D]`."""
    return setting.model.embed(params, jnp.arange(setting.model.size))
