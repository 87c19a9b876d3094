"""Guided rollouts: feedback of a teacher, hints for prompts that fail, imitation beside the policy loss, exchanged roles."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp

from ..core import BatchTransform, LossTransform, checks, loss_transform, numerics
from .shared import scale_weights
from .terms import Terms

# ----- feedback of a teacher ------------------------------------------------------------------------------------------------


class Feedback(NamedTuple):
    """Responses with the feedback that a teacher would append to each, valid tokens first.

    Attributes:
      tokens: `[B, T]` integers.
      mask: `[B, T]`, true on the tokens of the response.
      feedback: `[B, F]` integers.
      feedback_mask: `[B, F]`, true on the tokens of the feedback.
    """

    tokens: jax.Array
    mask: jax.Array
    feedback: jax.Array
    feedback_mask: jax.Array


def append_feedback(share: float = 0.1) -> BatchTransform:
    """Appends a teacher's feedback to a random share of the responses: floor(share B) rows become o (+) f.

    Args:
      share: in [0, 1], such as the value of a schedule at the step.

    Returns:
      `(key, Feedback) -> (tokens, mask, guided_tokens)`, each `[B, T + F]`, for `policy.Terms`; padding is token 0.

    Raises:
      ValueError: share is out of range.

    RRV et al., "ThinkTuning: Instilling Cognitive Reflections without Distillation", 2025, arXiv 2508.07616, where the share
    falls from 0.1 to 0.01 over the first third of training.
    """
    checks.between("share", share, 0.0, 1.0)

    def transform(key: jax.Array, batch: Feedback) -> tuple[jax.Array, jax.Array, jax.Array]:
        rows, length = batch.tokens.shape
        extra = batch.feedback.shape[1]
        chosen = jax.random.permutation(key, rows) < int(share * rows)
        ends = jnp.max(jnp.where(batch.mask.astype(bool), jnp.arange(1, length + 1)[None, :], 0), axis=1, keepdims=True)
        offsets = jnp.arange(length + extra)[None, :] - ends
        slots = jnp.clip(offsets, 0, extra - 1)
        taught = (offsets >= 0) & (offsets < extra) & chosen[:, None]
        taught = taught & jnp.take_along_axis(batch.feedback_mask.astype(bool), slots, axis=1)
        own = jnp.pad(batch.mask.astype(bool), ((0, 0), (0, extra)))
        text = jnp.where(own, jnp.pad(batch.tokens, ((0, 0), (0, extra))), 0)
        text = jnp.where(taught, jnp.take_along_axis(batch.feedback, slots, axis=1).astype(text.dtype), text)
        return text, own | taught, taught

    return transform


def guidance_shaping(
    advantages: jax.Array, *, good: float = 1e-3, bad: float = -1e-3, bound: float = 4.0, released: bool = False
) -> jax.Array:
    """The shaping constant of a guided token: linear from `bad` at A = -bound to `good` at A = bound, constant beyond.

    Args:
      advantages: any shape.
      good: in (-1, 1), the constant at the largest advantage.
      bad: in (-1, 1), the constant at the smallest.
      bound: > 0, the largest |A|.
      released: True clips to [good, bad] in this order, as the released code does: with good > bad the result is `bad`
        everywhere.

    Returns:
      The constants, in the shape of `advantages`.

    Raises:
      ValueError: an argument is out of range.

    RRV et al., "ThinkTuning: Instilling Cognitive Reflections without Distillation", 2025, arXiv 2508.07616.
    """
    checks.between("good", good, -1.0, 1.0, closed="neither")
    checks.between("bad", bad, -1.0, 1.0, closed="neither")
    checks.positive("bound", bound)
    checks.boolean("released", released)
    linear = good + (bad - good) * (bound - advantages) / (2.0 * bound)
    if released:
        return jnp.minimum(jnp.maximum(linear, good), bad)
    return jnp.clip(linear, min(good, bad), max(good, bad))


def shaped_weights(log_probs: jax.Array, constants: jax.Array) -> jax.Array:
    """Weights of guided tokens: w = p / stop(p + gamma), p = exp(log_probs), with gradient w grad log p.

    Where p + gamma < 0 the divisor is p / 1.0001, where it is > 1 it is p / 0.9999.

    Args:
      log_probs: log-probs of the tokens, any shape.
      constants: gamma, the same shape; see `guidance_shaping`.

    Returns:
      The weights, near 1 unless p is as small as gamma.

    RRV et al., "ThinkTuning: Instilling Cognitive Reflections without Distillation", 2025, arXiv 2508.07616.
    """
    probs = jnp.exp(log_probs)
    fixed = jax.lax.stop_gradient(probs)
    divisors = fixed + constants
    divisors = jnp.where(divisors < 0, fixed / 1.0001, jnp.where(divisors > 1, fixed / 0.9999, divisors))
    return numerics.safe_divide(probs, divisors)


def shape_guidance(
    *, good: float = 1e-3, bad: float = -1e-3, bound: float = 4.0, min_prob: float = 0.01, released: bool = False
) -> LossTransform:
    """Replaces the surrogates of guided tokens, whose behaviour policy is unknown, by A w with w = p / stop(p + gamma(A)).

    Good text is pushed a little less where p is tiny, bad text a little more. Guided tokens with A < 0 and p < min_prob keep
    the surrogate that is there, so that w never pushes improbable text down.

    Args:
      good: see `guidance_shaping`.
      bad: see `guidance_shaping`.
      bound: see `guidance_shaping`.
      min_prob: in [0, 1].
      released: see `guidance_shaping`.

    Returns:
      A `LossTransform` reading `surrogates`, `log_probs`, `advantages` and `guided_tokens`, writing `surrogates` `[B, T]`.

    Raises:
      ValueError: an argument is out of range.

    RRV et al., "ThinkTuning: Instilling Cognitive Reflections without Distillation", 2025, arXiv 2508.07616.
    """
    settings: dict[str, Any] = {"good": good, "bad": bad, "bound": bound, "released": released}
    guidance_shaping(jnp.zeros([]), **settings)  # checks the arguments
    checks.between("min_prob", min_prob, 0.0, 1.0)

    def update(terms: Terms) -> Terms:
        advantages = jax.lax.stop_gradient(terms.advantages)
        improbable = (advantages < 0) & (jax.lax.stop_gradient(jnp.exp(terms.log_probs)) < min_prob)
        used = terms.guided_tokens.astype(bool) & ~improbable
        log_probs = jnp.where(used, terms.log_probs, 0.0)
        shaped = advantages * shaped_weights(log_probs, guidance_shaping(advantages, **settings))
        return terms.replace(surrogates=jnp.where(used, shaped, terms.surrogates))

    return loss_transform(
        update,
        reads=("surrogates", "log_probs", "advantages", "guided_tokens"),
        writes=("surrogates",),
        hyperparameters={**settings, "min_prob": min_prob},
    )


# ----- hints for prompts that fail --------------------------------------------------------------------------------------------


def guided_where_all_fail(plain: Terms, guided: Terms) -> tuple[Terms, jax.Array]:
    """Takes, for every prompt that no plain rollout solves, the rollouts that were drawn with a hint.

    A group's rows come from `guided` where max_i r_i <= 0 over its plain rows. All rows are trained in the context of the plain
    prompt: `inputs` of `guided` hold it, while its `old_log_probs` are those recorded under the hint, so that the ratio is
    pi(o | q) / pi_old(o | q, hint).

    Args:
      plain: a record with `rewards` and `group_ids` `[B]`.
      guided: a record with the same fields, of the same shapes and groups.

    Returns:
      The mixed record, and `[B]` booleans that say which rows are guided.

    Raises:
      ValueError: the records differ in their fields or shapes.

    Nath et al., "Adaptive Guidance Accelerates Reinforcement Learning of Reasoning Models", 2025, arXiv 2506.13923.
    """
    plain, guided = plain.prepare(), guided.prepare()
    if plain.rewards is None or plain.group_ids is None:
        raise ValueError("`plain` must have `rewards` and `group_ids`")
    failed = plain.groups(plain.group_ids).max(plain.rewards) <= 0
    others = _rows_of(guided)
    if [(name, x.shape) for name, x in others] != [(name, x.shape) for name, x in _rows_of(plain)]:
        raise ValueError("`plain` and `guided` must have the same fields of the same shapes")
    following = iter(others)

    def choose(name: str, x: jax.Array) -> jax.Array:
        return jnp.where(failed.reshape(-1, *(1,) * (x.ndim - 1)), next(following)[1], x)

    return plain.map_rows(choose).replace(prepared=False), failed


def _rows_of(terms: Terms) -> list[tuple[str, jax.Array]]:
    """The arrays with rows of the batch, in the order in which `map_rows` visits them."""
    found: list[tuple[str, jax.Array]] = []

    def keep(name: str, x: jax.Array) -> jax.Array:
        found.append((name, x))
        return x

    terms.map_rows(keep)
    return found


# ----- imitation beside the policy loss -----------------------------------------------------------------------------------


def on_rollouts(advantage: LossTransform) -> LossTransform:
    """Computes advantages from the policy's own responses alone; demonstrations get 0 and enter no statistic.

    Args:
      advantage: a stateless transform that writes `advantages` (and maybe `returns`) and nothing else.

    Returns:
      A `LossTransform` reading `demonstrations` and what `advantage` reads, writing what it writes.

    Raises:
      TypeError: `advantage` is no transform.
      ValueError: `advantage` writes something else or has a state.

    Zhou et al., "ExPO: Unlocking Hard Reasoning with Self-Explanation-Guided Reinforcement Learning", 2025, arXiv 2507.02834.
    """
    if not isinstance(advantage, LossTransform):
        raise TypeError(f"`advantage` must be a LossTransform, got {advantage!r}")
    if not {"advantages"} <= set(advantage.writes) <= {"advantages", "returns"} or jax.tree.leaves(advantage.init()):
        raise ValueError(f"`advantage` must write `advantages` alone, without state, got {advantage.name}")

    def update(terms: Terms) -> Terms:
        own = terms.mask & ~terms.demonstrations.astype(bool)[:, None]
        after = cast(Terms, advantage.update(terms.replace(mask=own), advantage.init())[0])
        return after.replace(advantages=jnp.where(own, after.advantages, 0.0), mask=terms.mask)

    return loss_transform(
        update,
        reads=dict.fromkeys((*advantage.reads, "demonstrations")),
        writes=advantage.writes,
        optional_reads=advantage.optional_reads,
        metrics=advantage.metrics,
        hyperparameters={"advantage": advantage.name},
        couples_batch=advantage.couples_batch,
    )


def imitation_weights(
    coefficient: float = 1.0, *, policy_mean: str = "sequence", mean: str = "token", unsolved: bool = False
) -> LossTransform:
    """Weights with which `token_mean` gives L = L_policy - coefficient * (mean log-likelihood of the demonstrations).

    "token" averages over tokens, "sequence" over responses of their mean over tokens. With N valid tokens, of which N_d in R_d
    demonstrations, a demonstration of n tokens has weight coefficient N / N_d or coefficient N / (R_d n); the policy's own
    responses, counted apart, have N / N_p or N / (R_p n): demonstrations change nothing in their part.

    Args:
      coefficient: >= 0.
      policy_mean: "token" or "sequence", how the policy's own responses are averaged.
      mean: the same for the demonstrations.
      unsolved: True gives weight 0 to demonstrations of prompts that have a correct response of the policy. They still count
        in the denominator, so that the term fades as prompts are solved.

    Returns:
      A `LossTransform` reading `demonstrations` (with `unsolved` also `correct` and `group_ids`) and writing `weights`
      `[B, T]`; put a surrogate such as `select_rows("demonstrations", log_likelihood(), ppo_clip())` before `token_mean`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Zhou et al., "ExPO: Unlocking Hard Reasoning with Self-Explanation-Guided Reinforcement Learning", 2025, arXiv 2507.02834;
    Wei et al., "GTR: Guided Thought Reinforcement Prevents Thought Collapse in RL-based VLM Agent Training", 2025, arXiv
    2503.08525.
    """
    checks.non_negative("coefficient", coefficient)
    checks.option("policy_mean", policy_mean, ("token", "sequence"))
    checks.option("mean", mean, ("token", "sequence"))
    checks.boolean("unsolved", unsolved)

    def update(terms: Terms) -> Terms:
        shown = terms.demonstrations.astype(bool)
        demonstrated = coefficient * _share_of_mean(terms, shown, mean)
        if unsolved:
            correct = jnp.where(terms.correct.astype(bool) & ~shown, 1.0, 0.0)
            solved = terms.groups(terms.group_ids).max(correct) > 0
            demonstrated = jnp.where(solved, 0.0, demonstrated)
        weights = jnp.where(shown, demonstrated, _share_of_mean(terms, ~shown, policy_mean))
        return scale_weights(terms, jnp.broadcast_to(weights[:, None], terms.mask.shape))

    return loss_transform(
        update,
        reads=("demonstrations", *(("correct", "group_ids") if unsolved else ())),
        writes=("weights",),
        optional_reads=("weights",),
        hyperparameters={"coefficient": coefficient, "policy_mean": policy_mean, "mean": mean, "unsolved": unsolved},
    )


def _share_of_mean(terms: Terms, rows: jax.Array, mean: str) -> jax.Array:
    """`[B]`: N times the weight of one token of a row in the mean over the chosen rows."""
    counts = jnp.sum(jnp.where(terms.mask, 1.0, 0.0), axis=1)
    total = terms.batch_sum(counts)
    if mean == "token":
        return jnp.broadcast_to(numerics.safe_divide(total, terms.batch_sum(jnp.where(rows, counts, 0.0))), counts.shape)
    chosen = terms.batch_sum(jnp.where(rows, 1.0, 0.0))
    return numerics.safe_divide(numerics.safe_divide(total, chosen), counts)
