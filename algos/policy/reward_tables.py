"""Rewards read off tables: truth values of a response, penalties for reasoning in the wrong place, errors of tool calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .rollout_masks import ROW_FLAGS
from .terms import Terms

# Conditions that must all hold -> reward; the first entry that fits counts.
TOOL_ERRORS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("unusable",), -2.0),
    (("wrong_tool",), -1.5),
    (("hallucinated", "redundant", "missing"), -1.8),
    (("hallucinated", "redundant"), -1.3),
    (("hallucinated", "missing"), -1.3),
    (("redundant", "missing"), -1.0),
    (("hallucinated",), -0.8),
    (("redundant",), -0.5),
    (("missing",), -0.5),
    (("wrong_values",), -0.25),
)


def reward_table(flags: Sequence[str], table: Mapping[tuple[bool, ...], float]) -> LossTransform:
    """Reads the reward off a table of truth values: s = table[flag_1, flag_2, ...].

    Args:
      flags: names of fields `[B]` of truth values, such as ("correct", "well_formed") or ("thinking", "correct").
      table: a number for each of the 2^n combinations, keyed by tuples of bools in the order of `flags`.

    Returns:
      A `LossTransform` reading the flags and writing `rewards` `[B]`.

    Raises:
      ValueError: an unknown flag, or a combination missing or too many.

    Zeng et al., "SimpleRL-Zoo", 2025, arXiv 2503.18892, compare correctness alone, which they recommend, with the table
    (correct, boxed) 1, (correct) 0.5, (boxed) -0.5, neither -1; Fang et al., "Thinkless", 2025, arXiv 2505.13379, pay a right
    answer 1 without and 0.5 with a thought, a wrong one -1.
    """
    flags = checks.strings("flags", flags)
    if not flags:
        raise ValueError("`flags` must name at least one field, got none")
    for flag in flags:
        checks.option("flags", flag, ROW_FLAGS)
    rows = [tuple(bool(i >> (len(flags) - 1 - bit) & 1) for bit in range(len(flags))) for i in range(2 ** len(flags))]
    if set(table) != set(rows):
        raise ValueError(f"`table` must have exactly the keys {rows}, got {list(table)}")
    values = [float(checks.real("table", table[row])) for row in rows]

    def update(terms: Terms) -> Terms:
        index = jnp.zeros(terms.mask.shape[:1], jnp.int32)
        for flag in flags:
            index = 2 * index + getattr(terms, flag).astype(bool).astype(jnp.int32)
        return terms.replace(rewards=jnp.asarray(values, jnp.result_type(float))[index])

    return loss_transform(update, reads=flags, writes=("rewards",), hyperparameters={"flags": flags, "table": dict(table)})


def format_mix(weight: float = 0.5) -> LossTransform:
    """Mixes correctness and format: s = (1 - weight) correct + weight well_formed.

    Args:
      weight: in [0, 1]; 0 is correctness alone.

    Returns:
      A `LossTransform` reading `correct` and `well_formed` `[B]` and writing `rewards` `[B]`.

    Raises:
      ValueError: the weight is out of range.

    Wei et al., "Advancing Multimodal Reasoning via Reinforcement Learning with Cold Start", 2025, arXiv 2505.22334, whose runs
    take correctness alone.
    """
    checks.between("weight", weight, 0.0, 1.0)

    def update(terms: Terms) -> Terms:
        correct, well_formed = (x.astype(jnp.result_type(float)) for x in (terms.correct, terms.well_formed))
        return terms.replace(rewards=(1.0 - weight) * correct + weight * well_formed)

    return loss_transform(update, reads=("correct", "well_formed"), writes=("rewards",), hyperparameters={"weight": weight})


def reasoning_penalties(*, miss: float, over: float, malformed: float = 0.0) -> LossTransform:
    """Punishes reasoning in the wrong place: s -= miss 1[needed, absent] + over 1[present, not needed] + malformed 1[format].

    The ratio of the two dials moves the policy along the front between quality and how often it reasons.

    Args:
      miss: >= 0, for a thought that is absent though the prompt needs one.
      over: >= 0, for a thought that is there though the prompt needs none.
      malformed: >= 0, for a response that breaks the format.

    Returns:
      A `LossTransform` reading `rewards`, `thinking`, `needs_thought` and (unless its penalty is 0) `well_formed` and writing
      `rewards` `[B]`.

    Raises:
      ValueError: a penalty is negative.

    Lou et al., "AdaCoT: Pareto-Optimal Adaptive Chain-of-Thought Triggering via Reinforcement Learning", 2025, arXiv
    2505.11896, who publish no values.
    """
    for name, value in {"miss": miss, "over": over, "malformed": malformed}.items():
        checks.non_negative(name, value)

    def update(terms: Terms) -> Terms:
        thinks, needs = terms.thinking.astype(bool), terms.needs_thought.astype(bool)
        penalties = jnp.where(needs & ~thinks, miss, 0.0) + jnp.where(thinks & ~needs, over, 0.0)
        if malformed > 0:
            penalties += jnp.where(terms.well_formed.astype(bool), 0.0, malformed)
        return terms.replace(rewards=terms.rewards - penalties.astype(terms.rewards.dtype))

    return loss_transform(
        update,
        reads=("rewards", "thinking", "needs_thought", *(("well_formed",) if malformed > 0 else ())),
        writes=("rewards",),
        hyperparameters={"miss": miss, "over": over, "malformed": malformed},
    )


# ----- tool calls -----------------------------------------------------------------------------------------------------------


class ToolCalls(NamedTuple):
    """Calls of tools beside the right ones; the parameters' names are numbered from 0 to P - 1, whatever their order.

    Attributes:
      usable: `[B]` true where the call could be parsed and names a known tool.
      right_tool: `[B]` true where that tool is the right one.
      predicted: `[B, P]` true for the parameters the call gives.
      gold: `[B, P]` true for the parameters of the right call.
      signature: `[B, P]` true for the parameters the called tool has.
      right_values: `[B]` true where all values are those of the right call.
    """

    usable: jax.Array
    right_tool: jax.Array
    predicted: jax.Array
    gold: jax.Array
    signature: jax.Array
    right_values: jax.Array


def tool_errors(calls: ToolCalls) -> dict[str, jax.Array]:
    """What is wrong with calls of tools.

    Args:
      calls: the calls.

    Returns:
      Name -> `[B]` booleans: "unusable"; "wrong_tool"; "hallucinated", a parameter that the tool does not have; "redundant",
      one that it has but the right call does not give; "missing", one that the right call gives and this does not;
      "wrong_values".

    Raises:
      ValueError: the shapes disagree.

    Ye et al., "TL-Training: A Task-Feature-Based Framework for Training Large Language Models in Tool Use", 2024, arXiv
    2412.15495.
    """
    predicted, gold, signature = (x.astype(bool) for x in (calls.predicted, calls.gold, calls.signature))
    if predicted.ndim != 2 or not predicted.shape == gold.shape == signature.shape:
        shapes = predicted.shape, gold.shape, signature.shape
        raise ValueError(f"`calls`: predicted, gold and signature must have one shape [B, P], got {shapes}")
    return {
        "unusable": ~calls.usable.astype(bool),
        "wrong_tool": ~calls.right_tool.astype(bool),
        "hallucinated": (predicted & ~signature).any(axis=1),
        "redundant": (predicted & signature & ~gold).any(axis=1),
        "missing": (gold & ~predicted).any(axis=1),
        "wrong_values": ~calls.right_values.astype(bool),
    }


def error_table(
    errors: Mapping[str, jax.Array],
    table: Sequence[tuple[Sequence[str], float]] = TOOL_ERRORS,
    *,
    otherwise: float = 1.0,
) -> jax.Array:
    """Rewards by the first entry of a table whose errors were all made.

    Args:
      errors: name -> `[B]` booleans, as from `tool_errors`.
      table: (names, reward) in order of precedence; the default is the source's for tool calls.
      otherwise: the reward where no entry fits.

    Returns:
      Rewards `[B]` float32, for `policy.Terms`; the source trains with chain(clip_reward(limit=5.0), ppo(kl_coefficient=0.3)).

    Raises:
      ValueError: the table names an error that is not there.

    Ye et al., "TL-Training: A Task-Feature-Based Framework for Training Large Language Models in Tool Use", 2024, arXiv
    2412.15495.
    """
    checks.real("otherwise", otherwise)
    rewards = jnp.full(next(iter(errors.values())).shape, otherwise, jnp.float32)
    for names, reward in reversed(table):
        checks.real("table", reward)
        fits = jnp.ones(rewards.shape, bool)
        for name in names:
            checks.option("table", name, tuple(errors))
            fits = fits & errors[name].astype(bool)
        rewards = jnp.where(fits, reward, rewards)
    return rewards
