"""Golden records of the room `schedules`."""

import jax
import jax.numpy as jnp

from algax import schedules


def rex(inputs, hyperparameters):
    schedule = schedules.rex(hyperparameters["peak"], hyperparameters["total"], end=hyperparameters["minimum"])
    coarse = schedules.sampled(schedule, hyperparameters["sample_every"])
    steps = jnp.asarray(inputs["steps"])
    return {"rex": jax.vmap(schedule)(steps), "rex_sampled": jax.vmap(coarse)(steps)}


def warmup_stable_decay(inputs, hyperparameters):
    steps, total, decay_steps = jnp.asarray(inputs["steps"]), hyperparameters["total"], hyperparameters["decay_steps"]
    common = {
        "warmup": hyperparameters["warmup"],
        "decay_steps": decay_steps,
        "end_ratio": hyperparameters["min_ratio"],
    }
    peak, checkpoints = hyperparameters["peak"], hyperparameters["checkpoints"]

    def clipped(ends):
        """The released code's step count: it takes the first step of every inverse decay for the second one."""
        first = (steps[:, None] == jnp.asarray(ends)[None, :] - decay_steps).any(axis=1)
        return jnp.where(first, steps + 1, steps)

    inverse = schedules.warmup_stable_decay(peak, total, **common)
    linear = schedules.warmup_stable_decay(peak, total, **common, shape="linear")
    simplified = schedules.warmup_stable_decay_simplified(peak, checkpoints, **common)
    return {
        "wsd_inverse": jax.vmap(inverse)(clipped([total])),
        "wsd_linear": jax.vmap(linear)(steps),
        "wsds_inverse": jax.vmap(simplified)(clipped(checkpoints)),
    }


ADAPTERS = {"226_rex": rex, "252_wsd_wsds": warmup_stable_decay}
