"""Sixteen seeds in one vmapped program against sixteen runs one after the other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

import algax
from algax import models, supervised
from algax.experiments.benchmarks.measure import Row, fastest, milliseconds, require_equal

SEEDS = 16


def rows(steps: int = 200, rounds: int = 7) -> list[Row]:
    """Seconds for all seeds of a small classification run."""
    model = models.MLP((32, 10))
    tx = optax.chain(algax.gradient(supervised.cross_entropy(), supervised.forward(model.apply)), optax.adam(1e-2))

    def train(key):
        init_key, data_key = jax.random.split(key)
        inputs = jax.random.normal(data_key, (64, 16))
        params = model.init(init_key, inputs)
        terms = supervised.Terms(inputs=inputs, labels=jnp.arange(64) % 10)

        def step(carry, _):
            params, state = carry
            updates, state = tx.update(None, state, params, terms=terms)
            return (optax.apply_updates(params, updates), state), optax.tree.get(state, "metrics")["loss"]

        return jax.lax.scan(step, (params, tx.init(params)), None, length=steps)[1]

    keys = jax.vmap(jax.random.key)(np.arange(SEEDS, dtype=np.uint32))
    together = jax.jit(jax.vmap(train)).lower(keys).compile()
    one = jax.jit(train).lower(keys[0]).compile()
    programs = {"together": together, "in turn": lambda keys: jnp.stack([one(key) for key in keys])}
    require_equal(programs["together"](keys), programs["in turn"](keys), 1e-2)
    seconds = fastest(programs, (keys,), rounds)
    return [
        Row(
            f"{SEEDS} seeds in one program / in turn",
            f"{steps} steps of an MLP",
            "time",
            milliseconds(seconds["together"]),
            milliseconds(seconds["in turn"]),
            seconds["in turn"] / seconds["together"],
            ">= 1",
        )
    ]
