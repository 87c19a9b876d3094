"""Answers with help: a hint in the prompt where the policy fails, the beginning of a worked answer to go on from."""

import jax
import jax.numpy as jnp

import algax
from algax import policy
from algax.experiments.tasks.rollouts.once import once
from algax.experiments.tasks.verified import MARK, MARK_TOKEN, Rollouts, Setting, answered, transcript


def hinted(setting: Setting, prompts: jax.Array, answers: jax.Array, length: int) -> jax.Array:
    """The prompts behind a hint, `[B, length + 1 + P]`: the first tokens of a right answer and the mark that says so."""
    marks = jnp.full((len(prompts), 1), MARK_TOKEN, prompts.dtype)
    prefix = len(setting.model.prefix)
    return jnp.concatenate([prompts[:, :prefix], answers[:, :length], marks, prompts[:, prefix:]], axis=1)


def guided(length: int = 1) -> Rollouts:
    """Samples again, with a hint in the prompt, for every problem of which all answers were wrong; see `guided_where_all_fail`.

    The hinted answers are trained on as answers to the plain prompt, with the log-probs they had under the hint. The warm start
    teaches to read hints.

    Args:
        length: tokens of a right answer that the hint tells, >= 1.

    Returns:
        rollouts as those of `once`, in which `guided_tokens` says what was sampled with the hint.

    Raises:
        ValueError: length is below 1.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1; got {length}")
    plain = once()

    def collect(setting, params, context, prompts, group_ids, key):
        plain_key, hint_key = jax.random.split(key)
        terms = plain.collect(setting, params, context, prompts, group_ids, plain_key)
        samples = setting.sample(params, hinted(setting, prompts, setting.answers_to(prompts), length), hint_key)
        with_hint = answered(setting, context, prompts, group_ids, samples.tokens, samples.mask, samples.log_probs)
        mixed, failed = policy.guided_where_all_fail(terms, with_hint)
        return mixed.replace(guided_tokens=mixed.mask & failed[:, None])

    def lesson(setting, prompts, answers):
        return hinted(setting, prompts, answers, length)

    return Rollouts(collect, marks=MARK, lesson=lesson)


def prefixed(length: int = 1, per_group: int = 1) -> Rollouts:
    """Of every group some answers begin with the first tokens of a worked one, and the policy goes on from there.

    Args:
        length: given tokens, from 1 to the answer's length less one.
        per_group: answers of a group that begin so, from 1 to the group's size.

    Returns:
        rollouts as those of `once`, in which `guided_tokens` says which tokens were given; their `old_log_probs` are those of
        the policy that went on.

    Raises:
        ValueError: an argument is out of range.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1; got {length}")
    if per_group < 1:
        raise ValueError(f"per_group must be at least 1; got {per_group}")
    plain = once()

    def collect(setting, params, context, prompts, group_ids, key):
        plain_key, prefix_key = jax.random.split(key)
        terms = plain.collect(setting, params, context, prompts, group_ids, plain_key)
        given = setting.answers_to(prompts)[:, :length]
        options = {"length": setting.answer_length - length}
        rest = setting.sample(params, jnp.concatenate([prompts, given], axis=1), prefix_key, **options)
        tokens = jnp.concatenate([given, rest.tokens], axis=1)
        mask = jnp.concatenate([jnp.ones(given.shape, bool), rest.mask], axis=1)
        chosen = _rank_in_group(group_ids) < per_group
        tokens, mask = (jnp.where(chosen[:, None], a, b) for a, b in ((tokens, terms.tokens), (mask, terms.mask)))
        old = algax.Logits(setting.logits(params, **transcript(prompts, tokens), length=setting.answer_length))
        mixed = answered(setting, context, prompts, group_ids, tokens, mask, old.log_probs(tokens))
        guided_tokens = chosen[:, None] & (jnp.arange(tokens.shape[1]) < length)[None, :]
        return mixed.replace(guided_tokens=guided_tokens)

    return Rollouts(collect)


def _rank_in_group(group_ids: jax.Array) -> jax.Array:
    """0 for the first row of a group, 1 for the next, ...: `[B]`."""
    earlier = jnp.tril(jnp.ones((len(group_ids),) * 2, bool), -1)
    return jnp.sum(earlier & (group_ids[:, None] == group_ids[None, :]), axis=1, dtype=jnp.int32)
