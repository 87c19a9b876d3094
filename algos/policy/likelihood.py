"""Likelihood as the surrogate: of correct responses, of the implicit policy of wrong ones, weighted token by token."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ..core import LossTransform, checks, loss_transform, numerics
from .shared import scale_weights
from .terms import Terms


def log_likelihood() -> LossTransform:
    """Maximum likelihood, as on demonstrations: the surrogate log pi.

    Returns:
      A `LossTransform` writing `surrogates` `[B, T]`.

    Lv et al., "Towards a Unified View of Large Language Model Post-Training", 2025, arXiv 2509.04419.
    """
    return loss_transform(lambda terms: terms.replace(surrogates=terms.log_probs), reads=("log_probs",), writes=("surrogates",))


def score_ratio() -> LossTransform:
    """The ratio of the policy to itself: exp(log_probs - stop(log_probs)), of value 1 and with the score as gradient.

    Returns:
      A `LossTransform` writing `ratios` `[B, T]`.

    Lyu et al., "Exploring the Limit of Outcome Reward for Learning Mathematical Reasoning", 2025, arXiv 2502.06781.
    """
    return loss_transform(
        lambda terms: terms.replace(ratios=jnp.exp(terms.log_probs - jax.lax.stop_gradient(terms.log_probs))),
        reads=("log_probs",),
        writes=("ratios",),
    )


# ----- the accuracy of a prompt, and the policy of its wrong answers ------------------------------------------------------


def success_rate() -> LossTransform:
    """The share of correct responses among those to the same prompt.

    Returns:
      A `LossTransform` reading `correct` and `group_ids`, writing `success_rates` `[B]`; metric `success_rate`.

    Chen et al., "Bridging Supervised Learning and Reinforcement Learning in Math Reasoning", 2025, arXiv 2505.18116.
    """

    def update(terms: Terms) -> Terms:
        rates = terms.groups(terms.group_ids).mean(jnp.where(terms.correct.astype(bool), 1.0, 0.0))
        return terms.add_metric("success_rate", rates).replace(success_rates=rates)

    return loss_transform(update, reads=("correct", "group_ids"), writes=("success_rates",), metrics=("success_rate",))


def _check_rate_bounds(rate_bounds: tuple[float, float]) -> None:
    low, high = rate_bounds
    checks.between("rate_bounds", low, 0.0, 1.0, closed="neither")
    checks.between("rate_bounds", high, low, 1.0, closed="low")


def success_rate_weight(kind: str = "one_minus_rate", *, rate_bounds: tuple[float, float] = (0.02, 0.98)) -> LossTransform:
    """Weighs prompts by their difficulty, with rho their success rate.

    "one_minus_rate": weights *= 1 - rho. "group_std": weights *= sqrt((1 - rho) / rho), with which the implicit negative
    policy's gradient on policy is that of GRPO.

    Args:
      kind: "one_minus_rate" or "group_std".
      rate_bounds: 0 < low <= high < 1, to which rho is clipped.

    Returns:
      A `LossTransform` reading `success_rates`, writing `weights` `[B, T]`.

    Raises:
      ValueError: an unknown kind, or bounds out of range.

    Chen et al., "Bridging Supervised Learning and Reinforcement Learning in Math Reasoning", 2025, arXiv 2505.18116.
    """
    checks.option("kind", kind, ("one_minus_rate", "group_std"))
    _check_rate_bounds(rate_bounds)

    def update(terms: Terms) -> Terms:
        rates = jnp.clip(terms.success_rates, *rate_bounds)
        per_row = 1.0 - rates if kind == "one_minus_rate" else jnp.sqrt((1.0 - rates) / rates)
        weights = jnp.where(terms.mask, per_row[:, None], 0.0)
        return scale_weights(terms, weights)

    return loss_transform(
        update,
        reads=("success_rates",),
        writes=("weights",),
        optional_reads=("weights",),
        hyperparameters={"kind": kind, "rate_bounds": rate_bounds},
    )


def _log_of_clamped(x: jax.Array, floor: jax.Array) -> jax.Array:
    """Log max(x, floor), whose gradient passes through the clamp: that of x, divided by the clamped value."""
    clamped = jax.lax.stop_gradient(jnp.maximum(x, floor))
    return jnp.log(clamped) + (x - jax.lax.stop_gradient(x)) / clamped


def implicit_negative(
    *,
    negative_weight: float = 1.0,
    negative_floor: float = 1.0,
    positive_floor: float = 0.0,
    rate_bounds: tuple[float, float] = (0.02, 0.98),
    log_max: float = 10.0,
    level: str = "token",
) -> LossTransform:
    """Maximum likelihood of correct responses, and of wrong ones under the policy that is left when the correct are removed.

    With R = pi / pi_old and rho the prompt's success rate: log max(R, positive_floor) on correct responses, and on the others
    negative_weight * log max((1 - rho R) / (1 - rho), negative_floor). The clamps act on values; gradients pass through them.

    Args:
      negative_weight: >= 0; 0 leaves rejection-sampling fine-tuning.
      negative_floor: > 0.
      positive_floor: >= 0; 0 for no floor.
      rate_bounds: 0 < low <= high < 1, to which rho is clipped.
      log_max: > 0, upper limit of log R.
      level: "token", or "sequence" for the product of a response's ratios, whose surrogate then stands on each of its tokens
        (reduce with `sequence_mean_token_mean`).

    Returns:
      A `LossTransform` reading `log_probs`, `old_log_probs`, `correct`, `success_rates`, writing `surrogates` `[B, T]`.

    Raises:
      ValueError: an argument is out of range or unknown.

    Chen et al., "Bridging Supervised Learning and Reinforcement Learning in Math Reasoning", 2025, arXiv 2505.18116 (NFT).
    """
    checks.non_negative("negative_weight", negative_weight)
    checks.positive("negative_floor", negative_floor)
    checks.non_negative("positive_floor", positive_floor)
    _check_rate_bounds(rate_bounds)
    checks.positive("log_max", log_max)
    checks.option("level", level, ("token", "sequence"))

    def update(terms: Terms) -> Terms:
        differences = terms.log_probs - terms.old_log_probs
        if level == "sequence":
            differences = jnp.broadcast_to(terms.row_sum(differences)[:, None], differences.shape)
        log_ratios = jnp.minimum(differences, log_max)
        ratios, rates = jnp.exp(log_ratios), jnp.clip(terms.success_rates, *rate_bounds)[:, None]
        left = (1.0 - rates * ratios) / (1.0 - rates)
        negative = negative_weight * _log_of_clamped(left, jnp.asarray(negative_floor, left.dtype))
        positive = log_ratios if positive_floor == 0 else _log_of_clamped(ratios, jnp.asarray(positive_floor, left.dtype))
        return terms.replace(surrogates=jnp.where(terms.correct.astype(bool)[:, None], positive, negative))

    return loss_transform(
        update,
        reads=("log_probs", "old_log_probs", "correct", "success_rates"),
        writes=("surrogates",),
        hyperparameters={
            "negative_weight": negative_weight,
            "negative_floor": negative_floor,
            "positive_floor": positive_floor,
            "rate_bounds": rate_bounds,
            "log_max": log_max,
            "level": level,
        },
    )


# ----- token weights from a reward model that was trained on outcomes -----------------------------------------------------


def _outcome_probabilities(terms: Terms) -> jax.Array:
    """The token reward model's probability, so far in the response, of the outcome the response had: `[B, T]`."""
    sums = jnp.cumsum(terms.token_scores, axis=1)
    counts = jnp.cumsum(terms.mask.astype(sums.dtype), axis=1)
    probabilities = jax.nn.sigmoid(numerics.safe_divide(sums, counts))
    return jnp.where(terms.correct.astype(bool)[:, None], probabilities, 1.0 - probabilities)


def token_score_threshold(*, positive: float = 0.5, negative: float = 0.5) -> LossTransform:
    """Weighs tokens by how sure a token-level reward model is of the outcome: clip((q - threshold) / (1 - threshold), 0, 1).

    q_t = sigmoid(mean_{u <= t} s_u) on correct responses and 1 minus that on the others.

    Args:
      positive: threshold in [0, 1) on correct responses.
      negative: threshold in [0, 1) on the others.

    Returns:
      A `LossTransform` reading `token_scores` (logits s) and `correct`, writing `weights` `[B, T]`.

    Raises:
      ValueError: a threshold is out of range.

    Lyu et al., "Exploring the Limit of Outcome Reward for Learning Mathematical Reasoning", 2025, arXiv 2502.06781 (OREAL).
    """
    checks.between("positive", positive, 0.0, 1.0, closed="low")
    checks.between("negative", negative, 0.0, 1.0, closed="low")

    def update(terms: Terms) -> Terms:
        probabilities = _outcome_probabilities(terms)
        threshold = jnp.where(terms.correct.astype(bool)[:, None], positive, negative).astype(probabilities.dtype)
        return scale_weights(terms, jnp.clip((probabilities - threshold) / (1.0 - threshold), 0.0, 1.0))

    return loss_transform(
        update,
        reads=("token_scores", "correct"),
        writes=("weights",),
        optional_reads=("weights",),
        hyperparameters={"positive": positive, "negative": negative},
    )


def token_score_top(fraction: float = 0.25) -> LossTransform:
    """Weighs only the tokens of each response at which a token-level reward model is most sure of the outcome.

    The floor(fraction * n) tokens of largest q (see `token_score_threshold`) get q rescaled to [0, 1] among them (1 where all
    are equal), the others 0.

    Args:
      fraction: in (0, 1].

    Returns:
      A `LossTransform` reading `token_scores` and `correct`, writing `weights` `[B, T]`.

    Raises:
      ValueError: fraction is out of range.

    Lyu et al., "Exploring the Limit of Outcome Reward for Learning Mathematical Reasoning", 2025, arXiv 2502.06781 (OREAL).
    """
    checks.between("fraction", fraction, 0.0, 1.0, closed="high")

    def update(terms: Terms) -> Terms:
        probabilities = _outcome_probabilities(terms)
        # Counted in double precision on the host, so that no rounding moves a floor.
        kept = np.floor(np.arange(probabilities.shape[1] + 1) * fraction)
        ranks = jnp.argsort(jnp.argsort(jnp.where(terms.mask, -probabilities, 1.0), axis=1), axis=1)
        chosen = terms.mask & (ranks < jnp.asarray(kept, ranks.dtype)[jnp.sum(terms.mask, axis=1)][:, None])
        lowest = jnp.min(jnp.where(chosen, probabilities, 1.0), axis=1)[:, None]
        highest = jnp.max(jnp.where(chosen, probabilities, 0.0), axis=1)[:, None]
        rescaled = jnp.where(highest > lowest, numerics.safe_divide(probabilities - lowest, highest - lowest), 1.0)
        return scale_weights(terms, jnp.where(chosen, rescaled, 0.0))

    return loss_transform(
        update,
        reads=("token_scores", "correct"),
        writes=("weights",),
        optional_reads=("weights",),
        hyperparameters={"fraction": fraction},
    )


def token_score_loss() -> LossTransform:
    """Trains a token-level reward model from outcomes: cross-entropy of sigmoid(mean_t s_t) with correctness, mean over rows.

    Returns:
      A `LossTransform` reading `values` (the model's logits s) and `correct`, adding to `loss`.

    Lyu et al., "Exploring the Limit of Outcome Reward for Learning Mathematical Reasoning", 2025, arXiv 2502.06781 (OREAL).
    """

    def update(terms: Terms) -> Terms:
        scores = terms.row_mean(terms.values)
        targets = terms.correct.astype(scores.dtype)
        return terms.add_loss(terms.mean(jax.nn.softplus(scores) - scores * targets))

    return loss_transform(update, reads=("values", "correct"), writes=("loss",))
