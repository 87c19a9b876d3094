"""Answers with noisy scores: a policy that is told the score of what it is to say."""

from typing import Any

import jax
import jax.numpy as jnp

import algax
from algax import pretrain
from algax.experiments.tasks.task import Task

LEVELS, ANSWERS = 4, 8  # tokens: the prompt, then the scores, then the answers
VOCABULARY = 1 + LEVELS + ANSWERS
NOISE = 0.5
BEST = 3.8  # quality of the best answer; the worst has 1


def scored_answers(model: Any, shuffled: bool = False, samples: int = 4000, batch_size: int = 256) -> Task:
    """Eight answers drawn alike, each with a score from 1 to 4: its quality and normal noise, rounded.

    The text of an example is prompt, score, answer, see `pretrain.feedback_dialogue`; the answer is learnt.

    Args:
        model: a Linen module, one-hot tokens `[..., 13]` to logits `[..., 13]` of the next.
        shuffled: scores of other examples, which is plain supervised training.
        samples: drawn once.
        batch_size: examples a step, drawn with replacement.

    Returns:
        a task with the exact metrics `quality` and `worst_quality`: of the answer after the score 4 and after the score 1.
    """
    qualities = jnp.linspace(1.0, BEST, ANSWERS)

    def init(key):
        model_key, answer_key, noise_key, shuffle_key = jax.random.split(key, 4)
        answers = jax.random.randint(answer_key, (samples,), 0, ANSWERS)
        heard = jnp.round(qualities[answers] + NOISE * jax.random.normal(noise_key, (samples,)))
        scores = jnp.clip(heard, 1, LEVELS).astype(jnp.int32)
        context = {"answers": answers, "scores": scores, "shuffled": jax.random.permutation(shuffle_key, scores)}
        return model.init(model_key, jnp.zeros([1, VOCABULARY])), context

    def batch(params, context, step, key):
        del params, step
        rows = jax.random.randint(key, (batch_size,), 0, samples)
        answers, scores = context["answers"][rows], context["shuffled" if shuffled else "scores"][rows]
        there = jnp.ones([batch_size, 1], bool)
        turns = pretrain.FeedbackTurns(
            prompts=jnp.zeros([batch_size, 1], jnp.int32),
            prompt_mask=there,
            responses=(1 + LEVELS + answers)[:, None, None],
            response_mask=there[..., None],
            feedback=scores[:, None, None],
            feedback_mask=there[..., None],
        )
        text = pretrain.feedback_dialogue(turns, "all")
        return pretrain.causal_terms(pretrain.token_batch(text.tokens, text.mask, text.loss_mask))

    def forward(params, terms, key):
        del key
        distribution = algax.Logits(model.apply(params, jax.nn.one_hot(terms.inputs, VOCABULARY)))
        return terms.replace(distribution=distribution, log_probs=distribution.log_probs(terms.tokens))

    def evaluate(params, context, key):
        del context, key
        tokens = jax.nn.one_hot(jnp.array([LEVELS, 1]), VOCABULARY)
        said = jax.nn.softmax(model.apply(params, tokens)[:, 1 + LEVELS :])
        best, worst = said @ qualities
        return {"quality": best, "worst_quality": worst}

    return Task(init, batch, forward, evaluate)
