"""Two Markov chains one after the other: continual pre-training in small, with losses that are known exactly."""

from typing import Any

import jax
import jax.numpy as jnp

from algax import supervised
from algax.experiments.tasks.task import Task


def shifted_chains(
    model: Any, states: int = 12, first_steps: int = 600, batch_size: int = 64, replay: float = 0.0, concentration: float = 1.0
) -> Task:
    """Predicting the next state of a chain, and from a step on that of another chain over the same states.

    Args:
        model: a Linen module, `[B, states]` one-hot states to `[B, states]` logits.
        states: at least 2.
        first_steps: steps on the first chain; all after them are on the second.
        batch_size: transitions a step, from states drawn uniformly.
        replay: share of a batch that comes from the first chain while the second is trained, in [0, 1].
        concentration: of the Dirichlet distribution the rows of both chains are drawn from, above 0.

    Returns:
        a task with the metrics `old_loss` and `new_loss`: the mean divergence of the predictions from each chain, 0 at best.
    """
    if not 0 <= replay <= 1:
        raise ValueError(f"replay must lie between 0 and 1; got {replay}")
    replayed = round(replay * batch_size)

    def init(key):
        model_key, old_key, new_key = jax.random.split(key, 3)
        rows = jnp.full(states, concentration)
        context = {name: jax.random.dirichlet(k, rows, (states,)) for name, k in (("old", old_key), ("new", new_key))}
        return model.init(model_key, jnp.eye(states)[:1]), context

    def batch(params, context, step, key):
        del params
        state_key, next_key = jax.random.split(key)
        now = jax.random.randint(state_key, (batch_size,), 0, states)
        old = (step < first_steps) | (jnp.arange(batch_size) < replayed)
        probabilities = jnp.where(old[:, None], context["old"][now], context["new"][now])
        following = jax.random.categorical(next_key, jnp.log(probabilities))
        return supervised.Terms(inputs=jax.nn.one_hot(now, states), labels=following, mask=jnp.ones(batch_size, bool))

    def forward(params, terms, key):
        del key
        return terms.replace(logits=model.apply(params, terms.inputs))

    def evaluate(params, context, key):
        del key
        log_probs = jax.nn.log_softmax(model.apply(params, jnp.eye(states)))

        def divergence(chain):
            return jnp.mean(jnp.sum(chain * (jnp.log(chain) - log_probs), -1))

        return {"old_loss": divergence(context["old"]), "new_loss": divergence(context["new"])}

    return Task(init, batch, forward, evaluate)
