"""Losses on the sequences to forget, from the log-probs of their tokens; each adds to `loss`."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .terms import Terms

Array = jax.Array


def gradient_ascent(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Ascends on the forget set's negative log-likelihood; unbounded below.

    loss += coefficient mean_bt log p(forget_tokens_bt), a mean over the tokens that count.

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `forget_log_probs`; records the metric `forget_nll`.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        log_probs = terms.forget_log_probs
        loss = terms.value("coefficient", coefficient) * terms.mean(log_probs, "forget_mask")
        return terms.add_loss(loss).add_metric("forget_nll", -log_probs, "forget_mask")

    return loss_transform(
        update,
        reads=("forget_log_probs",),
        optional_reads=("forget_mask",),
        writes=("loss",),
        metrics=("forget_nll",),
        hyperparameters={"coefficient": coefficient},
    )


def npo_weights(log_ratios: Array, beta: float | Array) -> Array:
    """The factor by which NPO scales a sequence's gradient ascent.

    W = 2 sigma(beta log_ratio) = 2 pi^beta / (pi^beta + ref^beta): 1 at the reference, towards 0 once the sequence is
    forgotten.

    Args:
      log_ratios: `[F]` log(pi / ref) of whole sequences.
      beta: > 0.

    Returns:
      `[F]` weights in (0, 2).
    """
    return 2.0 * jax.nn.sigmoid(beta * log_ratios)


def npo(*, beta: checks.ScalarOrSchedule = 0.1, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Negative preference optimisation: every forget sequence is the rejected half of a pair without a chosen one.

    loss += -coefficient (2 / beta) mean_b log sigma(-beta r_b), with r_b = sum_t [log pi(y_bt) - log ref(y_bt)]

    The loss is bounded below by 0 and its gradient is gradient ascent's times `npo_weights`, so it fades out where a
    sequence has become unlikely. As beta -> 0 it becomes gradient ascent on sequence sums.

    Args:
      beta: > 0, or a schedule; the paper's is 0.1.
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `forget_log_probs` and `ref_forget_log_probs`; records `npo_weight`, the mean of `npo_weights`.

    Example:
      >>> terms = unlearn.Terms(forget_log_probs=jnp.array([[-1.0]]), ref_forget_log_probs=jnp.array([[-1.0]]))
      >>> float(unlearn.npo()(terms))  # (2 / beta) log 2
      13.86294...

    Zhang, Lin, Bai, Mei, "Negative Preference Optimization: From Catastrophic Collapse to Effective Unlearning", 2024,
    arXiv 2404.05868. The mean is over non-empty rows, so that padding changes nothing; the released code also counts a
    row without tokens, as a constant.
    """
    checks.schedule("beta", beta, checks.positive)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        temperature = terms.value("beta", beta)
        ratios = log_ratios(terms, "forget")
        losses = negative_preference(-ratios, temperature)
        loss = terms.value("coefficient", coefficient) * terms.mean(losses, "forget_mask")
        return terms.add_loss(loss).add_metric("npo_weight", npo_weights(ratios, temperature), "forget_mask")

    return loss_transform(
        update,
        reads=("forget_log_probs", "ref_forget_log_probs"),
        optional_reads=("forget_mask",),
        writes=("loss",),
        metrics=("npo_weight",),
        hyperparameters={"beta": beta, "coefficient": coefficient},
    )


def simnpo(
    *,
    beta: checks.ScalarOrSchedule = 2.5,
    margin: checks.ScalarOrSchedule = 0.0,
    coefficient: checks.ScalarOrSchedule = 1.0,
) -> LossTransform:
    """NPO without a reference, on the mean log-prob of a sequence.

    loss += -coefficient (2 / beta) mean_b log sigma(beta (l_b - margin)), with l_b = -mean_t log pi(y_bt)

    Args:
      beta: > 0, or a schedule.
      margin: any real number, or a schedule.
      coefficient: >= 0, or a schedule; with a retain term the reported runs use 0.125 to 1.

    Returns:
      A transform reading `forget_log_probs`.

    Example:
      >>> terms = unlearn.Terms(forget_log_probs=jnp.array([[-0.5, -1.5]]))
      >>> float(unlearn.simnpo(beta=2.0)(terms))  # -log sigma(2)
      0.12692...

    Fan et al., "Simplicity Prevails: Rethinking Negative Preference Optimization for LLM Unlearning", 2024,
    arXiv 2410.07163. The paper subtracts the margin outside beta (margin_paper = beta margin), the released code as here;
    in all reported runs it is 0.
    """
    checks.schedule("beta", beta, checks.positive)
    checks.schedule("margin", margin)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        surprise = -terms.row_mean(terms.forget_log_probs, "forget_mask")
        losses = negative_preference(surprise - terms.value("margin", margin), terms.value("beta", beta))
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(losses, "forget_mask"))

    return loss_transform(
        update,
        reads=("forget_log_probs",),
        optional_reads=("forget_mask",),
        writes=("loss",),
        hyperparameters={"beta": beta, "margin": margin, "coefficient": coefficient},
    )


def log_ratios(terms: Terms, kind: str) -> Array:
    """log(pi / ref) of whole sequences, `[F]`; 0 for a row without tokens."""
    difference = getattr(terms, f"{kind}_log_probs") - getattr(terms, f"ref_{kind}_log_probs")
    return terms.row_sum(difference, f"{kind}_mask")


def negative_preference(margins: Array, beta: float | Array) -> Array:
    """-(2 / beta) log sigma(beta margin), elementwise."""
    return -2.0 / beta * jax.nn.log_sigmoid(beta * margins)


def weighted_gradient_ascent(
    *, beta: checks.ScalarOrSchedule = 1.0, coefficient: checks.ScalarOrSchedule = 1.0
) -> LossTransform:
    """Gradient ascent that lets go of tokens which are unlikely already.

    loss += coefficient mean_bt stop(p_bt)^beta log p_bt, with p_bt the probability of token t

    Args:
      beta: >= 0, or a schedule; 0 is gradient ascent.
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `forget_log_probs`.

    Wang et al., "Rethinking LLM Unlearning Objectives: A Gradient Perspective and Go Beyond", 2025, arXiv 2502.19301.
    """
    checks.schedule("beta", beta, checks.non_negative)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        weights = jnp.exp(terms.value("beta", beta) * _counted_log_probs(terms))
        return _add_weighted_ascent(terms, weights, coefficient)

    return loss_transform(
        update,
        reads=("forget_log_probs",),
        optional_reads=("forget_mask",),
        writes=("loss",),
        hyperparameters={"beta": beta, "coefficient": coefficient},
    )


def satimp(
    *,
    saturation: checks.ScalarOrSchedule = 5.0,
    importance: checks.ScalarOrSchedule = 1.0,
    coefficient: checks.ScalarOrSchedule = 1.0,
) -> LossTransform:
    """Gradient ascent weighted by saturation and importance: on tokens still likely, but not certain.

    loss += coefficient mean_bt stop(p_bt^saturation (1 - p_bt)^importance) log p_bt

    Args:
      saturation: >= 0, or a schedule; exponent of p.
      importance: >= 0, or a schedule; exponent of 1 - p. With both 0 this is gradient ascent.
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `forget_log_probs`.

    Yang et al., "Exploring Criteria of Loss Reweighting to Enhance LLM Unlearning", 2025, arXiv 2505.11953.
    """
    checks.schedule("saturation", saturation, checks.non_negative)
    checks.schedule("importance", importance, checks.non_negative)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        log_probs = _counted_log_probs(terms)
        uncertainty = jnp.maximum(-jnp.expm1(log_probs), 0.0) ** terms.value("importance", importance)
        weights = jnp.exp(terms.value("saturation", saturation) * log_probs) * uncertainty
        return _add_weighted_ascent(terms, weights, coefficient)

    return loss_transform(
        update,
        reads=("forget_log_probs",),
        optional_reads=("forget_mask",),
        writes=("loss",),
        hyperparameters={"saturation": saturation, "importance": importance, "coefficient": coefficient},
    )


def _counted_log_probs(terms: Terms) -> Array:
    """The forget log-probs without gradient, 0 where they do not count."""
    log_probs = jax.lax.stop_gradient(terms.forget_log_probs)
    return jnp.where(terms.where(log_probs, "forget_mask"), log_probs, 0.0)


def _add_weighted_ascent(terms: Terms, weights: Array, coefficient: checks.ScalarOrSchedule) -> Terms:
    ascent = jax.lax.stop_gradient(weights) * terms.forget_log_probs
    return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(ascent, "forget_mask"))
