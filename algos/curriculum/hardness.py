"""How hard examples are, and which are easy and hard."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def model_hardness(label_probs: Array, kind: str = "confidence") -> Array:
    """How hard examples are for a model that has seen few of them, from the probabilities of their true labels.

    * `"confidence"`: 1 - mean of the probabilities over prompts, resamples and training sizes;
    * `"mdl"`: mean of their negative logarithms, the length of a description.

    Args:
      label_probs: `[P, N, R, S]` probability in (0, 1] of example n's true label under prompt p, after training on resample r
        of the s-th number of examples (5, 10, 20, ...).
      kind: one of the two.

    Returns:
      `[N]` hardness, the higher the harder, floats of at least 32 bits.

    Raises:
      ValueError: an unknown kind, or another number of axes.

    Hase et al., "The Unreasonable Effectiveness of Easy Training Data for Hard Tasks", 2024, arXiv 2401.06751. The paper
    speaks of minimum description length, released code has `"confidence"`.
    """
    checks.option("kind", kind, ("confidence", "mdl"))
    if label_probs.ndim != 4:
        raise ValueError(f"`label_probs` must have shape [P, N, R, S], got {label_probs.shape}")
    probs = numerics.at_least_float32(label_probs)
    losses = 1.0 - probs if kind == "confidence" else -jnp.log(jnp.maximum(probs, 1e-30))
    return jnp.sum(losses, axis=(0, 2, 3)) / (probs.size // probs.shape[1])


def hardness_cutoffs(scores: Array, quantiles: tuple[float, float] = (0.3, 0.7)) -> Array:
    """The scores up to which an example is easy and from which it is hard: two quantiles, linear between the neighbours.

    Args:
      scores: `[N]` hardness.
      quantiles: increasing, in [0, 1].

    Returns:
      `[2]`.

    Raises:
      ValueError: the quantiles are out of range.

    Hase et al., "The Unreasonable Effectiveness of Easy Training Data for Hard Tasks", 2024, arXiv 2401.06751.
    """
    low, high = quantiles
    checks.between("quantiles", low, 0.0, checks.between("quantiles", high, 0.0, 1.0))
    values = numerics.at_least_float32(scores)
    return jnp.quantile(values, jnp.asarray([low, high], values.dtype))


def hardness_levels(scores: Array, cutoffs: Array) -> Array:
    """Sorts examples into easy (0), medium (1) and hard (2).

    Args:
      scores: `[N]` hardness.
      cutoffs: `[2]` largest score of an easy example and least of a hard one, such as `hardness_cutoffs` or fixed ones. Where
        the two are equal, an example at them is easy.

    Returns:
      `[N]` int32.

    Hase et al., "The Unreasonable Effectiveness of Easy Training Data for Hard Tasks", 2024, arXiv 2401.06751.
    """
    easy, hard = scores <= cutoffs[0], scores >= cutoffs[1]
    return jnp.where(easy, 0, jnp.where(hard, 2, 1)).astype(jnp.int32)
