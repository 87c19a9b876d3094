"""Reinforcement learning from a model of long answers, or from its merge with models of short answers and of all."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import algax
from algax import measure, merge, policy
from algax.experiments.tasks.answers import answers
from algax.experiments.tasks.task import Task

LONGEST = 40
BEST, WIDTH = (12.0, 18.0, 24.0), 8.0  # tokens: the best lengths of three kinds of prompts, and what a reward falls off over
TUNED = {"pretrained": (18.0, 9.0), "instruct": (8.0, 3.0), "distilled": (32.0, 3.0)}  # mean and spread of what they imitate
TUNING_STEPS, TUNING_RATE = 300, 0.02
NOISE = 0.5  # standard deviation of the reward's


def quality() -> jax.Array:
    """The mean reward of an answer by kind of prompt and length, `[3, 40]`, in (0, 1]."""
    sizes = 1.0 + jnp.arange(LONGEST, dtype=jnp.float32)
    return jnp.exp(-0.5 * jnp.square((sizes[None] - jnp.asarray(BEST)[:, None]) / WIDTH))


def balanced_start(
    model: Any, method: str = "balanced", steps: int = 150, window: int = 75, samples: int = 96, learning_rate: float = 0.03
) -> Task:
    """PPO with a noisy reward on the lengths of answers; what is answered is how it went from one of the starts.

    A seed's models are fine-tuned from one initialisation: the pretrained one to lengths of all sizes, and from there one to
    short answers and one, distilled, to long ones.

    Args:
        model: a Linen module, one-hot kinds of prompts `[B, 3]` to the logits of 40 lengths.
        method: "balanced" starts from `merge.balanced_initialisation` of the three, "distilled" from that one alone. Either
            start is the reference of the KL term too.
        steps: updates.
        window: those in which a collapse of the lengths counts.
        samples: answers a batch, drawn alike from the kinds.
        learning_rate: of Adam.

    Returns:
        a task with the metrics `length_collapse` (share of the mean length lost within the window), `reward` (the last mean
        reward without noise), `reward_fall` (the first mean reward minus the least) and `first_length`.
    """
    kinds, rewards = jnp.eye(3), quality()
    loss = policy.ppo(kl_coefficient=0.01)
    own = jnp.arange(samples) % 3

    def log_probs(params):
        return jax.nn.log_softmax(model.apply(params, kinds))

    def tuned(params, centre, spread):
        """After imitation of lengths around a centre."""
        sizes = 1.0 + jnp.arange(LONGEST, dtype=jnp.float32)
        target = jax.nn.softmax(-0.5 * jnp.square((sizes - centre) / spread))[None]
        adam = optax.adam(TUNING_RATE)

        def step(carry, _):
            params, state = carry
            slope = jax.grad(lambda params: -jnp.mean(jnp.sum(target * log_probs(params), axis=1)))(params)
            change, state = adam.update(slope, state)
            return (optax.apply_updates(params, change), state), None

        return jax.lax.scan(step, (params, adam.init(params)), None, TUNING_STEPS)[0][0]

    def draw(key):
        pretrained = tuned(model.init(key, kinds), *TUNED["pretrained"])
        return {"pretrained": pretrained} | {name: tuned(pretrained, *TUNED[name]) for name in ("instruct", "distilled")}

    def of(table, drawn):
        return jnp.take_along_axis(table[own], drawn, axis=1)

    def batch(params, reference, key):
        length_key, noise_key = jax.random.split(key)
        table = log_probs(params["policy"])
        drawn = jax.random.categorical(length_key, table[own])[:, None]
        return policy.Terms(
            inputs=drawn,
            mask=jnp.ones(drawn.shape, bool),
            rewards=of(rewards, drawn)[:, 0] + NOISE * jax.random.normal(noise_key, own.shape),
            old_log_probs=of(table, drawn),
            ref_log_probs=of(reference, drawn),
            old_values=params["values"][own][:, None],
        )

    def forward(params, terms, key):
        del key
        values = params["values"][own][:, None]
        return terms.replace(log_probs=of(log_probs(params["policy"]), terms.inputs), values=values)

    tx = optax.chain(algax.gradient(loss, forward), optax.adam(learning_rate))

    def means(params):
        chances = jnp.exp(log_probs(params["policy"]))
        lengths = jnp.sum(chances * (1.0 + jnp.arange(LONGEST, dtype=jnp.float32))[None], axis=1)
        return jnp.stack([jnp.mean(lengths), jnp.mean(jnp.sum(chances * rewards, axis=1))])

    def run(start, key):
        """The mean length and the mean reward before every step and at the end, `[2 * (steps + 1)]`."""
        reference = log_probs(start)

        def step(carry, key):
            params, state = carry
            batch_key, loss_key = jax.random.split(key)
            terms = batch(params, reference, batch_key)
            change, state = tx.update(None, state, params, terms=terms, key=loss_key)
            return (optax.apply_updates(params, change), state), means(params)

        params = {"policy": start, "values": jnp.zeros(3)}
        (params, _), before = jax.lax.scan(step, (params, tx.init(params)), jax.random.split(key, steps))
        return jnp.concatenate([before, means(params)[None]]).T.ravel()

    def balanced(context):
        return merge.balanced_initialisation(context["instruct"], context["distilled"], context["pretrained"])

    starts = {"balanced": balanced, "distilled": lambda context: context["distilled"]}
    methods = {name: lambda context, key, start=start: run(start(context), key) for name, start in starts.items()}

    def judge(answer, context):
        del context
        lengths, means = answer.reshape(2, steps + 1)
        return {
            "length_collapse": measure.length_collapse(lengths, window),
            "reward": means[-1],
            "reward_fall": measure.hockey_stick(means).depth,
            "first_length": lengths[0],
        }

    return answers(draw, 2 * (steps + 1), methods, method, judge)
