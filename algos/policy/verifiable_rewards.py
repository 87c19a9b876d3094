"""Rewards from checkers instead of models: verified answers, majority votes with novelty, and the filter that goes along."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform, numerics
from ..core.terms import row_mask
from .terms import Terms

# ----- RLVR -------------------------------------------------------------------------------------------------------------


def verifiable_reward(*, value: float = 10.0, no_eos: float | None = -10.0) -> LossTransform:
    """Rewards what a checker accepts: s = value if correct, else 0; no_eos where the response never ended.

    Args:
      value: > 0.
      no_eos: the reward of a truncated response, whatever it holds; None rewards it like the others.

    Returns:
      A `LossTransform` reading `correct` and (unless no_eos is None) `truncated` `[B]` and writing `rewards` `[B]`.

    Raises:
      ValueError: an argument is out of range.

    Lambert et al., "Tulu 3: Pushing Frontiers in Open Language Model Post-Training", 2024, arXiv 2411.15124.
    """
    checks.positive("value", value)
    if no_eos is not None:
        checks.real("no_eos", no_eos)

    def update(terms: Terms) -> Terms:
        rewards = jnp.where(terms.correct.astype(bool), value, 0.0)
        if no_eos is not None:
            rewards = jnp.where(terms.truncated.astype(bool), no_eos, rewards)
        return terms.replace(rewards=rewards)

    return loss_transform(
        update,
        reads=("correct",) if no_eos is None else ("correct", "truncated"),
        writes=("rewards",),
        hyperparameters={"value": value, "no_eos": no_eos},
    )


def clip_reward(*, limit: float = 2.5) -> LossTransform:
    """Clips each response's reward to [-limit, limit].

    Args:
      limit: > 0.

    Returns:
      A `LossTransform` writing `rewards` `[B]`.

    Raises:
      ValueError: limit is not positive.

    Chai et al., "MA-RLHF: Reinforcement Learning from Human Feedback with Macro Actions", 2024, arXiv 2410.02743.
    """
    checks.positive("limit", limit)

    def update(terms: Terms) -> Terms:
        return terms.replace(rewards=jnp.clip(terms.rewards, -limit, limit))

    return loss_transform(update, reads=("rewards",), writes=("rewards",), hyperparameters={"limit": limit})


# ----- EVOL-RL ----------------------------------------------------------------------------------------------------------


def majority_labels() -> LossTransform:
    """Takes the most frequent answer to each prompt for the right one, without labels.

    Of equally frequent answers the one with the least id wins. Responses without an answer have no vote.

    Returns:
      A `LossTransform` reading `answer_ids`, `group_ids` and, where given, `has_answer` `[B]` and writing `correct` `[B]`.

    Zhou et al., "Evolving Language Models without Labels: Majority Drives Selection, Novelty Promotes Variation", 2025, arXiv
    2509.15194, which trains on part of the responses that vote: with more votes than rows set `correct` instead.
    """

    def update(terms: Terms) -> Terms:
        voting = _answered(terms)
        groups = terms.groups(terms.group_ids).only(voting)
        answers = groups.split(terms.answer_ids)
        votes = answers.count(jnp.ones(voting.shape, jnp.float32))
        most = voting & (votes == groups.max(votes))
        ranks = terms.local_rows(answers.segment_ids, voting.shape[0]).astype(jnp.float32)  # in the order of the ids
        least = -groups.only(most).max(-ranks)
        return terms.replace(correct=most & (ranks == least))

    return loss_transform(update, reads=("answer_ids", "group_ids"), optional_reads=("has_answer",), writes=("correct",))


def _answered(terms: Terms) -> jax.Array:
    rows = row_mask(terms.mask)
    return rows if terms.has_answer is None else rows & terms.has_answer.astype(bool)


def novelty_reward(
    *,
    alpha: float = 0.5,
    majority_range: Sequence[float] = (0.5, 1.0),
    minority_range: Sequence[float] = (-1.0, -0.5),
) -> LossTransform:
    """Rewards right responses above wrong ones, and within each class those that differ from the others.

    With the similarities S = clip(E E^T, 0, 1) of a prompt's responses (unit embeddings E), s_i the mean over the others of
    the class (of all others if there are none) and m_i the largest over all others: u_i = 1 - alpha s_i - (1 - alpha) m_i.
    Within the class u is mapped linearly to its range; if all u of it are equal, to the middle. A response alone in its class
    gets the upper end; one without an answer the lower end of the minority's, and it is nobody's other.

    Args:
      alpha: in [0, 1], weight of the class's mean against the nearest neighbour.
      majority_range: (least, greatest) reward of responses in `correct`.
      minority_range: (least, greatest) reward of the rest.

    Returns:
      A `LossTransform` reading `embeddings` `[B, E]`, `correct`, `group_ids` and, where given, `has_answer` `[B]` and writing
      `rewards` `[B]`.

    Raises:
      ValueError: alpha is out of range, or a range is not two increasing numbers.

    Zhou et al., "Evolving Language Models without Labels: Majority Drives Selection, Novelty Promotes Variation", 2025, arXiv
    2509.15194.
    """
    checks.between("alpha", alpha, 0.0, 1.0)
    majority, minority = _range("majority_range", majority_range), _range("minority_range", minority_range)

    def update(terms: Terms) -> Terms:
        counted, positive = _answered(terms), terms.correct.astype(bool)
        novelty = 1.0 - _similarity(terms, counted, positive, alpha)
        classes = terms.groups(terms.group_ids).only(counted).split(positive.astype(jnp.int32))
        least, greatest = -classes.max(-novelty), classes.max(novelty)
        distinct = greatest - least > 1e-6  # below it they differ by rounding alone
        share = jnp.where(distinct, numerics.safe_divide(novelty - least, greatest - least), 0.5)
        share = jnp.where(classes.count(novelty) > 1, share, 1.0)
        low = jnp.where(positive, majority[0], minority[0])
        width = jnp.where(positive, majority[1] - majority[0], minority[1] - minority[0])
        return terms.replace(rewards=jnp.where(counted, low + width * share, minority[0]))

    return loss_transform(
        update,
        reads=("embeddings", "correct", "group_ids"),
        optional_reads=("has_answer",),
        writes=("rewards",),
        hyperparameters={"alpha": alpha, "majority_range": majority, "minority_range": minority},
    )


def _range(name: str, value: Sequence[float]) -> tuple[float, float]:
    if len(value) != 2:
        raise ValueError(f"`{name}` must be two increasing numbers, got {value!r}")
    checks.between(name, value[0], -float("inf"), float("inf"), closed="neither")
    checks.between(name, value[1], value[0], float("inf"), closed="neither")
    return float(value[0]), float(value[1])


def _similarity(terms: Terms, counted: jax.Array, positive: jax.Array, alpha: float) -> jax.Array:
    """Mean similarity to the class and largest to anyone, weighed alpha to 1 - alpha: `[B]`; 0.5 for no others."""
    rows = counted.shape[0]
    embeddings = jnp.where(counted[:, None], terms.embeddings, 0.0)
    embeddings = embeddings / jnp.maximum(numerics.safe_sqrt(jnp.sum(jnp.square(embeddings), axis=1)), 1e-12)[:, None]
    everyone, ids, classes, valid = (terms.gather(x) for x in (embeddings, terms.group_ids, positive, counted))
    similar = jnp.clip(jnp.matmul(embeddings, everyone.T, precision=jax.lax.Precision.HIGHEST), 0.0, 1.0)
    index = jnp.arange(ids.shape[0])
    own = terms.local_rows(index, rows)
    others = valid[None, :] & (terms.group_ids[:, None] == ids[None, :]) & (own[:, None] != index[None, :])
    same = others & (positive[:, None] == classes[None, :])
    same = jnp.where(same.any(axis=1, keepdims=True), same, others)
    some = others.any(axis=1)
    mean = numerics.safe_divide(jnp.sum(jnp.where(same, similar, 0.0), axis=1), jnp.sum(same, axis=1, dtype=similar.dtype))
    largest = jnp.max(jnp.where(others, similar, 0.0), axis=1)
    return jnp.where(some, alpha * mean + (1.0 - alpha) * largest, 0.5)


# ----- StableReinforce --------------------------------------------------------------------------------------------------


def consistency_reward(*, consistency: float = 0.5, well_formed: float = 0.5) -> LossTransform:
    """Accuracy, raised where the reasoning supports it, plus format: s = correct (1 + c consistent) + f well_formed.

    Args:
      consistency: c >= 0.
      well_formed: f >= 0.

    Returns:
      A `LossTransform` reading `correct`, `consistent` and `well_formed` `[B]` and writing `rewards` `[B]`.

    Raises:
      ValueError: an argument is negative.

    Zhang et al., "R1-Reward: Training Multimodal Reward Model Through Stable Reinforcement Learning", 2025, arXiv 2505.02835.
    """
    checks.non_negative("consistency", consistency)
    checks.non_negative("well_formed", well_formed)

    def update(terms: Terms) -> Terms:
        def one(x: jax.Array) -> jax.Array:
            return jnp.where(x.astype(bool), 1.0, 0.0)

        accuracy = one(terms.correct) * (1.0 + consistency * one(terms.consistent))
        return terms.replace(rewards=accuracy + well_formed * one(terms.well_formed))

    return loss_transform(
        update,
        reads=("correct", "consistent", "well_formed"),
        writes=("rewards",),
        hyperparameters={"consistency": consistency, "well_formed": well_formed},
    )


def sigma_filter(*, sigmas: float = 3.0) -> LossTransform:
    """Standardises advantages and drops the outliers: A <- z 1[|z| <= sigmas], z = (A - mean) / sqrt(max(variance, 1e-8)).

    Args:
      sigmas: > 0.

    Returns:
      A `LossTransform` reading and writing `advantages` `[B, T]`, with mean and population variance over the valid tokens of
      the batch; metric `kept_advantages`, the share that stays.

    Raises:
      ValueError: sigmas is not positive.

    Zhang et al., "R1-Reward: Training Multimodal Reward Model Through Stable Reinforcement Learning", 2025, arXiv 2505.02835.
    Released code compares z with the batch's mean before standardisation +- 3 and drops |z| > 10 too.
    """
    checks.positive("sigmas", sigmas)

    def update(terms: Terms) -> Terms:
        variance = jnp.maximum(terms.batch_variance(terms.advantages), 1e-8)
        standardised = (terms.advantages - terms.batch_mean(terms.advantages)) * jax.lax.rsqrt(variance)
        keep = terms.mask & (jnp.abs(standardised) <= sigmas)
        terms = terms.add_metric("kept_advantages", keep.astype(standardised.dtype))
        return terms.replace(advantages=jnp.where(keep, standardised, 0.0))

    return loss_transform(
        update,
        reads=("advantages",),
        writes=("advantages",),
        metrics=("kept_advantages",),
        hyperparameters={"sigmas": sigmas},
    )


def bounded_ratio(*, least: float = 1e-3, greatest: float = 1e3) -> LossTransform:
    """Ratio of every token, clipped before it is exponentiated: r_t = exp(clip(d_t, log least, log greatest)).

    d_t = log_probs - old_log_probs; beyond the bounds the ratio has no gradient. With bounds that far out only broken
    log-probs reach them; within them this is `token_ratio`.

    Args:
      least: in (0, 1].
      greatest: >= 1.

    Returns:
      A `LossTransform` writing `ratios` `[B, T]`.

    Raises:
      ValueError: a bound is out of range.

    Zhang et al., "R1-Reward: Training Multimodal Reward Model Through Stable Reinforcement Learning", 2025, arXiv 2505.02835.
    """
    checks.between("least", least, 0.0, 1.0, closed="high")
    checks.between("greatest", greatest, 1.0, float("inf"))

    def update(terms: Terms) -> Terms:
        log_ratios = jnp.clip(terms.log_probs - terms.old_log_probs, math.log(least), math.log(greatest))
        return terms.replace(ratios=jnp.exp(log_ratios))

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs"),
        writes=("ratios",),
        hyperparameters={"least": least, "greatest": greatest},
    )
