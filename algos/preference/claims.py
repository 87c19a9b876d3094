"""Pairs out of judged answers: scores by claims, pairs by scores, and lengths kept alike."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


class LengthBalance(NamedTuple):
    """Pairs kept so that chosen and rejected responses are as long as each other.

    Attributes:
      keep: `[P]` true where a pair stays.
      bound_index: `[]` which bound of the grid was taken, int32.
      gap: `[]` relative difference of the mean lengths that is left.
    """

    keep: Array
    bound_index: Array
    gap: Array


def claim_scores(p_yes: Array, p_no: Array, answer_ids: Array, answers: int) -> Array:
    """Scores answers by their claims: minus the number of claims that a judge does not find true (p_yes > p_no).

    Args:
      p_yes: `[C]` the judge's probability that a claim is true, of all spellings of yes.
      p_no: `[C]` that it is not.
      answer_ids: `[C]` integers in [0, A), the answer a claim is taken from.
      answers: A >= 1.

    Returns:
      `[A]` int32 scores <= 0; an answer without claims has 0.

    Raises:
      ValueError: the shapes differ, or A is less than 1.

    Yu et al., "RLAIF-V: Aligning MLLMs through Open-Source AI Feedback for Super GPT-4V Trustworthiness", 2024,
    arXiv 2405.17220.
    """
    checks.integer("answers", answers, least=1)
    if p_no.shape != p_yes.shape or answer_ids.shape != p_yes.shape or p_yes.ndim != 1:
        raise ValueError(f"`p_no` and `answer_ids` must be [C] as `p_yes`, got {p_no.shape}, {answer_ids.shape}, {p_yes.shape}")
    false = (~(p_yes > p_no)).astype(jnp.int32)
    return -jax.ops.segment_sum(false, answer_ids, num_segments=answers)


def score_pairs(scores: Array, prompt_ids: Array, *, least_difference: float = 1.0, most: int | None = None) -> Array:
    """Pairs the answers to a prompt whose scores differ enough, the one with the higher score as the chosen one.

    Args:
      scores: `[A]`.
      prompt_ids: `[A]` integers; answers to one prompt share an id.
      least_difference: > 0, of the scores of a pair, so that equal ones make none.
      most: >= 1 pairs of a prompt, the first ones by chosen and then rejected answer; None for all. 2 in the paper.

    Returns:
      `[A, A]`, true where the row's answer is chosen over the column's.

    Raises:
      ValueError: an argument is out of range.

    Yu et al., "RLAIF-V: Aligning MLLMs through Open-Source AI Feedback for Super GPT-4V Trustworthiness", 2024,
    arXiv 2405.17220.
    """
    checks.positive("least_difference", least_difference)
    if scores.ndim != 1 or prompt_ids.shape != scores.shape:
        raise ValueError(f"`prompt_ids` must have the shape [A] of `scores` {scores.shape}, got {prompt_ids.shape}")
    values = scores.astype(jnp.float32)
    together = prompt_ids[:, None] == prompt_ids[None, :]
    pairs = together & (values[:, None] - values[None, :] >= least_difference)
    if most is None:
        return pairs
    checks.integer("most", most, least=1)
    in_row = jnp.cumsum(pairs, axis=1, dtype=jnp.int32)
    earlier = together & jnp.tril(jnp.ones(together.shape, bool), -1)
    before = jnp.sum(jnp.where(earlier, in_row[:, -1][None, :], 0), axis=1)
    return pairs & (before[:, None] + in_row <= most)


def length_balance(chosen_lengths: Array, rejected_lengths: Array, bounds: Array | None = None) -> LengthBalance:
    """Drops pairs whose chosen response is much the shorter, so that length tells nothing.

    For every bound r the pairs with (rejected - chosen) / rejected > r are left out; the first bound with the least
    |mean chosen - mean rejected| / mean rejected is taken.

    Args:
      chosen_lengths: `[P]`, >= 0.
      rejected_lengths: `[P]`, >= 1.
      bounds: `[R]`; 0, 0.02, ..., 0.98 when left out.

    Returns:
      `LengthBalance`.

    Raises:
      ValueError: the shapes differ.

    Yu et al., "RLAIF-V: Aligning MLLMs through Open-Source AI Feedback for Super GPT-4V Trustworthiness", 2024,
    arXiv 2405.17220.
    """
    if chosen_lengths.ndim != 1 or rejected_lengths.shape != chosen_lengths.shape:
        raise ValueError(
            f"`rejected_lengths` must be [P] as `chosen_lengths` {chosen_lengths.shape}, got {rejected_lengths.shape}"
        )
    chosen, rejected = chosen_lengths.astype(jnp.float32), rejected_lengths.astype(jnp.float32)
    grid = 0.02 * jnp.arange(50, dtype=jnp.float32) if bounds is None else bounds.astype(jnp.float32)
    kept = ((rejected - chosen) / jnp.maximum(rejected, 1.0))[None, :] <= grid[:, None]
    total = jnp.sum(jnp.where(kept, rejected[None, :], 0.0), axis=1)
    difference = jnp.abs(jnp.sum(jnp.where(kept, (chosen - rejected)[None, :], 0.0), axis=1))
    gaps = jnp.where(total > 0, numerics.safe_divide(difference, total), jnp.inf)
    index = jnp.argmin(gaps)
    return LengthBalance(kept[index], index.astype(jnp.int32), gaps[index])


def mean_implicit_rewards(log_probs: Array, ref_log_probs: Array, mask: Array, beta: float = 0.1) -> Array:
    """The policy's own reward of responses, by which to choose the best of several: beta times the mean log-ratio of a token.

    Args:
      log_probs: `[..., T]` log-probs of the tokens under the policy.
      ref_log_probs: `[..., T]` the same under the reference.
      mask: `[..., T]`, true where a token counts.
      beta: > 0.

    Returns:
      `[...]`, 0 for an empty response.

    Yu et al., "RLAIF-V: Aligning MLLMs through Open-Source AI Feedback for Super GPT-4V Trustworthiness", 2024,
    arXiv 2405.17220.
    """
    checks.positive("beta", beta)
    where = mask.astype(bool)
    total = jnp.sum(jnp.where(where, log_probs - ref_log_probs, 0.0), axis=-1)
    return beta * numerics.safe_divide(total, jnp.sum(where, axis=-1, dtype=total.dtype))
