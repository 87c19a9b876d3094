"""Golden records of the room `schedules`."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import schedules


def rex(inputs, hyperparameters):
    schedule = schedules.rex(hyperparameters["peak"], hyperparameters["total"], end=hyperparameters["minimum"])
    coarse = schedules.sampled(schedule, hyperparameters["sample_every"])
    steps = jnp.asarray(inputs["steps"])
    return {"rex": jax.jit(jax.vmap(schedule))(steps), "rex_sampled": jax.jit(jax.vmap(coarse))(steps)}


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
        "wsd_inverse": jax.jit(jax.vmap(inverse))(clipped([total])),
        "wsd_linear": jax.jit(jax.vmap(linear))(steps),
        "wsds_inverse": jax.jit(jax.vmap(simplified))(clipped(checkpoints)),
    }


def infinite(inputs, hyperparameters):
    h, steps = hyperparameters, jnp.asarray(inputs["steps"])
    phases = {"warmup": h["warmup"], "cooldown": h["cooldown"], "plateau": h["constant_steps"], "anneal": h["anneal_steps"]}

    def values(shape):
        schedule = schedules.infinite(h["peak"], h["constant"], h["minimum"], **phases, cooldown_shape=shape, alpha=h["alpha"])
        return jax.jit(jax.vmap(schedule))(steps)

    cosine = schedules.rewarmed(h["peak"], h["minimum"], [h["total"]], warmup_fraction=h["warmup"] / h["total"])
    return {
        "infinite_cosine": values("cosine"),
        "infinite_inv_sqrt": values("inverse_sqrt"),
        "cosine": jax.jit(jax.vmap(cosine))(steps),
    }


def power(inputs, hyperparameters):
    h, steps = hyperparameters, jnp.asarray(inputs["steps"])
    schedule = schedules.power(
        batch_size=h["batch_size_sequences"],
        sequence_length=h["seq_length"],
        peak=h["peak"],
        scale=h["a"],
        exponent=h["b"],
        warmup=h["warmup"],
    )
    tokens = np.asarray(inputs["steps"], np.int64) * h["batch_size_sequences"] * h["seq_length"]
    return {"lr": jax.jit(jax.vmap(schedule))(steps), "tokens": tokens}


def warmup_stable_decay_constant(inputs, hyperparameters):
    h, steps = hyperparameters, jnp.asarray(inputs["steps"])

    def values(shape):
        schedule = schedules.warmup_stable_decay_constant(
            h["peak"], h["minimum"], warmup=h["warmup"], stable=h["stable"], decay_steps=h["decay"], shape=shape
        )
        return jax.jit(jax.vmap(schedule))(steps)

    return {shape: values(shape) for shape in ("linear", "cosine", "exponential")}


def refined(inputs, hyperparameters):
    norms, fraction = inputs["grad_norms"], hyperparameters["tau"]

    def raw(method, window_fraction):
        """The released code divides by the last weight instead of the largest value."""
        exponent = {"sgd": -2.0, "adam": -1.0}[method]
        values = schedules.refine(norms, method=method, window_fraction=window_fraction)
        before_last = schedules.smooth_norms(norms, window_fraction=window_fraction)[-2] ** exponent
        return values * (before_last / values[-2])

    return {
        "filtered": schedules.smooth_norms(norms, window_fraction=fraction),
        "sgd_raw": raw("sgd", fraction),
        "adam_raw": raw("adam", fraction),
        "sgd": schedules.refine(norms, method="sgd", window_fraction=fraction),
        "adam": schedules.refine(norms, method="adam", window_fraction=fraction),
        "sgd_unfiltered_raw": raw("sgd", 0.0),
    }


ADAPTERS = {
    "221_refined_schedule": refined,
    "226_rex": rex,
    "235_infinite_schedules": infinite,
    "252_wsd_wsds": warmup_stable_decay,
    "257_wsdc": warmup_stable_decay_constant,
}
UNCOMPILED = {"232_power_schedule": power}
