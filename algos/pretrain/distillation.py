"""Distillation of masked language models, and the spoken form of the texts that they are for."""

from __future__ import annotations

import unicodedata

import jax
import jax.numpy as jnp

from ..core import LossTransform, chain, checks, loss_transform, numerics
from .objectives import next_token
from .terms import Terms

Array = jax.Array


def teacher_divergence(*, temperature: float = 1.0, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Brings the student's distribution near the teacher's: loss = coefficient T^2 mean_bt KL(teacher || student)

    Both are softened, softmax(z / T); the mean is over the tokens that count; T^2 keeps the size of the gradient.

    Args:
      temperature: T > 0.
      coefficient: >= 0, or a schedule.

    Returns:
      A loss on `distribution` that reads `teacher_distribution`; records the metric `teacher_kl`, the mean without the factors.

    Raises:
      ValueError: an argument is out of range.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, arXiv 1503.02531.
    """
    checks.positive("temperature", temperature)
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def divergence(log_probs: Array, teacher_log_probs: Array) -> Array:
        log_p, log_q = (jax.nn.log_softmax(x / temperature, axis=-1) for x in (teacher_log_probs, log_probs))
        return jnp.sum(numerics.weighted(log_p, log_p - log_q), axis=-1)

    def update(terms: Terms) -> Terms:
        divergences = terms.distribution.map(divergence, terms.teacher_distribution, where=terms.mask)
        loss = terms.value("coefficient", coefficient) * temperature**2 * terms.mean(divergences)
        return terms.add_loss(loss).add_metric("teacher_kl", divergences)

    return loss_transform(
        update,
        reads=("distribution", "teacher_distribution"),
        writes=("loss",),
        metrics=("teacher_kl",),
        hyperparameters={"temperature": temperature, "coefficient": coefficient},
    )


def hidden_matching(*, coefficient: checks.ScalarOrSchedule = 1.0) -> LossTransform:
    """Brings the student's states near the teacher's: loss = coefficient mean_bt mean_e (W h_bt + b - h^T_bt)_e^2

    States of several pairs of layers stand side by side, with a W for each on the diagonal.

    Args:
      coefficient: >= 0, or a schedule.

    Returns:
      A loss on `hidden`, `projection_kernel` and, where given, `projection_bias`, that reads `teacher_hidden`.

    Raises:
      ValueError: the coefficient is negative.

    Source: Romero et al., "FitNets: Hints for Thin Deep Nets", 2014, arXiv 1412.6550.
    """
    checks.schedule("coefficient", coefficient, checks.non_negative)

    def update(terms: Terms) -> Terms:
        states = jnp.matmul(terms.hidden, terms.projection_kernel)
        if terms.projection_bias is not None:
            states = states + terms.projection_bias[None, None]
        differences = states - terms.teacher_hidden.astype(states.dtype)
        squares = jnp.sum(jnp.square(differences), axis=-1) / differences.shape[-1]
        return terms.add_loss(terms.value("coefficient", coefficient) * terms.mean(squares))

    return loss_transform(
        update,
        reads=("hidden", "projection_kernel", "teacher_hidden"),
        optional_reads=("projection_bias",),
        writes=("loss",),
        hyperparameters={"coefficient": coefficient},
    )


def masked_distillation(
    *, hard: float = 0.5, soft: float = 0.5, hidden: float = 0.0, temperature: float = 1.0
) -> LossTransform:
    """Distils a masked language model: hard CE + soft T^2 KL(teacher || student) + hidden MSE, all over the masked tokens.

    Masked tokens are those that `masked_language` leaves in `learned`. The same loss serves a teacher with its intermediate
    student and that one with a small student; the stages of training are `next_token` on public texts, then on texts of the
    domain, this on those, and fine-tuning.

    Args:
      hard: a >= 0, of the cross-entropy.
      soft: b >= 0, of the divergence.
      hidden: c >= 0, of the states; 0 leaves them out.
      temperature: T > 0.

    Returns:
      A chain of `next_token`, `teacher_divergence` and, for c > 0, `hidden_matching`.

    Raises:
      ValueError: an argument is out of range.

    Source: FitzGerald et al., "Alexa Teacher Model: Pretraining and Distilling Multi-Billion-Parameter Encoders for Natural
    Language Understanding Systems", 2022, arXiv 2206.07808; the weights are a choice made here.

    Example:
      >>> logits = jnp.zeros((1, 2, 4))
      >>> terms = pretrain.forward(lambda params, inputs: inputs)(None, pretrain.Terms(
      ...     inputs=logits, tokens=jnp.zeros((1, 2), int), teacher_distribution=algax.Logits(logits)))
      >>> float(pretrain.masked_distillation()(terms))  # 0.5 log 4: the student is like its teacher
      0.69314...
    """
    checks.non_negative("hard", hard)
    checks.non_negative("soft", soft)
    checks.non_negative("hidden", hidden)
    checks.positive("temperature", temperature)
    parts = [next_token(coefficient=hard), teacher_divergence(temperature=temperature, coefficient=soft)]
    if hidden > 0:
        parts.append(hidden_matching(coefficient=hidden))
    return chain(*parts, name="masked_distillation")


def spoken_form(text: str) -> str:
    """A text as speech recognition would write it: lower case, without punctuation but for apostrophes within words.

    Args:
      text: any; 70 % of the paper's corpus is treated so.

    Returns:
      The text, its words joined by single spaces.

    Source: FitzGerald et al., 2022, arXiv 2206.07808. How apostrophes and hyphens are treated is a choice made here.

    Example:
      >>> pretrain.spoken_form("Well-known: isn't 'it', Alexa?")
      "well known isn't it alexa"
    """
    text = text.lower().replace("\u2019", "'")
    letters = []
    for index, letter in enumerate(text):
        inside = text[index - 1 : index].isalnum() and text[index + 1 : index + 2].isalnum()
        kept = not unicodedata.category(letter).startswith("P") or (letter == "'" and inside)
        letters.append(letter if kept else " ")
    return " ".join("".join(letters).split())
