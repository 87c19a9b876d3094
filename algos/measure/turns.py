"""Measures of dialogues of several turns and of what training with guidance has changed."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics


class SelfCorrection(NamedTuple):
    """What a second attempt changes: five scalars in [-1, 1].

    Attributes:
      first: accuracy of the first attempt.
      second: accuracy of the second.
      change: second - first, which is `fixed` - `broken`.
      fixed: share of problems wrong at first and then right.
      broken: share of problems right at first and then wrong.
    """

    first: jax.Array
    second: jax.Array
    change: jax.Array
    fixed: jax.Array
    broken: jax.Array


def self_correction(first: jax.Array, second: jax.Array) -> SelfCorrection:
    """How a second attempt at the same problems differs from the first.

    Args:
      first: `[N]`, true or 1 where the first attempt is right.
      second: `[N]`, the same of the second.

    Returns:
      `SelfCorrection`.

    Raises:
      ValueError: the arguments are not `[N]`.

    Kumar et al., "Training Language Models to Self-Correct via Reinforcement Learning", 2024, arXiv 2409.12917.
    """
    _require_one_shape(first=first, second=second)
    before, after = first.astype(bool), second.astype(bool)
    fixed, broken = _share(~before & after), _share(before & ~after)
    return SelfCorrection(_share(before), _share(after), fixed - broken, fixed, broken)


def success_at_turn(correct: jax.Array, turns: int) -> jax.Array:
    """The share of problems solved within the first few turns.

    Args:
      correct: `[N, S]`, true or 1 where the answer of a turn is right.
      turns: in 1..S.

    Returns:
      `[]` in [0, 1].

    Raises:
      ValueError: turns is out of range.

    Liu et al., "A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning", 2025, arXiv 2507.14295 (Succ@k).
    """
    checks.between("turns", checks.integer("turns", turns), 1, correct.shape[1])
    return _share(correct[:, :turns].astype(bool).any(axis=1))


def mean_turns(correct: jax.Array) -> jax.Array:
    """How many turns a problem takes on average, up to the first right answer or all of them.

    Args:
      correct: `[N, S]`, true or 1 where the answer of a turn is right.

    Returns:
      `[]` in [1, S].

    Liu et al., "A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning", 2025, arXiv 2507.14295.
    """
    right = correct.astype(bool)
    turns = jnp.where(right.any(axis=1), jnp.argmax(right, axis=1) + 1, right.shape[1])
    return jnp.mean(turns.astype(jnp.float32))


def distinct_share(ids: jax.Array, where: jax.Array | None = None) -> jax.Array:
    """How many of a row's entries are different: distinct entries / entries, and 1 for a row without any.

    Args:
      ids: `[N, S]` integers.
      where: `[N, S]`, true where an entry counts; None for all.

    Returns:
      `[N]` in (0, 1].

    Liu et al., "A Simple 'Try Again' Can Elicit Multi-Turn LLM Reasoning", 2025, arXiv 2507.14295.
    """
    counts = jnp.ones(ids.shape, bool) if where is None else where.astype(bool)
    earlier = jnp.tril(jnp.ones([ids.shape[1], ids.shape[1]], bool), -1)
    seen = ((ids[:, :, None] == ids[:, None, :]) & counts[:, None, :] & earlier[None]).any(axis=2)
    total = jnp.sum(counts, axis=1, dtype=jnp.float32)
    distinct = jnp.sum(counts & ~seen, axis=1, dtype=jnp.float32)
    return jnp.where(total > 0, numerics.safe_divide(distinct, total), 1.0)


def thought_diversity(tokens: jax.Array, mask: jax.Array, *, n: int = 2) -> jax.Array:
    """The share of different n-grams among all n-grams of a set of texts; near 0 when all repeat one template.

    Args:
      tokens: `[N, T]` integers.
      mask: `[N, T]`, true on the tokens that count; an n-gram with one that does not is left out.
      n: in 1..T; T compares whole texts.

    Returns:
      `[]` in [0, 1], 0 without any n-gram.

    Raises:
      ValueError: n is out of range, or the shapes differ.

    Wei et al., "GTR: Guided Thought Reinforcement Prevents Thought Collapse in RL-based VLM Agent Training", 2025, arXiv
    2503.08525; Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016, arXiv 1510.03055.
    """
    _require_one_shape(tokens=tokens, mask=mask)
    checks.between("n", checks.integer("n", n), 1, tokens.shape[1])
    starts = tokens.shape[1] - n + 1
    grams = jnp.stack([tokens[:, i : i + starts].ravel() for i in range(n)])
    valid = jnp.stack([mask[:, i : i + starts].astype(bool).ravel() for i in range(n)]).all(axis=0)
    order = jnp.lexsort((*grams, ~valid))
    grams, valid = grams[:, order], valid[order]
    new = jnp.concatenate([jnp.ones([1], bool), (grams[:, 1:] != grams[:, :-1]).any(axis=0)])
    distinct = jnp.sum(new & valid, dtype=jnp.float32)
    return numerics.safe_divide(distinct, jnp.sum(valid, dtype=jnp.float32))


class ProgressDecomposition(NamedTuple):
    """Where a change of accuracy comes from: shares of all prompts.

    Attributes:
      gain: not solved at the first try before, solved after; the sum of the next two.
      self_distillation: of the gain, prompts solved within k tries before.
      capability_gain: of the gain, prompts not solved within k tries before.
      loss: solved at the first try before, not solved after.
      net: gain - loss, the change of accuracy.
    """

    gain: jax.Array
    self_distillation: jax.Array
    capability_gain: jax.Array
    loss: jax.Array
    net: jax.Array


def rlvr_decomposition(before: jax.Array, before_at_k: jax.Array, after: jax.Array) -> ProgressDecomposition:
    """Splits what reinforcement learning has gained into making tries surer and solving what no try solved.

    Args:
      before: `[N]`, true or 1 where the prompt is solved at the first try before training.
      before_at_k: `[N]`, the same within k tries.
      after: `[N]`, solved at the first try after training.

    Returns:
      `ProgressDecomposition`.

    Raises:
      ValueError: the arguments are not `[N]`.

    Nath et al., "Adaptive Guidance Accelerates Reinforcement Learning of Reasoning Models", 2025, arXiv 2506.13923.
    """
    _require_one_shape(before=before, before_at_k=before_at_k, after=after)
    was, could, now = before.astype(bool), before_at_k.astype(bool), after.astype(bool)
    gained = ~was & now
    gain, loss = _share(gained), _share(was & ~now)
    return ProgressDecomposition(gain, _share(gained & could), _share(gained & ~could), loss, gain - loss)


class SampleQuality(NamedTuple):
    """Two tests of a positive sample, `[N]` each.

    Attributes:
      likelihood: how much likelier the candidate is than the policy's own samples, in nats; far below 0 is off its support.
      signal: how much likelier the right answer is after it than after own wrong samples, in nats; should be above 0.
    """

    likelihood: jax.Array
    signal: jax.Array


def positive_sample_quality(
    own: jax.Array, candidate: jax.Array, answer_own: jax.Array, answer_candidate: jax.Array
) -> SampleQuality:
    """Whether candidates are worth imitating: likely under the policy, and leading to the right answer.

    Args:
      own: `[N]`, mean log-prob of the policy's own samples to each question.
      candidate: `[N]`, mean log-prob of the candidate given the plain question.
      answer_own: `[N]`, log-prob of the right answer after own wrong samples.
      answer_candidate: `[N]`, log-prob of the right answer after the candidate.

    Returns:
      `SampleQuality`: candidate - own and answer_candidate - answer_own.

    Raises:
      ValueError: the arguments differ in shape.

    Zhou et al., "ExPO: Unlocking Hard Reasoning with Self-Explanation-Guided Reinforcement Learning", 2025, arXiv 2507.02834.
    """
    _require_one_shape(own=own, candidate=candidate, answer_own=answer_own, answer_candidate=answer_candidate)
    return SampleQuality(candidate - own, answer_candidate - answer_own)


def logit_gradient_norm(logits: jax.Array, tokens: jax.Array, weights: jax.Array) -> jax.Array:
    """Norm of the gradient of w log softmax(z)[token] with respect to z: |w| sqrt(1 - 2 p + sum_v pi_v^2).

    Rare tokens with a large weight give the largest gradients; without a bound on the ratio where the advantage is negative
    they explode.

    Args:
      logits: `[..., V]`.
      tokens: `[...]` integers.
      weights: `[...]`, such as ratio times advantage.

    Returns:
      `[...]`, in [0, sqrt(2) |w|].

    Xue et al., "SimpleTIR: End-to-End Reinforcement Learning for Multi-Turn Tool-Integrated Reasoning", 2025, arXiv
    2509.02479.
    """
    probs = jax.nn.softmax(numerics.at_least_float32(logits), axis=-1)
    others = jnp.sum(jnp.square(probs - jax.nn.one_hot(tokens, logits.shape[-1], dtype=probs.dtype)), axis=-1)
    return jnp.abs(weights) * numerics.safe_sqrt(others)


def _share(where: jax.Array) -> jax.Array:
    return jnp.mean(where.astype(jnp.float32))


def _require_one_shape(**arrays: jax.Array) -> None:
    shapes = {name: jnp.shape(x) for name, x in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"{', '.join(f'`{name}`' for name in shapes)} must have one shape, got {shapes}")
