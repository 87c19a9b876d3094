"""Pairs without a judge: the response of a better model over that of a worse one."""

from __future__ import annotations

from .terms import Sequences, Terms


def delta_pairs(chosen: Sequences, rejected: Sequences) -> Terms:
    """Pairs the responses of two models to the same prompts, the first one's as the chosen ones.

    The difference in quality can teach a student better than both. Train with `length_normalised_dpo(beta=5.0)`, a small
    rate (5e-7 for a language model) and no likelihood term.

    Args:
      chosen: responses of the better model, B rows.
      rejected: responses of the worse one to the same prompts, B rows.

    Returns:
      A `Terms` with `inputs` for `forward` and the lengths; the reference's log-probs are to be filled in.

    Raises:
      ValueError: the numbers of rows differ.

    Geng et al., "The Delta Learning Hypothesis: Preference Tuning on Weak Data can Yield Strong Gains", 2025,
    arXiv 2507.06187.
    """
    rows = chosen.mask.shape[0], rejected.mask.shape[0]
    if rows[0] != rows[1]:
        raise ValueError(f"`chosen` and `rejected` must have as many rows, got {rows[0]} and {rows[1]}")
    inputs = {"chosen": chosen, "rejected": rejected}
    return Terms(inputs=inputs, chosen_lengths=chosen.lengths, rejected_lengths=rejected.lengths)
