"""Reasoning as an auxiliary target: what is read and learned in which order."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks
from .control import pack_left
from .text import TokenBatch

Array = jax.Array

MODES = ("none", "before", "after", "auxiliary")


class Piece(NamedTuple):
    """A part of a text, or several.

    Attributes:
      tokens: `[B, L]` or `[B, N, L]` integers.
      mask: of the same shape, true on tokens.
    """

    tokens: Array
    mask: Array


class ReasoningStep(NamedTuple):
    """A step of a trajectory with its expert actions, and what is said about it.

    Attributes:
      act_prompt: observation and instruction, asking for actions.
      reason_prompt: the same, asking for the rationale.
      instruction_prompt: the trajectory, asking for its instruction.
      actions: the tokens of this and the next actions.
      rationale: why the action is right.
      instruction: what the trajectory was to do.
    """

    act_prompt: Piece
    reason_prompt: Piece
    instruction_prompt: Piece
    actions: Piece
    rationale: Piece
    instruction: Piece


def reasoning_format(step: ReasoningStep, mode: str = "auxiliary", *, pad_token: int = 0) -> dict[str, TokenBatch]:
    """Texts that teach to act without, after, before or beside reasoning.

    * `"none"`: act_prompt, actions;
    * `"before"`: act_prompt, rationale, actions;
    * `"after"`: act_prompt, actions, rationale;
    * `"auxiliary"`: act_prompt, actions, and as texts of their own reason_prompt, rationale and instruction_prompt,
      instruction, so that acting alone is asked for in use.

    The loss is the sum of a `next_token` for each text, with coefficients of 1 unless there is a reason. The paper gives the
    auxiliary mode the next three actions, of which only the first is taken, the others one.

    Args:
      step: see `ReasoningStep`.
      mode: one of the four.
      pad_token: written behind the texts.

    Returns:
      `"act"`, and in the auxiliary mode `"reason"` and `"instruct"`: a `TokenBatch` each, whose prompts are not learned.

    Raises:
      ValueError: an unknown mode.

    Source: Wang et al., "Aux-Think: Exploring Reasoning Strategies for Data-Efficient Vision-Language Navigation", 2025,
    arXiv 2505.11886. The coefficients are ours.
    """
    checks.option("mode", mode, MODES)
    checks.integer("pad_token", pad_token, least=0)
    answers = {"before": (step.rationale, step.actions), "after": (step.actions, step.rationale)}
    texts = {"act": _answered(step.act_prompt, answers.get(mode, (step.actions,)), pad_token)}
    if mode == "auxiliary":
        texts["reason"] = _answered(step.reason_prompt, (step.rationale,), pad_token)
        texts["instruct"] = _answered(step.instruction_prompt, (step.instruction,), pad_token)
    return texts


def _answered(prompt: Piece, answers: tuple[Piece, ...], pad_token: int) -> TokenBatch:
    """A prompt and what is learned after it, packed to the left."""
    pieces = (prompt, *answers)
    tokens = jnp.concatenate([piece.tokens for piece in pieces], axis=1)
    mask = jnp.concatenate([piece.mask.astype(bool) for piece in pieces], axis=1)
    learned = mask & (jnp.arange(mask.shape[1]) >= prompt.tokens.shape[1])[None]
    packed, kept, (moved,) = pack_left(tokens, mask, learned, pad_token=pad_token)
    return TokenBatch(packed, kept, packed, moved)


def receding_horizon(actions: Array, *, execute: int = 1) -> Array:
    """The first of the planned actions; the others are planned anew after them.

    Args:
      actions: `[B, n]` or `[B, n, ...]`, planned.
      execute: in [1, n].

    Returns:
      `[B, execute, ...]`.

    Raises:
      ValueError: an argument is out of range.

    Source: Wang et al., 2025, arXiv 2505.11886.
    """
    checks.integer("execute", execute, least=1)
    if execute > actions.shape[1]:
        raise ValueError(f"`execute` must be at most the {actions.shape[1]} planned actions, got {execute}")
    return actions[:, :execute]
