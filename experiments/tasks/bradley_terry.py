"""Preferences with a known optimum: contexts with a few responses, rewards, and Bradley-Terry labels.

With reward r and reference policy p, the objective `J(q) = E_q[r] - beta KL(q, p)` of every context has the optimum
`q* ∝ p exp(r / beta)` with `J(q*) = beta log sum p exp(r / beta)`, so a policy can be scored exactly.
"""

from typing import Any

import jax
import jax.numpy as jnp

from algax import preference
from algax.experiments.tasks.task import Task


def objective(log_probs: jax.Array, ref_log_probs: jax.Array, rewards: jax.Array, beta: float) -> jax.Array:
    """`E_q[r] - beta KL(q, p)` a context, `[B]`, from `[B, responses]`."""
    return jnp.sum(jnp.exp(log_probs) * (rewards - beta * (log_probs - ref_log_probs)), -1)


def kendall_tau(first: jax.Array, second: jax.Array) -> jax.Array:
    """Mean rank correlation of two scores over the responses of a context, from `[B, responses]` each."""
    count = first.shape[-1]
    signs = [jnp.sign(scores[:, :, None] - scores[:, None, :]) for scores in (first, second)]
    return jnp.mean(jnp.sum(signs[0] * signs[1], (-1, -2))) / (count * (count - 1))


def bradley_terry(
    model: Any,
    features: int = 8,
    responses: int = 6,
    contexts: int = 2000,
    batch_size: int = 256,
    held_out: int = 512,
    beta: float = 0.5,
    reward_scale: float = 2.0,
) -> Task:
    """Learning from labelled pairs of responses, drawn once from the reference policy and labelled by a noisy judge.

    Args:
        model: a Linen module, `[B, features]` contexts to `[B, responses]` logits; its start is the reference.
        features: size of a context.
        responses: number of responses to every context.
        contexts: number of labelled pairs, one a context.
        batch_size: pairs a step, drawn with replacement.
        held_out: contexts of the evaluation, never labelled.
        beta: weight of the divergence in the objective the policy is scored by; use the loss's own.
        reward_scale: standard deviation of the rewards; a pair (w, l) is labelled `w` with probability
            `sigmoid(r_w - r_l)`.

    Returns:
        a task with the metrics `optimality` (0 at the reference, 1 at the optimum of the objective), `reward`, `divergence`
        and `kendall_tau` (of `beta log q / p` and the reward), all over held-out contexts.
    """

    def log_policy(params, inputs):
        return jax.nn.log_softmax(model.apply(params, inputs))

    def rewards_of(inputs, weights):
        return reward_scale * jnp.tanh(inputs @ weights["hidden"]) @ weights["output"]

    def init(key):
        keys = jax.random.split(key, 6)
        inputs = jax.random.normal(keys[0], (contexts + held_out, features))
        hidden = jax.random.normal(keys[1], (features, 16)) / features**0.5
        weights = {"hidden": hidden, "output": jax.random.normal(keys[2], (16, responses)) / 4.0}
        params = model.init(keys[3], inputs[:1])
        rewards, log_probs = rewards_of(inputs, weights), log_policy(params, inputs)
        pairs = jax.random.categorical(keys[4], log_probs[:, None, :], shape=(contexts + held_out, 2))
        scores = jnp.take_along_axis(rewards, pairs, -1)
        first_wins = jax.random.bernoulli(keys[5], jax.nn.sigmoid(scores[:, 0] - scores[:, 1]))
        pairs = jnp.where(first_wins[:, None], pairs, pairs[:, ::-1])
        return params, {"inputs": inputs, "rewards": rewards, "pairs": pairs, "reference": params}

    def pair_log_probs(params, terms_inputs):
        log_probs = jnp.take_along_axis(log_policy(params, terms_inputs["contexts"]), terms_inputs["pairs"], -1)
        return log_probs[:, 0], log_probs[:, 1]

    def batch(params, context, step, key):
        del params, step
        chosen = jax.random.randint(key, (batch_size,), 0, contexts)
        inputs = {"contexts": context["inputs"][chosen], "pairs": context["pairs"][chosen]}
        ref_chosen, ref_rejected = pair_log_probs(context["reference"], inputs)
        lengths = jnp.ones(batch_size, jnp.float32)
        return preference.Terms(
            inputs=inputs,
            mask=inputs["pairs"][:, 0] != inputs["pairs"][:, 1],
            ref_chosen_log_probs=ref_chosen,
            ref_rejected_log_probs=ref_rejected,
            chosen_lengths=lengths,
            rejected_lengths=lengths,
        )

    def forward(params, terms, key):
        del key
        chosen, rejected = pair_log_probs(params, terms.inputs)
        return terms.replace(chosen_log_probs=chosen, rejected_log_probs=rejected)

    def evaluate(params, context, key):
        del key
        inputs, rewards = context["inputs"][contexts:], context["rewards"][contexts:]
        log_probs, ref_log_probs = log_policy(params, inputs), log_policy(context["reference"], inputs)
        best = beta * jax.nn.logsumexp(ref_log_probs + rewards / beta, -1)
        start = objective(ref_log_probs, ref_log_probs, rewards, beta)
        reached = objective(log_probs, ref_log_probs, rewards, beta)
        return {
            "optimality": jnp.mean(reached - start) / jnp.mean(best - start),
            "reward": jnp.mean(jnp.sum(jnp.exp(log_probs) * rewards, -1)),
            "divergence": jnp.mean(jnp.sum(jnp.exp(log_probs) * (log_probs - ref_log_probs), -1)),
            "kendall_tau": kendall_tau(log_probs - ref_log_probs, rewards),
        }

    return Task(init, batch, forward, evaluate)
