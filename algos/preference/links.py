"""Links: losses of single pairs as functions of their margins; each writes `pair_losses`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import LossTransform, checks, loss_transform
from .margins import pair_weights
from .terms import Terms

Array = jax.Array


def sigmoid_link(*, label_smoothing: float = 0.0) -> LossTransform:
    """Loss = -(1 - e) log sigma(z) - e log sigma(-z), z the margin

    Args:
      label_smoothing: e in [0, 1), the share of labels assumed wrong; below 1/2 the loss is least at
        z = log((1 - e) / e).

    Returns:
      A transform reading `margins`; records `pair_weight`, the mean of `pair_weights`.

    Rafailov et al., "Direct Preference Optimization", 2023, arXiv 2305.18290; with smoothing (conservative DPO) Mitchell,
    "A note on DPO with noisy preferences & relationship to IPO", 2023.
    """
    checks.between("label_smoothing", label_smoothing, 0.0, 1.0, closed="low")

    def update(terms: Terms) -> Terms:
        z = terms.margins
        losses = -jax.nn.log_sigmoid(z)
        if label_smoothing:  # log sigma(-z) = log sigma(z) - z
            losses = losses + label_smoothing * z
        terms = terms.replace(pair_losses=losses)
        return terms.add_metric("pair_weight", pair_weights(z))

    return loss_transform(
        update,
        reads=("margins",),
        writes=("pair_losses",),
        metrics=("pair_weight",),
        hyperparameters={"label_smoothing": label_smoothing},
    )


def robust_link(*, label_smoothing: float = 0.1) -> LossTransform:
    """Loss = [-(1 - e) log sigma(z) + e log sigma(-z)] / (1 - 2 e), unbiased when a share e of the labels is flipped

    Args:
      label_smoothing: e in [0, 1/2).

    Returns:
      A transform reading `margins`.

    Chowdhury, Kini, Natarajan, "Provably Robust DPO: Aligning Language Models with Noisy Feedback", 2024,
    arXiv 2403.00409.
    """
    checks.between("label_smoothing", label_smoothing, 0.0, 0.5, closed="low")

    def losses(z: Array) -> Array:
        return -jax.nn.log_sigmoid(z) - label_smoothing / (1.0 - 2.0 * label_smoothing) * z  # log sigma(-z) = log sigma(z) - z

    return _link(losses, "robust_link", label_smoothing=label_smoothing)


def hinge_link() -> LossTransform:
    """Loss = max(0, 1 - z), without gradient once the margin exceeds 1

    Returns:
      A transform reading `margins`.

    Zhao et al., "SLiC-HF: Sequence Likelihood Calibration with Human Feedback", 2023, arXiv 2305.10425.
    """
    return _link(lambda z: jax.nn.relu(1.0 - z), "hinge_link")


def squared_link(*, tau: float = 0.1) -> LossTransform:
    """Loss = (z - 1 / (2 tau))^2, which pulls the margin to a finite target

    Args:
      tau: > 0, weight of the KL; give the margin beta = 1.

    Returns:
      A transform reading `margins`.

    Azar et al., "A General Theoretical Paradigm to Understand Learning from Human Preferences", 2023, arXiv 2310.12036.
    """
    checks.positive("tau", tau)
    return _link(lambda z: jnp.square(z - 1.0 / (2.0 * tau)), "squared_link", tau=tau)


def exo_link(*, label_smoothing: float = 1e-3) -> LossTransform:
    """Loss = KL from (sigma(z), sigma(-z)) to the smoothed label (1 - e, e)

    loss = sigma(z) [log sigma(z) - log(1 - e)] + sigma(-z) [log sigma(-z) - log e]

    Args:
      label_smoothing: e in (0, 1).

    Returns:
      A transform reading `margins`.

    Ji et al., "Towards Efficient Exact Optimization of Language Model Alignment", 2024, arXiv 2402.00856.
    """
    checks.between("label_smoothing", label_smoothing, 0.0, 1.0, closed="neither")

    def losses(z: Array) -> Array:
        log_right, log_wrong = jax.nn.log_sigmoid(z), jax.nn.log_sigmoid(-z)
        right = jnp.exp(log_right) * (log_right - math.log1p(-label_smoothing))
        return right + jnp.exp(log_wrong) * (log_wrong - math.log(label_smoothing))

    return _link(losses, "exo_link", label_smoothing=label_smoothing)


def discopop_link(*, tau: float = 0.05) -> LossTransform:
    """Loss = -(1 - m) log sigma(z) + m exp(-z), m = sigma(z / tau): a blend of logistic and exponential loss

    Args:
      tau: > 0; the larger, the more evenly the two are mixed.

    Returns:
      A transform reading `margins`. The second term is computed as exp(log m - z), its exponent clipped at 80.

    Lu et al., "Discovering Preference Optimization Algorithms with and for Large Language Models", 2024, arXiv 2406.08414.
    """
    checks.positive("tau", tau)

    def losses(z: Array) -> Array:
        logistic = -jax.nn.sigmoid(-z / tau) * jax.nn.log_sigmoid(z)
        return logistic + jnp.exp(jnp.minimum(jax.nn.log_sigmoid(z / tau) - z, 80.0))

    return _link(losses, "discopop_link", tau=tau)


def _link(losses: Callable[[Array], Array], name: str, **hyperparameters: Any) -> LossTransform:
    def update(terms: Terms) -> Terms:
        return terms.replace(pair_losses=losses(terms.margins))

    return loss_transform(update, reads=("margins",), writes=("pair_losses",), hyperparameters=hyperparameters, name=name)
