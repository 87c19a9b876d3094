"""Learning from a weaker model's soft labels while trusting one's own confident predictions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from ..core import LossTransform, chain, checks, loss_transform, numerics
from .terms import Terms

Array = jax.Array

# Probabilities below it count as it, so that their logarithms are finite.
LEAST = 1e-30


def confidence_ramp(steps: int, *, peak: float = 0.5, warmup: float = 0.2, released: bool = False) -> optax.Schedule:
    """The coefficient of `confident_targets`: from 0 up to its peak, linearly over the warm-up.

    Args:
      steps: >= 1, of the whole training.
      peak: in [0, 1]; 0.75 for the largest students.
      warmup: in (0, 1], share of the steps.
      released: whether to rise as released code does, by peak times the share of all steps, with a jump to the peak.

    Returns:
      A schedule.

    Raises:
      ValueError: an argument is out of range.

    Burns et al., "Weak-to-Strong Generalization: Eliciting Strong Capabilities With Weak Supervision", 2023,
    arXiv 2312.09390. Released code also takes a warm-up of 0.1.
    """
    checks.integer("steps", steps, least=1)
    checks.between("peak", peak, 0.0, 1.0)
    checks.between("warmup", warmup, 0.0, 1.0, closed="high")
    checks.boolean("released", released)

    def schedule(step: Array) -> Array:
        share = jnp.asarray(step, jnp.float32) / steps
        if released:
            return peak * jnp.where(share > warmup, 1.0, share)
        return peak * jnp.minimum(share / warmup, 1.0)

    return schedule


def confident_targets(*, coefficient: checks.ScalarOrSchedule = 0.5, threshold: str = "weak_prior") -> LossTransform:
    """Targets = (1 - c) w + c f, with w the soft labels and f the student's own predictions, hardened, without gradient

    With two classes f is class 0 where p_0 >= t, t the quantile of p_0 over the batch at the level

    * `"weak_prior"`: mean_b w_b1, so that the classes are as frequent as the soft labels say;
    * `"half"`: 1/2, for batches with balanced classes.

    With more classes f = argmax_c (log p_c - log mean_b p_bc + log q_c), q the mean soft label or uniform.

    Args:
      coefficient: c in [0, 1], or a schedule such as `confidence_ramp`.
      threshold: one of the two.

    Returns:
      A transform reading `soft_labels` and `logits`, writing `soft_targets`; it couples the batch.

    Burns et al., "Weak-to-Strong Generalization: Eliciting Strong Capabilities With Weak Supervision", 2023,
    arXiv 2312.09390. The paper has `"half"`, released code `"weak_prior"`; the rule for more classes is made here.
    """
    checks.schedule("coefficient", coefficient, lambda name, value: checks.between(name, value, 0.0, 1.0))
    checks.option("threshold", threshold, ("weak_prior", "half"))

    def update(terms: Terms) -> Terms:
        log_p = jax.lax.stop_gradient(jax.nn.log_softmax(_logits(terms), axis=-1))
        weak = terms.soft_labels.astype(log_p.dtype)
        classes = _hardened(terms, log_p, weak, threshold)
        hard = jax.nn.one_hot(classes, log_p.shape[1], dtype=log_p.dtype)
        c = terms.value("coefficient", coefficient)
        return terms.replace(soft_targets=(1.0 - c) * weak + c * hard)

    return loss_transform(
        update,
        reads=("soft_labels", "logits"),
        writes=("soft_targets",),
        hyperparameters={"coefficient": coefficient, "threshold": threshold},
        couples_batch=True,
    )


def product_targets(*, weak_power: float = 1.0, student_power: float = 1.0) -> LossTransform:
    """Targets proportional to w^weak_power p^student_power, w the soft labels, p the student's probabilities, no gradient

    Args:
      weak_power: >= 0.
      student_power: >= 0.

    Returns:
      A transform reading `soft_labels` and `logits`, writing `soft_targets`.

    Burns et al., 2023, arXiv 2312.09390; a loss of the released code.
    """
    checks.non_negative("weak_power", weak_power)
    checks.non_negative("student_power", student_power)

    def update(terms: Terms) -> Terms:
        log_p = jax.lax.stop_gradient(jax.nn.log_softmax(_logits(terms), axis=-1))
        log_w = jnp.log(jnp.maximum(terms.soft_labels.astype(log_p.dtype), LEAST))
        return terms.replace(soft_targets=jax.nn.softmax(weak_power * log_w + student_power * log_p, axis=-1))

    return loss_transform(
        update,
        reads=("soft_labels", "logits"),
        writes=("soft_targets",),
        hyperparameters={"weak_power": weak_power, "student_power": student_power},
    )


def soft_cross_entropy() -> LossTransform:
    """Loss = -mean_b sum_c soft_targets_bc log softmax(logits_b)_c

    Returns:
      A transform reading `soft_targets` and `logits`; its gradient by the logits is (p - target) / B.
    """

    def update(terms: Terms) -> Terms:
        targets = jax.lax.stop_gradient(terms.soft_targets)
        log_p = jax.nn.log_softmax(_logits(terms), axis=-1)
        return terms.add_loss(terms.mean(-jnp.sum(targets.astype(log_p.dtype) * log_p, axis=-1)))

    return loss_transform(update, reads=("soft_targets", "logits"), writes=("loss",))


def weak_to_strong(*, coefficient: checks.ScalarOrSchedule = 0.5, threshold: str = "weak_prior") -> LossTransform:
    """Weak supervision with an auxiliary confidence loss: L = (1 - c) CE(p, w) + c CE(p, f), see `confident_targets`.

    Args:
      coefficient: c in [0, 1], or a schedule such as `confidence_ramp`; 0 is plain training on the soft labels.
      threshold: see `confident_targets`.

    Returns:
      A chain reading `soft_labels` and `logits`, which couples the batch.

    Example:
      >>> terms = supervised.Terms(soft_labels=jnp.array([[0.5, 0.5]]), logits=jnp.zeros((1, 2)))
      >>> float(supervised.weak_to_strong()(terms))  # log 2
      0.69314...

    Burns et al., "Weak-to-Strong Generalization: Eliciting Strong Capabilities With Weak Supervision", 2023,
    arXiv 2312.09390.
    """
    targets = confident_targets(coefficient=coefficient, threshold=threshold)
    return chain(targets, soft_cross_entropy(), name="weak_to_strong")


def product_supervision(*, weak_power: float = 1.0, student_power: float = 1.0) -> LossTransform:
    """Weak supervision by the product of the weak model and the student: L = CE(p, target), see `product_targets`.

    Args:
      weak_power: >= 0.
      student_power: >= 0.

    Returns:
      A chain reading `soft_labels` and `logits`.

    Example:
      >>> terms = supervised.Terms(soft_labels=jnp.array([[0.5, 0.5]]), logits=jnp.zeros((1, 2)))
      >>> float(supervised.product_supervision()(terms))  # log 2
      0.69314...

    Burns et al., 2023, arXiv 2312.09390; a loss of the released code.
    """
    targets = product_targets(weak_power=weak_power, student_power=student_power)
    return chain(targets, soft_cross_entropy(), name="product_supervision")


def _logits(terms: Terms) -> Array:
    return jnp.where(terms.mask[:, None], terms.logits, 0.0)


def _hardened(terms: Terms, log_p: Array, weak: Array, threshold: str) -> Array:
    """The class of every row, `[B]`."""
    if log_p.shape[1] == 2:
        level = terms.batch_mean(weak[:, 1]) if threshold == "weak_prior" else 0.5
        first = jnp.exp(log_p[:, 0])
        at = jnp.reshape(jnp.asarray(level, first.dtype), [1])
        bound = numerics.masked_quantiles(terms.gather(first), terms.gather(terms.mask), at)
        return (first < bound).astype(jnp.int32)
    mean_of_classes = jax.vmap(terms.batch_mean, in_axes=1)
    scores = log_p - jnp.log(jnp.maximum(mean_of_classes(jnp.exp(log_p)), LEAST))[None, :]
    if threshold == "weak_prior":
        scores = scores + jnp.log(jnp.maximum(mean_of_classes(weak), LEAST))[None, :]
    return jnp.argmax(scores, axis=-1)
