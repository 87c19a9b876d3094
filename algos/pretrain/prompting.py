"""Several prompts for one question, answers that a prompt alone makes likely, and which parameters are tuned."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp

from ..core import checks, numerics

Array = jax.Array


def ensemble_prompts(scores: Array, weights: Array | None = None, mode: str = "mixture") -> Array:
    """Puts the answers to P prompts together.

    With p_i = softmax(scores_i) over the answers and weights w of sum 1: sum_i w_i p_i (`"mixture"`), or
    prod_i p_i^w_i, normalised (`"geometric"`).

    Args:
      scores: `[P, B, C]` log-scores of C answers, such as `preference.sequence_log_probs` of each answer filled in.
      weights: `[P]` >= 0, not all 0, divided by their sum; left out, all alike.
      mode: one of the two.

    Returns:
      `[B, C]` probabilities.

    Raises:
      ValueError: an unknown mode, or scores that are not `[P, B, C]`.

    Source: Liu et al., "Pre-train, Prompt, and Predict: A Systematic Survey of Prompting Methods in Natural Language
    Processing", 2021, arXiv 2107.13586.
    """
    checks.option("mode", mode, ("mixture", "geometric"))
    if scores.ndim != 3:
        raise ValueError(f"`scores` must have shape [P, B, C], got {scores.shape}")
    log_probs = jax.nn.log_softmax(numerics.at_least_float32(scores), axis=-1)
    weights = jnp.ones([scores.shape[0]]) if weights is None else weights
    shares = (weights / jnp.sum(weights)).astype(log_probs.dtype)[:, None, None]
    if mode == "mixture":
        return jnp.sum(shares * jnp.exp(log_probs), axis=0)
    # A prompt of weight 0 says nothing, not even that an answer is impossible.
    return jax.nn.softmax(jnp.sum(jnp.where(shares > 0, shares * log_probs, 0.0), axis=0), axis=-1)


def calibrate(scores: Array, null_scores: Array) -> Array:
    """Takes out what a prompt prefers by itself: p(z | x) / p(z | nothing), normalised over the answers.

    Args:
      scores: `[B, C]` log-scores of the answers.
      null_scores: `[C]` the same of a prompt whose input has no content, such as "N/A"; all finite.

    Returns:
      `[B, C]` probabilities.

    Raises:
      ValueError: the shapes do not fit.

    Source: Zhao et al., "Calibrate Before Use: Improving Few-Shot Performance of Language Models", 2021, arXiv 2102.09690.
    """
    if scores.ndim != 2 or null_scores.shape != scores.shape[1:]:
        raise ValueError(f"`scores` must be [B, C] and `null_scores` [C], got {scores.shape} and {null_scores.shape}")
    return jax.nn.softmax(numerics.at_least_float32(scores) - numerics.at_least_float32(null_scores)[None], axis=-1)


def tuning_mask(params: Any, *, tune_model: bool, tune_prompt: bool, prompt: str = "prompt") -> Any:
    """Which parameters are tuned, when a language model meets a prompt that may have parameters too.

    ==========================  ==========  ===========
    regime                      tune_model  tune_prompt
    ==========================  ==========  ===========
    tuning-free                 False       False
    promptless, fixed-prompt    True        False
    fixed language model        False       True
    prompt and language model   True        True
    ==========================  ==========  ===========

    Args:
      params: a tree of parameters.
      tune_model: whether the language model's are tuned.
      tune_prompt: whether the prompt's are.
      prompt: a regular expression, searched for in the parameters' paths (`params/prompt/embedding`): those of the prompt.

    Returns:
      A tree of bools, such as `optax.masked` takes; what is not tuned needs `optax.set_to_zero`.

    Raises:
      TypeError: an option is not a bool.

    Source: Liu et al., 2021, arXiv 2107.13586.
    """
    checks.boolean("tune_model", tune_model)
    checks.boolean("tune_prompt", tune_prompt)

    def tuned(path: Any, leaf: Any) -> bool:
        del leaf
        of_prompt = re.search(prompt, jax.tree_util.keystr(path, simple=True, separator="/")) is not None
        return tune_prompt if of_prompt else tune_model

    return jax.tree_util.tree_map_with_path(tuned, params)
