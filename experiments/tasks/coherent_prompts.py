"""Prompts whose tokens point the same way or not: how large their gradients are, and which are learnt first."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax import curriculum, measure, policy
from algax.experiments.tasks.task import Task

PROMPTS, TOKENS, SIZE, ANSWERS = 64, 8, 16, 4


def prompts_and_scores() -> tuple[np.ndarray, np.ndarray]:
    """Tokens of the prompts, `[64, 8, 16]` of norm 1, and how far those of each point the same way, `[64]`."""
    rng = np.random.default_rng(0)
    coherence = rng.permutation(np.linspace(0.05, 0.95, PROMPTS))[:, None, None]

    def unit(*shape):
        x = rng.normal(size=(*shape, SIZE))
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    tokens = coherence * unit(PROMPTS, 1) + (1 - coherence) * unit(PROMPTS, TOKENS)
    tokens = (tokens / np.linalg.norm(tokens, axis=-1, keepdims=True)).astype(np.float32)
    concentration = jax.vmap(lambda hidden: measure.angle_concentration(hidden, 0, TOKENS).intra)
    return tokens, np.asarray(concentration(jnp.asarray(tokens)))


def coherent_prompts(
    model: Any, window: bool = False, epoch: int = 5, prompts_per_batch: int = 16, samples_per_prompt: int = 8
) -> Task:
    """64 prompts of eight tokens, whose right answer of four is a random linear rule of the mean of the tokens, which is read.

    Where the tokens point different ways their mean is small, and so is the gradient.

    Args:
        model: a Linen module, means of tokens `[B, 16]` to 4 logits.
        window: True draws from a Gaussian window that moves down the ranking by `measure.angle_concentration`, see
            `curriculum.gaussian_window`; False draws all prompts alike.
        epoch: updates between the window's moves.
        prompts_per_batch: groups a batch, drawn without replacement.
        samples_per_prompt: answers a group.

    Returns:
        a task with the exact metrics `accuracy`, `coherent_accuracy` and `incoherent_accuracy` (of the halves of the ranking),
        and `rank_correlation` of the concentration with the norm of the prompt's own policy gradient.
    """
    tokens, scores = prompts_and_scores()
    order = np.argsort(-scores, kind="stable")
    reading = jnp.asarray(tokens.mean(axis=1))
    moving = curriculum.gaussian_window(order, std=16.0, step=8.0, reward_scale=1.0, high=16.0)
    groups = jnp.repeat(jnp.arange(prompts_per_batch), samples_per_prompt)
    kept = len(groups) * epoch

    def log_probs(params, prompts):
        return jax.nn.log_softmax(model.apply(params, reading[prompts]))

    def init(key):
        rule = jax.random.normal(key, (SIZE, ANSWERS))
        return model.init(key, jnp.zeros([1, SIZE])), {"right": jnp.argmax(reading @ rule, axis=1)}

    def batch(params, context, step, key):
        prompt_key, sample_key = jax.random.split(key)
        weights = moving.weights(context["memory"]["window"]) if window else jnp.full(PROMPTS, 1 / PROMPTS)
        chosen = jax.random.choice(prompt_key, PROMPTS, (prompts_per_batch,), replace=False, p=weights)[groups]
        now = log_probs(params, chosen)
        answers = jax.random.categorical(sample_key, now)
        return policy.Terms(
            inputs={"prompts": chosen, "due": jnp.broadcast_to((step + 1) % epoch == 0, chosen.shape)},
            tokens=answers[:, None],
            mask=jnp.ones([len(groups), 1], bool),
            rewards=(answers == context["right"][chosen]).astype(jnp.float32),
            group_ids=groups,
            old_log_probs=jnp.take_along_axis(now, answers[:, None], axis=1),
        )

    def forward(params, terms, key):
        del key
        now = log_probs(params, terms.inputs["prompts"])
        return terms.replace(log_probs=jnp.take_along_axis(now, terms.tokens, axis=1))

    def gradient_norm(params, prompt, answer):
        gradient = jax.grad(lambda params: jnp.exp(log_probs(params, prompt[None])[0, answer]))(params)
        return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradient)))

    def evaluate(params, context, key):
        del key
        everyone = jnp.arange(PROMPTS)
        found = jnp.exp(log_probs(params, everyone))[everyone, context["right"]]
        norms = jax.vmap(gradient_norm, in_axes=(None, 0, 0))(params, everyone, context["right"])
        ranks = jnp.stack([jnp.argsort(jnp.argsort(x)).astype(jnp.float32) for x in (jnp.asarray(scores), norms)])
        return {
            "accuracy": jnp.mean(found),
            "coherent_accuracy": jnp.mean(found[order[: PROMPTS // 2]]),
            "incoherent_accuracy": jnp.mean(found[order[PROMPTS // 2 :]]),
            "rank_correlation": jnp.corrcoef(ranks)[0, 1],
        }

    def memory(context):
        del context
        empty = {"rewards": jnp.zeros(kept), "concentrations": jnp.zeros(kept)}
        return {"window": moving.init(), **empty}

    def remember(context, terms):
        """An epoch's rewards and concentrations; at its end the window moves."""
        past, prompts = context["memory"], terms.inputs["prompts"]
        new = {"rewards": terms.rewards, "concentrations": jnp.asarray(scores)[prompts]}
        seen = {name: jnp.concatenate([past[name][len(groups) :], values]) for name, values in new.items()}
        feedback = curriculum.WindowFeedback(**seen, where=jnp.broadcast_to(terms.inputs["due"][0], (kept,)))
        return {"window": moving.update(past["window"], feedback), **seen}

    if not window:
        return Task(init, batch, forward, evaluate)
    return Task(init, batch, forward, evaluate, memory, remember)
