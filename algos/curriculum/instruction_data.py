"""Which texts, generated problems, solutions and instructions to train on."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..core import checks, numerics
from ..measure import rouge_l

Array = jax.Array


def threshold_filter(scores: Array, threshold: float, *, keep: str = "low") -> Array:
    """Keeps examples on one side of a threshold: of low toxicity, of high quality, of an allowed length, of enough agreement.

    Args:
      scores: `[N]`; NaN is never kept.
      threshold: a real number or an infinity; a score equal to it is kept.
      keep: `"low"` or `"high"`.

    Returns:
      `[N]` bool.

    Raises:
      ValueError: an unknown option, or a threshold that is NaN.

    Source: Longpre et al., "A Pretrainer's Guide to Training Data: Measuring the Effects of Data Age, Domain Coverage, Quality,
    & Toxicity", 2023, arXiv 2305.13169.
    """
    checks.option("keep", keep, ("low", "high"))
    if math.isnan(threshold):
        raise ValueError(f"`threshold` must be a number, got {threshold!r}")
    return scores <= threshold if keep == "low" else scores >= threshold


def fair_downsample(key: Array, question_ids: Array, size: int) -> Array:
    """Chooses solutions at random so that every question has as many as any other, as far as it has them.

    Questions take turns, each giving one of its solutions at random a turn; the questions of the last turn are drawn.

    Args:
      key: a PRNG key.
      question_ids: `[N]` integers, the question that each solution answers.
      size: >= 0, how many to choose; N or more is all.

    Returns:
      `[N]` bool.

    Raises:
      ValueError: the ids are not `[N]`, or the size is negative.

    Source: Toshniwal et al., "OpenMathInstruct-2: Accelerating AI for Math with Massive Open-Source Instruction Data", 2024,
    arXiv 2410.01560.
    """
    checks.integer("size", size, least=0)
    if question_ids.ndim != 1:
        raise ValueError(f"`question_ids` must have shape [N], got {question_ids.shape}")
    within, across = jax.random.uniform(key, (2, question_ids.shape[0]))
    order = jnp.lexsort((within, question_ids))
    ids = question_ids[order]
    turns = jnp.arange(ids.shape[0], dtype=jnp.int32) - jnp.searchsorted(ids, ids).astype(jnp.int32)
    chosen = order[jnp.lexsort((across, turns))[:size]]
    return jnp.zeros(question_ids.shape, bool).at[chosen].set(True)


def decontaminate(train_vectors: Array, test_vectors: Array, judge: Callable[[Array], Array], *, top_k: int = 5) -> Array:
    """Keeps training problems that are no paraphrase of a test problem, asked only of the nearest ones.

    Args:
      train_vectors: `[N, D]` embeddings.
      test_vectors: `[M, D]` embeddings.
      judge: indices `[N, top_k]` of test problems, each row's nearest first -> `[N, top_k]`, true where one is a paraphrase of
        the row's training problem, asked of a language model in both orders.
      top_k: in [1, M].

    Returns:
      `[N]`, true where a problem stays.

    Raises:
      ValueError: an argument is out of range or of another shape.

    Source: Toshniwal et al., 2024, arXiv 2410.01560.
    """
    if train_vectors.ndim != 2 or test_vectors.ndim != 2 or train_vectors.shape[1] != test_vectors.shape[1]:
        raise ValueError(
            f"`train_vectors` and `test_vectors` must be [N, D] and [M, D], got {train_vectors.shape}, {test_vectors.shape}"
        )
    checks.between("top_k", checks.integer("top_k", top_k), 1, test_vectors.shape[0])
    train, test = (_unit(vectors) for vectors in (train_vectors, test_vectors))
    _, nearest = jax.lax.top_k(jnp.matmul(train, test.T, precision="highest"), top_k)
    return ~jnp.any(judge(nearest).astype(bool), axis=1)


def _unit(vectors: Array) -> Array:
    vectors = numerics.at_least_float32(vectors)
    return numerics.safe_divide(vectors, jnp.linalg.norm(vectors, axis=1, keepdims=True))


def novelty_filter(texts: Array, *, threshold: float = 0.7, seeds: int = 0) -> Array:
    """Accepts texts one after the other, each if its largest ROUGE-L F1 with those accepted before is below a threshold.

    Args:
      texts: `[N, L]` integers >= 0, negative behind a text's end; N >= 1.
      threshold: any real number; 0 accepts nothing after the first text, above 1 all.
      seeds: in [0, N], how many of the first texts are accepted whatever they are.

    Returns:
      `[N]` bool.

    Raises:
      ValueError: an argument is out of range.

    Source: Wang et al., "Self-Instruct: Aligning Language Models with Self-Generated Instructions", 2022, arXiv 2212.10560.
    """
    checks.real("threshold", threshold)
    if texts.ndim != 2 or not texts.shape[0]:
        raise ValueError(f"`texts` must have shape [N, L] with N >= 1, got {texts.shape}")
    checks.between("seeds", checks.integer("seeds", seeds), 0, texts.shape[0])

    def judge(accepted: Array, index: Array) -> tuple[Array, None]:
        alike = rouge_l(texts, jnp.broadcast_to(texts[index][None], texts.shape)).f1
        new = (index < seeds) | ~jnp.any(accepted) | (jnp.max(jnp.where(accepted, alike, 0.0)) < threshold)
        return accepted.at[index].set(new), None

    none = jnp.zeros([texts.shape[0]], bool)
    return jax.lax.scan(judge, none, jnp.arange(texts.shape[0], dtype=jnp.int32))[0]
