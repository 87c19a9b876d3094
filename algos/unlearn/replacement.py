"""Losses that teach an evasive answer in place of the one to forget; each adds to `loss`."""

from __future__ import annotations

from ..core import LossTransform, checks, loss_transform, numerics
from .forget import log_ratios, negative_preference
from .terms import Terms


def idk_sft(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Trains on the evasive answers and the retain set together.

    loss += -coefficient [sum log p(idk_tokens) + sum log p(retain_tokens)] / (number of both kinds of tokens)

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `idk_log_probs` and `retain_log_probs`.

    Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs", 2024, arXiv 2401.06121.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        idk, retain = terms.idk_log_probs, terms.retain_log_probs
        count = terms.total(idk, "idk_mask") + terms.total(retain, "retain_mask")
        total = terms.sum(idk, "idk_mask") + terms.sum(retain, "retain_mask")
        loss = -numerics.safe_divide(total, count.astype(total.dtype))
        return terms.add_loss(terms.value("coefficient", coefficient) * loss)

    return loss_transform(
        update,
        reads=("idk_log_probs", "retain_log_probs"),
        optional_reads=("idk_mask", "retain_mask"),
        writes=("loss",),
        hyperparameters={"coefficient": coefficient},
    )


def idk_dpo(*, beta: checks.ScalarOrSchedule = 0.1, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Prefers the evasive answer to the one to forget.

    loss += -coefficient (2 / beta) mean_b log sigma(beta (r_idk,b - r_forget,b)), r = log(pi / ref) of whole sequences

    Args:
      beta: > 0, or a schedule.
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `idk_log_probs`, `ref_idk_log_probs`, `forget_log_probs` and `ref_forget_log_probs`. It has the
      factor 2 / beta of NPO, which it equals without the evasive answer; plain DPO has none.

    Zhang, Lin, Bai, Mei, "Negative Preference Optimization", 2024, arXiv 2404.05868; Maini et al., 2024, arXiv 2401.06121.
    """
    checks.schedule("beta", beta, checks.positive)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        margins = log_ratios(terms, "idk") - log_ratios(terms, "forget")
        losses = negative_preference(margins, terms.value("beta", beta))
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(losses, "forget_mask"))

    return loss_transform(
        update,
        reads=("idk_log_probs", "ref_idk_log_probs", "forget_log_probs", "ref_forget_log_probs"),
        optional_reads=("idk_mask", "forget_mask"),
        writes=("loss",),
        hyperparameters={"beta": beta, "coefficient": coefficient},
    )
