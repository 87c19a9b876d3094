"""Pretraining on text whose tokens carry scores: weights, unlikelihood and filters by how bad a token is."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform, numerics
from .objectives import next_token
from .terms import Terms

Array = jax.Array


def reward_weights(
    *, beta: checks.ScalarOrSchedule = 10.0, max_weight: float = 1000.0, baseline: bool = False
) -> LossTransform:
    """Weights = min(exp((R - v) / beta), max_weight), where R = -token_scores and v is 0 or the predicted reward

    Args:
      beta: > 0, or a schedule; the larger, the more alike the weights.
      max_weight: > 0.
      baseline: whether `values` are subtracted from the rewards.

    Returns:
      A transform reading `token_scores` (and with a baseline `values`), writing `weights`, which carry no gradient.

    Korbak et al., "Pretraining Language Models with Human Preferences", 2023, arXiv 2302.08582.
    """
    checks.schedule("beta", beta, checks.positive)
    checks.positive("max_weight", max_weight)
    checks.boolean("baseline", baseline)

    def update(terms: Terms) -> Terms:
        advantages = _rewards(terms)
        if baseline:
            advantages = advantages - jax.lax.stop_gradient(terms.values).astype(advantages.dtype)
        exponents = jnp.where(terms.mask, advantages / terms.value("beta", beta), 0.0)
        return terms.replace(weights=jnp.exp(jnp.minimum(exponents, math.log(max_weight))))

    return loss_transform(
        update,
        reads=("token_scores", "values") if baseline else ("token_scores",),
        writes=("weights",),
        hyperparameters={"beta": beta, "max_weight": max_weight, "baseline": baseline},
    )


def reward_regression(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Loss += coefficient mean_bt (R_bt - values_bt)^2, R = -token_scores, over the tokens that count

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `token_scores` and `values`.

    Korbak et al., "Pretraining Language Models with Human Preferences", 2023, arXiv 2302.08582, where the values are
    -sigma of a linear head with weights of 0 at the start, because scores lie in [0, 1].
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        errors = jnp.where(terms.mask, _rewards(terms).astype(terms.values.dtype) - terms.values, 0.0)
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(jnp.square(errors)))

    return loss_transform(
        update, reads=("token_scores", "values"), writes=("loss",), hyperparameters={"coefficient": coefficient}
    )


def rwr(*, beta: checks.ScalarOrSchedule = 10.0, max_weight: float = 1000.0) -> LossTransform:
    """Reward-weighted regression: L = -mean_bt min(exp(R_bt / beta), max_weight) log p(tokens_bt), R = -token_scores.

    Args:
      beta: > 0, or a schedule.
      max_weight: > 0.

    Returns:
      A chain reading `log_probs` and `token_scores`.

    Example:
      >>> terms = pretrain.Terms(log_probs=-jnp.ones((1, 1)), token_scores=jnp.ones((1, 1)))
      >>> float(pretrain.rwr(beta=1.0)(terms))  # 1 / e
      0.36787...

    Korbak et al., "Pretraining Language Models with Human Preferences", 2023, arXiv 2302.08582. The released settings keep
    an untrained value head as the baseline, -1/2 everywhere, and so multiply every weight by exp(1 / (2 beta)).
    """
    return chain(reward_weights(beta=beta, max_weight=max_weight), next_token(), name="rwr")


def awr(*, beta: checks.ScalarOrSchedule = 10.0, alpha: float = 0.5, max_weight: float = 1000.0) -> LossTransform:
    """Advantage-weighted regression: alpha times `rwr` with the predicted reward as baseline, plus its regression.

    L = mean_bt [-alpha min(exp((R - sg(v)) / beta), max_weight) log p + (1 - alpha) (R - v)^2], R = -token_scores

    Args:
      beta: > 0, or a schedule; the paper has 10 for toxicity, 1 for code style, 0.1 for personal data.
      alpha: in [0, 1]; the paper has 0.5, 0.05 and 0.5.
      max_weight: > 0.

    Returns:
      A chain reading `log_probs`, `token_scores` and `values`.

    Example:
      >>> ones = jnp.ones((1, 1))
      >>> terms = pretrain.Terms(log_probs=-ones, token_scores=ones, values=-ones)
      >>> float(pretrain.awr()(terms))
      0.5

    Korbak et al., "Pretraining Language Models with Human Preferences", 2023, arXiv 2302.08582.
    """
    checks.between("alpha", alpha, 0.0, 1.0)
    weights = reward_weights(beta=beta, max_weight=max_weight, baseline=True)
    return chain(weights, next_token(coefficient=alpha), reward_regression(coefficient=1.0 - alpha), name="awr")


def unlikelihood(*, threshold: float | None, alpha: float = 1.0) -> LossTransform:
    """Likelihood of good tokens and unlikelihood of bad ones, averaged over the tokens that count.

    With p the probability of a token and q its score: -log p where q <= threshold, -alpha log(1 - p) elsewhere; without a
    threshold the mixture -(1 - q) log p - q alpha log(1 - p).

    Args:
      threshold: the largest score of a good token, any real number; None for the mixture, which needs scores in [0, 1].
      alpha: >= 0; the paper has 1 and 0.01.

    Returns:
      A loss on `log_probs` and `token_scores`. 1 - p is at least 1e-20, with zero gradient below.

    Example:
      >>> terms = pretrain.Terms(log_probs=jnp.log(jnp.array([[0.5]])), token_scores=jnp.ones((1, 1)))
      >>> float(pretrain.unlikelihood(threshold=0.0)(terms))  # log 2
      0.69314...

    Korbak et al., "Pretraining Language Models with Human Preferences", 2023, arXiv 2302.08582. The released code takes a
    threshold of 0 for none.
    """
    if threshold is not None:
        checks.real("threshold", threshold)
    checks.non_negative("alpha", alpha)

    def update(terms: Terms) -> Terms:
        log_p = jnp.where(terms.mask, terms.log_probs, -1.0)
        scores = terms.token_scores.astype(log_p.dtype)
        bad = scores if threshold is None else jnp.where(scores <= threshold, 0.0, 1.0).astype(log_p.dtype)
        log_rest = numerics.log1mexp(jnp.minimum(log_p, -1e-20))
        return terms.add_loss(terms.mean(-(1.0 - bad) * log_p - bad * alpha * log_rest))

    return loss_transform(
        update,
        reads=("log_probs", "token_scores"),
        writes=("loss",),
        hyperparameters={"threshold": threshold, "alpha": alpha},
    )


def drop_bad_sequences(threshold: float) -> LossTransform:
    """Leaves out sequences whose tokens are bad on average: mask_bt &= mean_t token_scores_bt <= threshold

    Args:
      threshold: any real number.

    Returns:
      A transform reading `token_scores` and narrowing `mask`; its place in the chain is before the loss. Records the metric
      `kept`, the share of sequences that stay.

    Korbak et al., "Pretraining Language Models with Human Preferences", 2023, arXiv 2302.08582.
    """
    checks.real("threshold", threshold)

    def update(terms: Terms) -> Terms:
        kept = terms.row_mean(-_rewards(terms)) <= threshold
        narrowed = terms.mask & kept[:, None]
        return terms.add_metric("kept", kept.astype(jnp.float32)).replace(mask=narrowed)

    return loss_transform(
        update,
        reads=("token_scores",),
        writes=("mask",),
        metrics=("kept",),
        hyperparameters={"threshold": threshold},
    )


def _rewards(terms: Terms) -> Array:
    scores = terms.token_scores
    return -(scores if jnp.issubdtype(scores.dtype, jnp.floating) else scores.astype(jnp.float32))
