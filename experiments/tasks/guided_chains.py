"""Right chains of thought that a policy hardly samples: explanations written knowing the answer, a teacher's feedback."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import policy
from algax.experiments.tasks.task import Task

OWN, EXPERT = 0, 1  # the right chain that the policy might write, and the one that it would not
WRITERS = ("policy", "expert")


def explanations(
    model: Any,
    writer: str = "policy",
    prompts: int = 16,
    chains: int = 64,
    chance: float = 0.002,
    expert_chance: float = -20.0,
    samples_per_prompt: int = 8,
) -> Task:
    """One chain of thought a prompt is right and almost never sampled; rows flagged `demonstrations` explain the answer.

    Args:
        model: a Linen module, one-hot prompts `[B, prompts]` to logits `[B, chains]`; a table that starts at 0.
        writer: of the explanations: "policy" draws them from the policy given that the answer is right, "expert" takes a right
            chain that the policy would not write.
        prompts: number of prompts, all of them in every batch.
        chains: to choose from, of which two are right.
        chance: probability of the policy's own right chain at the start.
        expert_chance: log-probability of the expert's.
        samples_per_prompt: chains sampled to a prompt, one group.

    Returns:
        a task with the exact metric `accuracy`.

    Raises:
        ValueError: an unknown writer, or a chance outside (0, 1).
    """
    if writer not in WRITERS:
        raise ValueError(f"writer must be one of {', '.join(WRITERS)}; got {writer!r}")
    if not 0 < chance < 1:
        raise ValueError(f"chance must be in (0, 1); got {chance}")
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)
    chosen = jnp.concatenate([groups, jnp.arange(prompts)])
    shown = jnp.arange(len(chosen)) >= len(groups)

    def log_probs(params, base):
        return jax.nn.log_softmax(model.apply(params, jnp.eye(prompts)) + base)

    def init(key):
        params = jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, prompts])))
        wrong = jax.nn.log_softmax(jax.random.normal(key, (prompts, chains - 2))) + jnp.log1p(-chance)
        right = jnp.broadcast_to(jnp.array([jnp.log(chance), expert_chance]), (prompts, 2))
        return params, {"base": jnp.concatenate([right, wrong], axis=1)}

    def batch(params, context, step, key):
        del step
        now = log_probs(params, context["base"])
        sample_key, explain_key = jax.random.split(key)
        tokens = jax.random.categorical(sample_key, now[groups])
        knowing = jax.random.categorical(explain_key, now[:, : EXPERT + 1])
        explained = knowing if writer == "policy" else jnp.full_like(knowing, EXPERT)
        tokens = jnp.concatenate([tokens, explained])
        right = tokens <= EXPERT
        return policy.Terms(
            inputs={"base": context["base"][chosen], "prompts": chosen},
            tokens=tokens[:, None],
            mask=jnp.ones([len(chosen), 1], bool),
            rewards=right.astype(jnp.float32),
            correct=right,
            demonstrations=shown,
            group_ids=chosen,
            old_log_probs=now[chosen, tokens][:, None],
        )

    def forward(params, terms, key):
        del key
        scores = jax.nn.log_softmax(
            model.apply(params, jax.nn.one_hot(terms.inputs["prompts"], prompts)) + terms.inputs["base"]
        )
        return terms.replace(log_probs=jnp.take_along_axis(scores, terms.tokens, axis=1))

    def evaluate(params, context, key):
        del key
        return {"accuracy": jnp.mean(jnp.sum(jnp.exp(log_probs(params, context["base"]))[:, : EXPERT + 1], axis=1))}

    return Task(init, batch, forward, evaluate)


CHECK = 1e-3  # probability of a second look at the start


def second_look(model: Any, share: float = 0.0, prompts: int = 16, samples_per_prompt: int = 8) -> Task:
    """An attempt that is always wrong, a token that stops or checks it, and after a check a correction that may be right.

    Args:
        model: a Linen module, one-hot places `[B, 3]` to 2 logits: of the attempt, the check, the correction; a table that
            starts at 0.
        share: of the responses, which a teacher ends with feedback: a check and the right correction; see
            `policy.append_feedback`.
        prompts: groups a batch.
        samples_per_prompt: responses a group.

    Returns:
        a task with the exact metrics `check` (probability of a second look, without a teacher) and `accuracy`.
    """
    append = policy.append_feedback(share)
    groups = jnp.repeat(jnp.arange(prompts), samples_per_prompt)
    rows = len(groups)
    start = jnp.array([[0.0, 0.0], [0.0, jnp.log(CHECK / (1 - CHECK))], [0.0, 0.0]])

    def log_probs_of(params):
        return jax.nn.log_softmax(model.apply(params, jnp.eye(3)) + start)

    def of(params, tokens):
        return jnp.take_along_axis(log_probs_of(params)[None], tokens[..., None], axis=2)[..., 0]

    def batch(params, context, step, key):
        del context, step
        sample_key, teacher_key = jax.random.split(key)
        own = jax.random.categorical(sample_key, log_probs_of(params), shape=(rows, 3))
        always = jnp.ones([rows, 2], bool)
        feedback = policy.Feedback(own[:, :1], always[:, :1], always.astype(own.dtype), always)
        text, spoken, guided = append(teacher_key, feedback)
        taught = guided.any(axis=1)
        tokens = jnp.where(taught[:, None], text, own)
        checked = tokens[:, 1] == 1
        correct = checked & (tokens[:, 2] == 1)
        return policy.Terms(
            inputs=groups,
            tokens=tokens,
            mask=jnp.where(taught[:, None], spoken, jnp.concatenate([always, checked[:, None]], axis=1)),
            rewards=correct.astype(jnp.float32),
            guided_tokens=guided,
            group_ids=groups,
            old_log_probs=of(params, tokens),
        )

    def forward(params, terms, key):
        del key
        return terms.replace(log_probs=of(params, terms.tokens))

    def evaluate(params, context, key):
        del context, key
        probabilities = jnp.exp(log_probs_of(params))[:, 1]
        return {"check": probabilities[1], "accuracy": probabilities[1] * probabilities[2]}

    def init(key):
        return jax.tree.map(jnp.zeros_like, model.init(key, jnp.zeros([1, 3]))), {}

    return Task(init, batch, forward, evaluate)
