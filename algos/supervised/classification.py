"""Losses on the logits of a classifier."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from ..core import checks
from ..core.transform import LossTransform, loss_transform
from .terms import Terms

Array = jax.Array


def cross_entropy(label_smoothing: float = 0.0) -> LossTransform:
    """Mean cross-entropy between labels and softmax probabilities.

    loss = mean_b -sum_c q_bc log softmax(logits_b)_c, with q = (1 - e) onehot(label) + e / C and e the smoothing.

    Args:
      label_smoothing: e in [0, 1), the share of the target spread evenly over all classes.

    Returns:
      A loss on `labels` and `logits`; records the metric `accuracy`.

    Raises:
      ValueError: `label_smoothing` lies outside [0, 1).

    Example:
      >>> terms = supervised.Terms(labels=jnp.array([0]), logits=jnp.array([[2.0, 0.0]]))
      >>> float(supervised.cross_entropy()(terms))  # log(1 + exp(-2))
      0.12692...
    """
    checks.between("label_smoothing", label_smoothing, 0.0, 1.0, closed="low")

    def update(terms: Terms) -> Terms:
        logits, labels = _counted(terms)
        if label_smoothing == 0.0:
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        else:
            one_hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
            losses = optax.softmax_cross_entropy(logits, optax.smooth_labels(one_hot, label_smoothing))
        return _finish(terms, logits, labels, losses)

    return loss_transform(
        update,
        reads=("labels", "logits"),
        writes=("loss",),
        metrics=("accuracy",),
        hyperparameters={"label_smoothing": label_smoothing},
    )


def log_stablemax(logits: Array) -> Array:
    """Log-probabilities of StableMax, which grows linearly instead of exponentially.

    log StableMax(z)_i = log s(z_i) - log sum_j s(z_j), with s(x) = x + 1 for x >= 0 and 1 / (1 - x) for x < 0.
    Unlike softmax it changes when a constant is added to all logits, and it never saturates to exactly 0 or 1.

    Args:
      logits: `[..., C]`, any real numbers.

    Returns:
      `[..., C]` log-probabilities, float32 at least.

    Source: Prieto, Barsbey, Mediano, Birdal, "Grokking at the Edge of Numerical Stability", 2025, arXiv 2501.04697. The
    released code works in float64 and adds 1e-30 to 1 - x; here log s is log1p(x) or -log1p(-x), accurate in float32.
    """
    if logits.dtype in (jnp.bfloat16, jnp.float16):
        logits = logits.astype(jnp.float32)
    positive = logits >= 0
    above, below = jnp.where(positive, logits, 0.0), jnp.where(positive, 0.0, -logits)
    log_scores = jnp.where(positive, jnp.log1p(above), -jnp.log1p(below))
    scores = jnp.where(positive, 1.0 + above, 1.0 / (1.0 + below))
    return log_scores - jnp.log(jnp.sum(scores, axis=-1, keepdims=True))


def stablemax_cross_entropy() -> LossTransform:
    """Mean cross-entropy of StableMax probabilities.

    loss = mean_b -log StableMax(logits_b)_label; see `log_stablemax`. The gradient of an example that is already
    classified well stays above 0 in float32, where that of softmax underflows (softmax collapse).

    Returns:
      A loss on `labels` and `logits`; records the metric `accuracy`.

    Source: Prieto, Barsbey, Mediano, Birdal, "Grokking at the Edge of Numerical Stability", 2025, arXiv 2501.04697.

    Example:
      >>> terms = supervised.Terms(labels=jnp.array([0]), logits=jnp.array([[1.0, -1.0]]))
      >>> float(supervised.stablemax_cross_entropy()(terms))  # -log 0.8
      0.22314...
    """

    def update(terms: Terms) -> Terms:
        logits, labels = _counted(terms)
        log_probs = log_stablemax(logits)
        losses = -jnp.take_along_axis(log_probs, labels[:, None], axis=-1)[:, 0]
        return _finish(terms, logits, labels, losses)

    return loss_transform(update, reads=("labels", "logits"), writes=("loss",), metrics=("accuracy",))


def _counted(terms: Terms) -> tuple[Array, Array]:
    """Logits and labels with zeros in the rows that do not count."""
    where = terms.mask
    return jnp.where(where[:, None], terms.logits, 0.0), jnp.where(where, terms.labels, 0)


def _finish(terms: Terms, logits: Array, labels: Array, losses: Array) -> Terms:
    correct = jnp.argmax(logits, axis=-1).astype(labels.dtype) == labels
    return terms.add_loss(terms.mean(losses)).add_metric("accuracy", correct.astype(jnp.float32))
