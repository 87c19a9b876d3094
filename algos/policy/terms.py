"""The record of a batch of sampled responses, and the forward pass that fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from .. import core
from ..core.distribution import FactoredLogits, Logits, as_distribution
from ..core.terms import data, derived, differentiated, distribution, mask

Array = jax.Array


@struct.dataclass
class Terms(core.Terms):
    """B responses of T positions; position t is the t-th token the policy may have produced.

    Data:
      tokens: `[B, T]` integers, the sampled tokens.
      mask: `[B, T]` true on tokens the policy produced (not on prompt, padding or tool output).
      rewards: `[B]` reward of each response.
      token_rewards: `[B, T]` reward of each token.
      group_ids: `[B]` integers; responses to one prompt share an id, any integers will do.
      correct: `[B]` true where a verifier accepted the response.
      answer_ids: `[B]` integers; responses with the same final answer share an id, any integers will do.
      truncated: `[B]` true where generation hit the length limit before its stop token.
      demonstrations: `[B]` true on rows that are demonstrations and no samples of the policy.
      token_scores: `[B, T]` logits of a token-level reward model.
      old_log_probs: `[B, T]` log-probs under the policy that starts the update, in the context that sampled.
      behaviour_log_probs: `[B, T]` log-probs as the sampler reported them, if it differs from the trainer.
      ref_log_probs: `[B, T]` log-probs under the frozen reference.
      old_values: `[B, T]` recorded predictions of the critic.
      old_entropies: `[B, T]` entropies of the policy that sampled, in nats.
      reward_parts: `[B, R]` parts of a response's reward, such as correctness and format.
      bundle_ids: `[B]` integers; questions of one bundle share an id.
      paper_ids: `[B]` integers; responses scored together, one to each question of a bundle, share an id.
      has_answer: `[B]` true where a final answer could be read off the response.
      consistent: `[B]` true where a judge finds that the reasoning supports the answer.
      well_formed: `[B]` true where the response keeps to the required format.
      embeddings: `[B, E]` embeddings of the responses.
      step_ends: `[B, T]` true on the last token of each reasoning step.
      separators: `[B, T]` true on tokens that only separate steps.
      step_values: `[B, T]` estimated success rate after each step, on the step's last token.
      prompt_values: `[B]` estimated success rate before the first step.
      segment_ids: `[B, T]` integers; neighbouring tokens of one macro action share an id.
      environment_steps: `[B]` integers from 0, at which step of an episode each response was given.
      regularising: `[B]` true on correct responses drawn at another temperature to steer the entropy.
      rehearsal: `[B]` true where a response is a stored one of the initial policy, trained on by a divergence alone.
      guided_tokens: `[B, T]` true on tokens of a response that another wrote: a demonstration's prefix, a teacher's feedback.
      prefix_ids: `[B]` integers; responses that continue one prefix share an id.
      thoughts: `[B, T]` true on tokens of the reasoning before an action.
      turn_ids: `[B, T]` integers from 0, the turn of the dialogue that a token belongs to.
      turn_correct: `[B, S]` true where the answer of a turn is right.
      turn_answers: `[B, S]` integers; equal answers share an id, a negative one is no answer.
      turn_rewards: `[B, S]` reward of each turn.
      turn_failed: `[B, S]` true where the tool call of a turn failed.
      budgets: `[B]` tokens a response was told to use.
      thinking: `[B]` true where a response reasons before it answers, by its mode or its non-empty thought.
      needs_thought: `[B]` true where the prompt is labelled as needing reasoning.
      control_tokens: `[B, T]` true on the token that decides whether or how to reason.
      key_tokens: `[B, T]` true on the tokens that decide which tool is called.
      parameter_ends: `[B, T]` true on the tokens that end a parameter of a tool call.
      ref_distribution: the reference's distribution over the vocabulary at every position.
      old_distribution: the same of the policy that starts the update, or of another earlier one that a method names.
    Differentiated, filled in by `forward`:
      log_probs: `[B, T]` log-probs of `tokens` under the current policy.
      distribution: the policy's distribution over the vocabulary at every position.
      values: `[B, T]` the critic's predictions.
    Derived:
      entropies: `[B, T]` the policy's entropy at every position, in nats.
      advantages, returns: `[B, T]`.
      success_rates: `[B]` the share of correct responses to the row's prompt.
      length_limits: `[B]` the longest response that earns a reward, in tokens.
      prompt_advantages: `[B, T]` how a response's prompt compares with the other prompts.
      ratios: `[B, T]` importance ratios; value and gradient may differ.
      lower_bounds, upper_bounds: `[B, T]` bounds of the ratio, written by methods that search for them.
      weights: `[B, T]` factors of the surrogates, without gradient.
      surrogates: `[B, T]` to be maximised.
      penalties: `[B, T]` to be minimised.
    """

    tokens: Array = data("B T")
    mask: Array = mask("B T")
    rewards: Array = data("B")
    token_rewards: Array = data("B T")
    group_ids: Array = data("B")
    correct: Array = data("B")
    answer_ids: Array = data("B")
    truncated: Array = data("B")
    demonstrations: Array = data("B")
    token_scores: Array = data("B T")
    old_log_probs: Array = data("B T")
    behaviour_log_probs: Array = data("B T")
    ref_log_probs: Array = data("B T")
    old_values: Array = data("B T")
    old_entropies: Array = data("B T")
    reward_parts: Array = data("B R")
    bundle_ids: Array = data("B")
    paper_ids: Array = data("B")
    has_answer: Array = data("B")
    consistent: Array = data("B")
    well_formed: Array = data("B")
    embeddings: Array = data("B E")
    step_ends: Array = data("B T")
    separators: Array = data("B T")
    step_values: Array = data("B T")
    prompt_values: Array = data("B")
    segment_ids: Array = data("B T")
    environment_steps: Array = data("B")
    regularising: Array = data("B")
    rehearsal: Array = data("B")
    guided_tokens: Array = data("B T")
    prefix_ids: Array = data("B")
    thoughts: Array = data("B T")
    turn_ids: Array = data("B T")
    turn_correct: Array = data("B S")
    turn_answers: Array = data("B S")
    turn_rewards: Array = data("B S")
    turn_failed: Array = data("B S")
    budgets: Array = data("B")
    thinking: Array = data("B")
    needs_thought: Array = data("B")
    control_tokens: Array = data("B T")
    key_tokens: Array = data("B T")
    parameter_ends: Array = data("B T")
    ref_distribution: Logits | FactoredLogits = distribution("B T", role="data")
    old_distribution: Logits | FactoredLogits = distribution("B T", role="data")

    log_probs: Array = differentiated("B T")
    distribution: Logits | FactoredLogits = distribution("B T")
    values: Array = differentiated("B T")

    entropies: Array = derived("B T")
    advantages: Array = derived("B T")
    returns: Array = derived("B T")
    success_rates: Array = derived("B")
    length_limits: Array = derived("B")
    prompt_advantages: Array = derived("B T")
    ratios: Array = derived("B T")
    lower_bounds: Array = derived("B T")
    upper_bounds: Array = derived("B T")
    weights: Array = derived("B T")
    surrogates: Array = derived("B T")
    penalties: Array = derived("B T")


def forward(
    apply_fn: Callable[[Any, Any], Any], value_fn: Callable[[Any, Any], Array] | None = None
) -> Callable[[Any, Terms, Array | None], Terms]:
    """Wraps an apply function for `algax.gradient`.

    Args:
      apply_fn: `(params, inputs) -> ` logits `[B, T, V]`, `Logits` or `FactoredLogits`, where position t predicts
        `tokens[:, t]`.
      value_fn: `(params, inputs) -> values [B, T]` for objectives with a critic.

    Returns:
      `(params, terms, key) -> terms` with `distribution`, `log_probs` and `values` filled in.
    """

    def fill(params: Any, terms: Terms, key: Array | None = None) -> Terms:
        del key
        if terms.tokens is None:
            raise ValueError("policy.forward needs `tokens`, which is None: set it in policy.Terms")
        output = apply_fn(params, terms.inputs)
        predicted = as_distribution(output)
        where = None if terms.mask is None else jnp.asarray(terms.mask, bool)
        values = terms.values if value_fn is None else value_fn(params, terms.inputs)
        return terms.replace(distribution=predicted, log_probs=predicted.log_probs(terms.tokens, where), values=values)

    return fill
