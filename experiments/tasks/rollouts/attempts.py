"""Several attempts at a problem in one transcript, with the same uninformative word after each."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import algax
from algax import measure, policy
from algax.experiments.tasks.verified import MARK, MARK_TOKEN, Rollouts, Setting, transcript


class Dialogue(NamedTuple):
    """Dialogues of S turns, each of T tokens of the policy and one that says "again"; L = S (T + 1) - 1.

    Attributes:
        tokens: `[B, L]`.
        mask: `[B, L]`, true on the policy's tokens of turns that took place.
        visible: `[B, L]`, true on the tokens that later ones may see.
        log_probs: `[B, L]` of the policy that sampled.
        correct: `[B, S]`, true where a turn that took place was right.
        answers: `[B, S]` a number for each different answer, -1 for turns that did not take place.
    """

    tokens: jax.Array
    mask: jax.Array
    visible: jax.Array
    log_probs: jax.Array
    correct: jax.Array
    answers: jax.Array


def converse(setting: Setting, params: Any, prompts: jax.Array, key: jax.Array, turns: int, until_right: bool) -> Dialogue:
    """Samples dialogues: an attempt, the word "again", the next attempt, up to `turns` or the first right one."""
    rows = prompts.shape[0]
    again, certain = jnp.full((rows, 1), MARK_TOKEN, jnp.int32), jnp.zeros((rows, 1))
    seen = transcript(prompts, jnp.zeros((rows, 0), jnp.int32))
    open_rows = jnp.ones(rows, bool)
    masks, log_probs, correct, answers = [], [], [], []
    for turn in range(turns):
        if turn:
            seen = _extend(seen, again, jnp.ones((rows, 1), bool))
            masks, log_probs = [*masks, jnp.zeros((rows, 1), bool)], [*log_probs, certain]
        samples = setting.sample(params, seen["tokens"], jax.random.fold_in(key, turn), mask=seen["mask"])
        right = setting.right(prompts, samples.tokens)
        seen = _extend(seen, samples.tokens, samples.mask)
        masks, log_probs = [*masks, samples.mask & open_rows[:, None]], [*log_probs, samples.log_probs]
        correct.append(right & open_rows)
        answers.append(jnp.where(open_rows, _number(samples.tokens, samples.mask), -1))
        if until_right:
            open_rows = open_rows & ~right
    own = slice(prompts.shape[1], None)
    mask, log_probs = jnp.concatenate(masks, axis=1), jnp.concatenate(log_probs, axis=1)
    correct, answers = jnp.stack(correct, axis=1), jnp.stack(answers, axis=1)
    return Dialogue(seen["tokens"][:, own], mask, seen["mask"][:, own], log_probs, correct, answers)


def _extend(seen: dict[str, jax.Array], tokens: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
    return {name: jnp.concatenate([seen[name], new], axis=1) for name, new in (("tokens", tokens), ("mask", mask))}


def _number(tokens: jax.Array, mask: jax.Array) -> jax.Array:
    """A number for each different answer, `[B, T] -> [B]`."""
    numbers = jnp.zeros(tokens.shape[:1], jnp.int32)
    for position in range(tokens.shape[1]):
        numbers = numbers * (MARK_TOKEN + 2) + jnp.where(mask[:, position], tokens[:, position] + 1, 0)
    return numbers


def attempts(turns: int = 3, until_right: bool = True) -> Rollouts:
    """Up to `turns` attempts at each problem; the policy is told nothing but to try again.

    Args:
        turns: S >= 1.
        until_right: True ends a dialogue with the first right attempt (unary feedback), False always makes all (self-
            correction, where the policy must find out by itself whether to change its answer).

    Returns:
        rollouts with `turn_correct`, `turn_answers`, `turn_ids`, `turn_rewards` (1 for a right turn) and `rewards` (1 if any
        turn was right), with the metrics `success_at_1`, `success_at_S`, `retry_gain` (their difference), and
        `accuracy_of_turn_1`, `accuracy_of_last_turn` and `correction_gain` (their difference), where a dialogue that has ended
        keeps its answer.

    Raises:
        ValueError: turns is below 1.
    """
    if turns < 1:
        raise ValueError(f"turns must be at least 1; got {turns}")

    def collect(setting, params, context, prompts, group_ids, key):
        dialogue = converse(setting, params, prompts, key, turns, until_right)
        length = dialogue.tokens.shape[1]
        inputs = transcript(prompts, dialogue.tokens, dialogue.visible)
        ref = algax.Logits(setting.logits(context["reference"], **inputs, length=length))
        any_right = dialogue.correct.any(axis=1)
        return policy.Terms(
            inputs=inputs,
            tokens=dialogue.tokens,
            mask=dialogue.mask,
            rewards=any_right.astype(jnp.float32),
            correct=any_right,
            group_ids=group_ids,
            turn_ids=jnp.broadcast_to(jnp.arange(length) // (setting.answer_length + 1), dialogue.tokens.shape),
            turn_correct=dialogue.correct,
            turn_answers=dialogue.answers,
            turn_rewards=dialogue.correct.astype(jnp.float32),
            old_log_probs=dialogue.log_probs,
            ref_log_probs=ref.log_probs(dialogue.tokens),
        )

    def judge(setting, params, context, prompts, key):
        dialogue = converse(setting, params, prompts, key, turns, until_right)
        last_turn = dialogue.correct.any(axis=1) if until_right else dialogue.correct[:, -1]
        gains = measure.self_correction(dialogue.correct[:, 0], last_turn)
        first, last = (measure.success_at_turn(dialogue.correct, turn) for turn in (1, turns))
        return {
            "success_at_1": first,
            f"success_at_{turns}": last,
            "retry_gain": last - first,
            "accuracy_of_turn_1": gains.first,
            "accuracy_of_last_turn": gains.second,
            "correction_gain": gains.change,
        }

    return Rollouts(collect, judge, MARK)
