"""Prompts: filled templates, and classes told by the words that name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def render(parts: Sequence[str], fields: Mapping[str, str]) -> str:
    """Fills a template and joins its parts by single spaces; parts that come out empty are dropped.

    Args:
      parts: texts, with slots such as `"{text_a}"`; a slot whose field is missing is empty.
      fields: name of a slot -> its text.

    Returns:
      The prompt.

    Raises:
      TypeError: `parts` is one string.

    Source: Liu et al., "Pre-train, Prompt, and Predict", 2021, arXiv 2107.13586.

    Example:
      >>> pretrain.render(["{text_a}", "It was {label} .", "{text_b}"], {"text_a": "Nice film.", "label": "great"})
      'Nice film. It was great .'
    """
    filled = []
    for part in checks.strings("parts", parts):
        pieces = part.split("{")
        text = pieces[0]
        for piece in pieces[1:]:
            name, closed, rest = piece.partition("}")
            text += fields.get(name, "") + rest if closed else "{" + piece
        filled.append(text.strip())
    return " ".join(part for part in filled if part)


class PromptTemplate(NamedTuple):
    """A template with a slot `{label}`, and the words that name the classes there.

    Such as `PromptTemplate(("{text_a}", "It was {label} ."), ("terrible", "great"))` for a text, and
    `PromptTemplate(("{text_a} ?", "{label} , {text_b}"), ("No", "Maybe", "Yes"))` for a pair.

    Source: Shi and Lipani, "Don't Stop Pretraining? Make Prompt-based Fine-tuning Powerful Learner", 2023, arXiv 2305.01711: a
    model that is to be fine-tuned on `ask` is first pretrained by masked language modelling on `answer` with pseudo-labels.

    Attributes:
      parts: see `render`.
      words: one a class, all different.
    """

    parts: Sequence[str]
    words: Sequence[str]

    def ask(self, fields: Mapping[str, str], mask: str = "[MASK]") -> str:
        """The prompt with a mask in place of the answer."""
        return render(self.parts, {**fields, "label": mask})

    def answer(self, fields: Mapping[str, str], label: int) -> str:
        """The prompt with the word of a class."""
        return render(self.parts, {**fields, "label": self.words[label]})

    def label_of(self, word: str) -> int:
        """The class that a word names.

        Raises:
          ValueError: it names none.
        """
        if word not in self.words:
            raise ValueError(f"`word` must be one of {list(self.words)}, got {word!r}")
        return list(self.words).index(word)


def verbalize(logits: Array, label_words: Array, reduce: str = "mean_logit") -> Array:
    """Probabilities of classes from those of the words that stand for them.

    With W_c the words of class c: softmax over c of mean_{w in W_c} logits_w (`"mean_logit"`), or
    sum_{w in W_c} p(w), normalised over c (`"mass"`).

    Args:
      logits: `[B, V]` at the place of the answer.
      label_words: `[C, W]` integers, -1 where a class has fewer words; each class has one at least.
      reduce: `"mean_logit"` or `"mass"`.

    Returns:
      `[B, C]`, rows of sum 1.

    Raises:
      ValueError: an unknown reduction.

    Source: Schick and Schütze, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
    Inference", 2020, arXiv 2001.07676.
    """
    checks.option("reduce", reduce, ("mean_logit", "mass"))
    present = label_words >= 0
    chosen = numerics.at_least_float32(logits)[:, jnp.where(present, label_words, 0)]
    if reduce == "mass":
        return jax.nn.softmax(jax.nn.logsumexp(jnp.where(present[None], chosen, -jnp.inf), axis=-1), axis=-1)
    totals = jnp.sum(jnp.where(present[None], chosen, 0.0), axis=-1)
    return jax.nn.softmax(totals / jnp.sum(present, axis=-1).astype(totals.dtype)[None], axis=-1)
