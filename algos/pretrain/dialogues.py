"""Dialogues of responses and feedback on them, laid out as texts to train on."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks
from .control import pack_left

Array = jax.Array


class FeedbackTurns(NamedTuple):
    """Prompts with up to S responses each and the feedback on every response, such as a critique and a score.

    Attributes:
      prompts: `[B, P]` integers, with prompt_mask: `[B, P]`.
      responses: `[B, S, T]` integers, with response_mask: `[B, S, T]`; a turn without tokens did not take place.
      feedback: `[B, S, F]` integers, with feedback_mask: `[B, S, F]`.
    """

    prompts: Array
    prompt_mask: Array
    responses: Array
    response_mask: Array
    feedback: Array
    feedback_mask: Array


class DialogueText(NamedTuple):
    """Dialogues as texts.

    Attributes:
      tokens: `[B, P + S (T + F)]` integers, moved to the left.
      mask: of the same shape, true on tokens.
      loss_mask: of the same shape, true on tokens to train on, which are all in responses.
    """

    tokens: Array
    mask: Array
    loss_mask: Array


def feedback_dialogue(turns: FeedbackTurns, train_turns: str = "last", *, pad_token: int = 0) -> DialogueText:
    """Lays out responses with their feedback, so that a model learns to answer under it.

    * `"last"`: prompt, y_1, f_1, y_2, f_2, ..., y_last; the last response is trained on, given all earlier turns. It is
      to be the one that earned the best feedback.
    * `"all"`: prompt, f_1, y_1, f_2, y_2, ...; every response is trained on, given the feedback it itself obtained. With one
      turn this is training conditioned on critiques: at inference, write the best feedback after the prompt.

    Args:
      turns: a batch.
      train_turns: one of the two.
      pad_token: >= 0, written where `mask` is false.

    Returns:
      `DialogueText`, of static shapes.

    Raises:
      ValueError: an argument is out of range.

    Chen et al., "DRESS: Instructing Large Vision-Language Models to Align and Interact with Humans via Natural Language
    Feedback", 2023, arXiv 2311.10081. Which turns are trained on is a choice made here.
    """
    checks.option("train_turns", train_turns, ("last", "all"))
    checks.integer("pad_token", pad_token, least=0)
    answered = turns.response_mask.astype(bool)
    taken = jnp.any(answered, axis=2)
    heard = turns.feedback_mask.astype(bool) & taken[..., None]
    if train_turns == "last":
        later = jnp.cumsum(taken[:, ::-1], axis=1)[:, ::-1] - taken.astype(jnp.int32) > 0
        heard, trained = heard & later[..., None], answered & ~later[..., None]
        order = ((turns.responses, answered, trained), (turns.feedback, heard, jnp.zeros_like(heard)))
    else:
        order = ((turns.feedback, heard, jnp.zeros_like(heard)), (turns.responses, answered, answered))
    prompt = (turns.prompts, turns.prompt_mask.astype(bool), jnp.zeros(turns.prompts.shape, bool))
    tokens, keep, trained = (_flat(*parts) for parts in zip(prompt, *order, strict=True))
    tokens, mask, (loss_mask,) = pack_left(tokens, keep, trained, pad_token=pad_token)
    return DialogueText(tokens, mask, loss_mask)


def _flat(prompt: Array, first: Array, second: Array) -> Array:
    """Prompt and turns of two parts each, side by side: `[B, P], [B, S, .], [B, S, .] -> [B, L]`."""
    turns = jnp.concatenate([first, second.astype(first.dtype)], axis=2)
    return jnp.concatenate([prompt.astype(first.dtype), turns.reshape(turns.shape[0], -1)], axis=1)
