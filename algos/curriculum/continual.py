"""Data for training that goes on: the best part of a corpus, several times, mixed with what was there before."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks
from ..core.kinds import BatchTransform, Curriculum

Array = jax.Array


class MultiEpochState(NamedTuple):
    """How often each example was seen, `[N]`."""

    seen: Array


def top_quality_subset(scores: Array, size: int) -> Array:
    """The examples of lowest score, such as the perplexity of a reference model trained on the domain.

    Args:
      scores: `[N]`, lower is better; NaN is worst.
      size: how many to keep, an integer in [1, N].

    Returns:
      `[size]` indices, best first; ties go to the lower index.

    Raises:
      ValueError: the scores are not `[N]`, or `size` is out of range.

    Source: Guo et al., "Efficient Continual Pre-training by Mitigating the Stability Gap", 2024, arXiv 2406.14833, where
    a fifth to a tenth of the corpus is kept.
    """
    if scores.ndim != 1:
        raise ValueError(f"`scores` must have shape [N], got {list(scores.shape)}")
    checks.integer("size", size, least=1)
    if size > scores.shape[0]:
        raise ValueError(f"`size` must be at most the {scores.shape[0]} scores, got {size}")
    return jnp.argsort(scores, stable=True)[:size].astype(jnp.int32)


def multi_epoch(examples: int, epochs: int = 1) -> Curriculum:
    """Passes over a set several times, drawing without replacement within a pass.

    An example has a weight while it was seen less often than some other, or all equally often: 1 / (number of those).

    Args:
      examples: N >= 1.
      epochs: passes, an integer >= 1; after them all weights are 1 / N.

    Returns:
      A `Curriculum` whose feedback is `[N]` integers >= 0: how often each example was in the batch. Draw a batch without
      replacement, of a size that divides N.

    Raises:
      ValueError: a number is less than 1.

    Source: Guo et al., 2024, arXiv 2406.14833, with four to five passes over the subset instead of one over everything.

    Example:
      >>> passes = curriculum.multi_epoch(4, epochs=2)
      >>> state = passes.update(passes.init(), jnp.array([1, 0, 1, 0]))
      >>> passes.weights(state).tolist()
      [0.0, 0.5, 0.0, 0.5]
    """
    checks.integer("examples", examples, least=1)
    checks.integer("epochs", epochs, least=1)

    def init() -> MultiEpochState:
        return MultiEpochState(jnp.zeros([examples], jnp.int32))

    def weights(state: MultiEpochState) -> Array:
        least = jnp.min(state.seen)
        open_examples = (state.seen == least) | (least >= epochs)
        return open_examples.astype(jnp.float32) / jnp.sum(open_examples, dtype=jnp.int32).astype(jnp.float32)

    def update(state: MultiEpochState, feedback: Array) -> MultiEpochState:
        return MultiEpochState(state.seen + feedback.astype(jnp.int32))

    return Curriculum(init, weights, update)


def replay_mix(fraction: float) -> BatchTransform:
    """Replaces a share of every batch by old data, so that the number of tokens stays the same.

    round(fraction B) rows at random places are those of the old batch, the others stay.

    Args:
      fraction: in [0, 1]; the paper takes 0.05 for a weak shift of the data and 0.25 to 0.5 for a strong one.

    Returns:
      `(key, (new, old)) -> batch` of trees of arrays `[B, ...]`: row i is new[i] or old[i].

    Raises:
      ValueError: the fraction is out of range.

    Source: Ibrahim et al., "Simple and Scalable Strategies to Continually Pre-train Large Language Models", 2024,
    arXiv 2403.08763.

    Example:
      >>> mix = curriculum.replay_mix(0.25)
      >>> batch = mix(jax.random.key(0), ({"tokens": jnp.ones((8, 3))}, {"tokens": jnp.zeros((8, 3))}))
      >>> float(batch["tokens"].sum())
      18.0
    """
    checks.between("fraction", fraction, 0.0, 1.0)

    def transform(key: Array, batch: tuple[Any, Any]) -> Any:
        new, old = batch
        rows = jax.tree.leaves(new)[0].shape[0]
        replayed = jax.random.permutation(key, rows) < round(fraction * rows)

        def choose(fresh: Array, earlier: Array) -> Array:
            return jnp.where(replayed.reshape(rows, *(1,) * (fresh.ndim - 1)), earlier, fresh)

        return jax.tree.map(choose, new, old)

    return transform
