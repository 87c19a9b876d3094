"""What words say about classes, and how far two samples are apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def pointwise_information(presence: Array, labels: Array, num_classes: int, *, smoothing: float = 1.0) -> Array:
    """Point-wise mutual information of words with classes: log p(w, y) / (p(w) p(y)), in nats

    p(w, y) is the number of texts of class y with the word w, plus the smoothing, divided by the sum over all w and y.

    Args:
      presence: `[N, V]`, nonzero where a text has a word.
      labels: `[N]` integers in 0..C - 1.
      num_classes: C >= 1.
      smoothing: >= 0.

    Returns:
      `[V, C]` float32: 0 for a word that says nothing, -inf for one that never meets a class (without smoothing), and 0 for one
      that never occurs.

    Raises:
      ValueError: an argument is out of range or of another shape.

    Source: Uppaal et al., "How Useful is Continued Pre-Training for Generative Unsupervised Domain Adaptation?", 2024,
    arXiv 2401.17514.
    """
    checks.integer("num_classes", num_classes, least=1)
    checks.non_negative("smoothing", smoothing)
    if presence.ndim != 2 or labels.shape != presence.shape[:1]:
        raise ValueError(f"`presence` must be [N, V] and `labels` [N], got {presence.shape} and {labels.shape}")
    classes = jax.nn.one_hot(labels, num_classes, dtype=jnp.float32)
    counts = jnp.matmul((presence != 0).astype(jnp.float32).T, classes, precision="highest") + smoothing
    words, labelled = jnp.sum(counts, axis=1, keepdims=True), jnp.sum(counts, axis=0, keepdims=True)
    expected = words * labelled / jnp.maximum(jnp.sum(counts), 1e-30)
    ratios = numerics.safe_divide(counts, expected)
    logs = jnp.where(ratios > 0, jnp.log(jnp.where(ratios > 0, ratios, 1.0)), -jnp.inf)
    return jnp.where(words > 0, logs, 0.0)


def max_mean_discrepancy(first: Array, second: Array, *, bandwidth: float) -> Array:
    """How far two samples are apart: mean k(x, x') + mean k(y, y') - 2 mean k(x, y), k = exp(-|x - y|^2 / (2 bandwidth^2))

    All pairs count, those of a point with itself too, so that it is never negative, and 0 for equal samples. It is
    differentiable, and as a loss on the encodings of two domains it aligns them.

    Args:
      first: `[N, D]`, N >= 1.
      second: `[M, D]`, M >= 1.
      bandwidth: > 0.

    Returns:
      `[]`, the square of the discrepancy.

    Raises:
      ValueError: an argument is out of range or of another shape.

    Source: Gretton et al., "A Kernel Two-Sample Test", 2012.
    """
    checks.positive("bandwidth", bandwidth)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"`first` and `second` must be [N, D] and [M, D], got {first.shape} and {second.shape}")
    x, y = numerics.at_least_float32(first), numerics.at_least_float32(second)

    def kernel(a: Array, b: Array) -> Array:
        squares = jnp.sum(jnp.square(a[:, None, :] - b[None, :, :]), axis=-1)
        return jnp.mean(jnp.exp(-squares / (2.0 * bandwidth**2)))

    return kernel(x, x) + kernel(y, y) - 2.0 * kernel(x, y)
