"""The loss as a function of model size, steps and batch size; in float64 NumPy, outside `jit`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class KaplanLaw(NamedTuple):
    """The loss surface of language models: L(N, S_min) = (N_c / N)^alpha_N + (S_c / S_min)^alpha_S.

    S_min is the number of steps that a very large batch would need; at a batch of B tokens S = S_min (1 + B_crit / B) steps
    give the same loss, with the critical batch B_crit(L) = B_* / L^(1 / alpha_B). The defaults are the first paper's
    constants; they depend on tokenizer, data and context length.

    Attributes:
      size_scale: N_c, in non-embedding parameters.
      size_exponent: alpha_N.
      step_scale: S_c, in steps.
      step_exponent: alpha_S.
      batch_scale: B_*, in tokens.
      batch_exponent: alpha_B.

    Source: Su et al., "Unraveling the Mystery of Scaling Laws: Part I", 2024, arXiv 2403.06563, after Kaplan et al.,
    "Scaling Laws for Neural Language Models", 2020, arXiv 2001.08361.
    """

    size_scale: float = 8.8e13
    size_exponent: float = 0.076
    step_scale: float = 2.1e3
    step_exponent: float = 0.76
    batch_scale: float = 2.1e8
    batch_exponent: float = 0.21

    def converged(self, size: Any) -> np.ndarray:
        """The loss after infinitely many steps, for a size N > 0, any shape."""
        return (self.size_scale / np.asarray(size, np.float64)) ** self.size_exponent

    def after_min_steps(self, size: Any, min_steps: Any) -> np.ndarray:
        """The loss after S_min > 0 steps of a very large batch; the arguments broadcast."""
        return self.converged(size) + (self.step_scale / np.asarray(min_steps, np.float64)) ** self.step_exponent

    def critical_batch(self, loss: Any) -> np.ndarray:
        """The batch in tokens at which both steps and tokens are twice their minimum, for a loss > 0."""
        return self.batch_scale / np.asarray(loss, np.float64) ** (1.0 / self.batch_exponent)

    def min_steps_for(self, loss: Any, size: Any) -> np.ndarray:
        """S_min for a loss, 0 where no number of steps reaches it."""
        excess = np.asarray(loss, np.float64) - self.converged(size)
        reachable = excess > 0
        return np.where(reachable, self.step_scale / np.where(reachable, excess, 1.0) ** (1.0 / self.step_exponent), 0.0)

    def steps_for(self, loss: Any, size: Any, batch: Any) -> np.ndarray:
        """Steps at a batch of so many tokens, 0 where no number of steps reaches the loss."""
        return self.min_steps_for(loss, size) * (1.0 + self.critical_batch(loss) / np.asarray(batch, np.float64))

    def after_steps(self, size: Any, steps: Any, batch: Any, *, iterations: int = 200) -> np.ndarray:
        """The loss after S > 0 steps of B tokens: the root of L = L(N) + (S_c (1 + B_crit(L) / B) / S)^alpha_S.

        The right side falls as L rises, so that the root is unique; it is found by bisection.
        """
        size, steps, batch = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (size, steps, batch)))
        low = self.converged(size)

        def right(loss: np.ndarray) -> np.ndarray:
            return low + (self.step_scale * (1.0 + self.critical_batch(loss) / batch) / steps) ** self.step_exponent

        below, above = low, right(low)  # right falls, so that its value at the lower end is an upper end
        for _ in range(iterations):
            middle = 0.5 * (below + above)
            too_low = right(middle) > middle
            below, above = np.where(too_low, middle, below), np.where(too_low, above, middle)
        return 0.5 * (below + above)


def fit_critical_batch(steps: Any, tokens: Any) -> tuple[float, float]:
    """Fits the trade-off S_min / S + E_min / E = 1 to runs that reached one loss at different batch sizes.

    Args:
      steps: `[N]` steps S each run took, N >= 2.
      tokens: `[N]` tokens E each run took.

    Returns:
      `(S_min, E_min)` by linear least squares; the critical batch is E_min / S_min.

    Raises:
      ValueError: fewer than two runs, or numbers that are not positive.

    Source: as for `KaplanLaw`; that the trade-off is linear in what is sought is used here, not in the paper.
    """
    steps, tokens = np.asarray(steps, np.float64), np.asarray(tokens, np.float64)
    if steps.ndim != 1 or steps.shape != tokens.shape or steps.size < 2:
        raise ValueError(f"`steps` and `tokens` must have the same shape [N] with N >= 2, got {steps.shape}, {tokens.shape}")
    if not (np.all(steps > 0) and np.all(tokens > 0)):
        raise ValueError("`steps` and `tokens` must be positive")
    scales = np.array([steps.min(), tokens.min()])
    found, *_ = np.linalg.lstsq(np.stack([scales[0] / steps, scales[1] / tokens], axis=1), np.ones(steps.size), rcond=None)
    return float(found[0] * scales[0]), float(found[1] * scales[1])
