"""Whether to think before an answer: a control token, then two tokens to get right or a long thought that mostly is."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import policy
from algax.experiments.tasks.task import Task

KINDS = ("easy", "hard")
SHORT = 2  # tokens of an answer without a thought
SHORT_LOGIT = -0.6  # of getting one of them right, at the start
THINKING = 0.95  # success of a thought
EMPTY = 0  # the token of an empty thought


def modes(
    model: Any,
    thought: int = 30,
    hard_success: float = 0.3,
    prompts: int = 16,
    samples_per_prompt: int = 8,
    cold_start: int = 0,
    dropout: float = 0.0,
) -> Task:
    """Easy and hard prompts, half each; an answer begins with a control token that chooses the mode.

    Without a thought two tokens follow that the policy must learn to get right, and on hard prompts that is right only now and
    then. With one a thought of certain tokens follows that is right 19 times of 20, whatever the prompt.

    Args:
        model: a Linen module, one-hot `[..., 6]` of the kind's control token and the two answer tokens to 2 logits.
        thought: tokens of a thought, at least 2.
        hard_success: probability that a hard prompt's right short answer is accepted.
        prompts: prompts a batch, half of them easy.
        samples_per_prompt: answers sampled to a prompt, one group.
        cold_start: steps before the first samples, whose rows are right answers with a thought, flagged `demonstrations`.
        dropout: share of these whose thought is empty, see `policy.thought_dropout`.

    Returns:
        a task with the exact metrics `think_easy` and `think_hard` (probability of a thought), `short_success` (of getting the
        short answer's tokens right on easy prompts) and `accuracy`.
    """
    if thought < SHORT:
        raise ValueError(f"thought must be at least {SHORT} tokens; got {thought}")
    if prompts % 2 or prompts < 2:
        raise ValueError(f"prompts must be an even number, at least 2; got {prompts}")
    if not 0 <= hard_success <= 1:
        raise ValueError(f"hard_success must be in [0, 1]; got {hard_success}")
    empty_some = policy.thought_dropout((EMPTY,), rate=dropout)
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)
    kinds = groups % 2
    accepted = jnp.array([1.0, hard_success])

    def logits(params, kinds):
        """Control and answer tokens, `[B, 3, 2]`; 1 is to think, or to be right."""
        places = jax.nn.one_hot(3 * kinds[:, None] + jnp.arange(3)[None], 6)
        start = jnp.array([0.0, SHORT_LOGIT, SHORT_LOGIT])
        return model.apply(params, places) + jnp.stack([jnp.zeros_like(start), start], axis=-1)[None]

    def init(key):
        return model.init(key, jnp.zeros([1, 6])), {}

    def log_probs_of(params, inputs):
        scores = jnp.take_along_axis(
            jax.nn.log_softmax(logits(params, inputs["kinds"])), inputs["choices"][..., None], axis=-1
        )[..., 0]
        answer = jnp.where(inputs["choices"][:, :1] == 1, 0.0, scores[:, 1:])
        return jnp.pad(jnp.concatenate([scores[:, :1], answer], axis=1), ((0, 0), (0, thought - SHORT)))

    def demonstrated(key):
        """The choices of right answers with a thought, but for some that are empty: `[B, 3]`."""
        rows = len(groups)
        spans = policy.ThoughtSpans(
            tokens=jnp.full([rows, thought], EMPTY + 1),
            lengths=jnp.full([rows], thought),
            starts=jnp.zeros([rows], jnp.int32),
            ends=jnp.full([rows], thought - SHORT),
        )
        spans = empty_some(key, spans)
        return jnp.stack([spans.tokens[:, 0] != EMPTY, *[jnp.ones([rows], bool)] * SHORT], axis=1).astype(jnp.int32)

    def batch(params, context, step, key):
        del context
        choice_key, right_key = jax.random.split(key)
        choices = jax.random.categorical(choice_key, logits(params, kinds))
        shown = jnp.broadcast_to(step < cold_start, groups.shape)
        if cold_start:
            choices = jnp.where(shown[:, None], demonstrated(choice_key), choices)
        thinks = choices[:, 0] == 1
        rates = jnp.where(thinks, THINKING, jnp.where(jnp.all(choices[:, 1:] == 1, axis=1), accepted[kinds], 0.0))
        correct = jax.random.bernoulli(right_key, rates) | shown
        inputs = {"kinds": kinds, "choices": choices}
        positions = jnp.arange(1 + thought)[None]
        return policy.Terms(
            inputs=inputs,
            mask=positions <= jnp.where(thinks, thought, SHORT)[:, None],
            rewards=correct.astype(jnp.float32),
            correct=correct,
            thinking=thinks,
            needs_thought=kinds == 1,
            control_tokens=jnp.broadcast_to(positions == 0, [len(groups), 1 + thought]),
            demonstrations=shown,
            group_ids=groups,
            old_log_probs=log_probs_of(params, inputs),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=log_probs_of(params, terms.inputs))

    def evaluate(params, context, key):
        del context, key
        probabilities = jax.nn.softmax(logits(params, jnp.arange(2)))[..., 1]
        think, short = probabilities[:, 0], probabilities[:, 1] * probabilities[:, 2]
        return {
            "think_easy": think[0],
            "think_hard": think[1],
            "short_success": short[0],
            "accuracy": jnp.mean(think * THINKING + (1.0 - think) * short * accepted),
        }

    return Task(init, batch, forward, evaluate)
