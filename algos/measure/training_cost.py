"""What a training run costs in floating-point operations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class TrainingCost(NamedTuple):
    """Of a run in stages.

    Attributes:
      operations: 6 sum_s N_s D_s.
      share: of what the last stage's size would have cost throughout.
    """

    operations: float
    share: float


def training_cost(sizes: Any, tokens: Any) -> TrainingCost:
    """The cost of a model that grows: C = 6 sum_s N_s D_s, forward and backward.

    Args:
      sizes: N, `[S]` positive, parameters in each stage.
      tokens: D, `[S]` positive, tokens of each stage.

    Returns:
      A `TrainingCost`.

    Raises:
      ValueError: other shapes, or a number is not positive.

    Source: Li et al., "FLM-101B: An Open LLM and How to Train It with $100K Budget", 2023, arXiv 2309.03852.
    """
    sizes, tokens = np.asarray(sizes, np.float64), np.asarray(tokens, np.float64)
    if sizes.ndim != 1 or sizes.shape != tokens.shape or not sizes.size or not (np.all(sizes > 0) and np.all(tokens > 0)):
        raise ValueError(f"`sizes` and `tokens` must be [S] and positive, got {sizes}, {tokens}")
    products = float(np.sum(sizes * tokens))
    return TrainingCost(6.0 * products, products / float(sizes[-1] * np.sum(tokens)))
