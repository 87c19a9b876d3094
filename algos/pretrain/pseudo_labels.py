"""A model's own labels as a stage of pretraining."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core import checks

Array = jax.Array


class PseudoLabels(NamedTuple):
    """What a model says of examples without labels.

    Attributes:
      labels: `[N]` int32, the most likely class.
      confidence: `[N]` its probability.
      kept: `[N]` bool, where that is at least the threshold.
    """

    labels: Array
    confidence: Array
    kept: Array


def pseudo_labels(probs: Array, *, threshold: float = 0.0) -> PseudoLabels:
    """Labels examples by a model's predictions: argmax_c p_c, kept where max_c p_c >= threshold.

    Args:
      probs: `[N, C]` probabilities of the classes.
      threshold: any real number; 0 keeps all, above 1 keeps none.

    Returns:
      `PseudoLabels`; for soft labels take `probs` themselves.

    Raises:
      ValueError: the probabilities are not `[N, C]`.

    Source: Guo, "Predictions For Pre-training Language Models", 2020, arXiv 2011.09031, where all are kept; Lee,
    "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", 2013.
    """
    checks.real("threshold", threshold)
    if probs.ndim != 2:
        raise ValueError(f"`probs` must have shape [N, C], got {probs.shape}")
    confidence = jnp.max(probs, axis=1)
    return PseudoLabels(jnp.argmax(probs, axis=1).astype(jnp.int32), confidence, confidence >= threshold)


class PseudoLabelRun(NamedTuple):
    """The parameters after each stage of the last round.

    Attributes:
      teacher: those that labelled.
      pretrained: those trained on its labels.
      final: those trained on the true labels after that.
    """

    teacher: Any
    pretrained: Any
    final: Any


def pseudo_label_pretrain(
    fit: Callable[[Any, Any, Array], Any],
    predict: Callable[[Any, Any], Array],
    params: Any,
    labelled: tuple[Any, Array],
    unlabelled: Any,
    *,
    threshold: float = 0.0,
    soft: bool = False,
    rounds: int = 1,
    pretrain_fit: Callable[[Any, Any, Array], Any] | None = None,
) -> PseudoLabelRun:
    """Fits a teacher on labels, a fresh copy of the model on the teacher's labels, and that one on the true labels again.

    theta_1 = fit(theta_0, D), theta_2 = fit(theta_0, {(x, y_theta_1(x))}), theta_3 = fit(theta_2, D). In a further round
    theta_3 is the teacher, and its pupil starts from theta_0 again. With a threshold of 0 all of it can be compiled.

    Args:
      fit: `(params, inputs, labels) -> params`.
      predict: `(params, inputs) -> ` probabilities `[N, C]`.
      params: theta_0, such as of a language model.
      labelled: D, inputs (a tree of arrays with a leading axis) and labels `[N]`.
      unlabelled: inputs; without any, or with none kept, theta_2 is theta_0.
      threshold: see `pseudo_labels`.
      soft: whether to fit on the probabilities `[N, C]` and not on the classes `[N]`.
      rounds: >= 1.
      pretrain_fit: what fits on pseudo-labels, if it is not `fit`: with the loss of masked language modelling added, as in the
        paper's first version, or with that loss alone on prompts that hold the pseudo-label's word, which is prompt-based
        continued pretraining.

    Returns:
      A `PseudoLabelRun`.

    Raises:
      ValueError: an argument is out of range.

    Sources: Guo, 2020, arXiv 2011.09031; Shi and Lipani, "Don't Stop Pretraining? Make Prompt-based Fine-tuning Powerful
    Learner", 2023, arXiv 2305.01711. Threshold, soft labels and rounds are additions.
    """
    checks.real("threshold", threshold)
    checks.boolean("soft", soft)
    checks.integer("rounds", rounds, least=1)
    inputs, labels = labelled
    teacher = pretrained = params
    final = fit(params, inputs, labels)
    for _ in range(rounds):
        teacher, pretrained = final, params
        if jax.tree.leaves(unlabelled)[0].shape[0]:
            probs = predict(teacher, unlabelled)
            guesses = pseudo_labels(probs, threshold=threshold)
            examples = (unlabelled, probs if soft else guesses.labels)
            if threshold > 0.0:  # how many stay depends on the values
                kept = np.flatnonzero(np.asarray(guesses.kept))
                examples = jax.tree.map(lambda x, kept=kept: x[kept], examples)
            if jax.tree.leaves(examples)[0].shape[0]:
                pretrained = (pretrain_fit or fit)(params, *examples)
        final = fit(pretrained, inputs, labels)
    return PseudoLabelRun(teacher, pretrained, final)
