"""From losses of pairs to the loss of a batch."""

from __future__ import annotations

import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform
from .terms import Terms

REDUCTIONS = ("token_mean", "sequence_mean", "sequence_sum")


def pair_mean(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Loss += coefficient mean_b pair_losses_b, over the pairs that count

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A transform reading `pair_losses`.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(terms.pair_losses))

    return loss_transform(update, reads=("pair_losses",), writes=("loss",), hyperparameters={"coefficient": coefficient})


def count_chosen_tokens() -> LossTransform:
    """chosen_token_count = sum_b chosen_lengths_b, over the pairs that count

    Returns:
      A transform reading `chosen_lengths`; it depends on data alone and runs once on the whole batch.
    """

    def update(terms: Terms) -> Terms:
        count = terms.batch_sum(terms.chosen_lengths.astype(jnp.float32))
        return terms.replace(chosen_token_count=count)

    return loss_transform(update, reads=("chosen_lengths",), writes=("chosen_token_count",))


def chosen_nll(*, coefficient: checks.ScalarOrSchedule = 1.0, reduction: str = "token_mean") -> LossTransform:
    """Supervised training on the chosen responses, alone or beside a pair loss.

    With s_b the log-prob and n_b the length of the chosen response, loss += -coefficient times

    * `"token_mean"`: sum_b s_b / sum_b n_b;
    * `"sequence_mean"`: mean_b s_b / n_b;
    * `"sequence_sum"`: mean_b s_b.

    Args:
      coefficient: >= 0, or a schedule.
      reduction: one of the three.

    Returns:
      A transform (for `"token_mean"` a chain with `count_chosen_tokens`) reading `chosen_log_probs` and, but for the last
      reduction, `chosen_lengths`.
    """
    checks.option("reduction", reduction, REDUCTIONS)
    checks.schedule("coefficient", coefficient, checks.non_negative)
    if reduction == "token_mean":
        steps = (count_chosen_tokens(), _nll(coefficient, "chosen_token_count"))
        return chain(*steps, name="chosen_nll")
    return _nll(coefficient, *(["chosen_lengths"] if reduction == "sequence_mean" else []))


def _nll(coefficient: checks.ScalarOrSchedule, divisor: str | None = None) -> LossTransform:
    def update(terms: Terms) -> Terms:
        losses = -terms.chosen_log_probs
        if divisor == "chosen_lengths":
            lengths = jnp.where(terms.mask, terms.chosen_lengths.astype(losses.dtype), 1.0)
            losses = losses / jnp.maximum(lengths, 1.0)
        count = terms.chosen_token_count if divisor == "chosen_token_count" else None
        loss = terms.mean(losses, count=count)
        return terms.add_loss(terms.value("coefficient", coefficient) * loss)

    reads = ("chosen_log_probs",) if divisor is None else ("chosen_log_probs", divisor)
    return loss_transform(
        update, reads=reads, writes=("loss",), hyperparameters={"coefficient": coefficient}, name="chosen_nll"
    )
