"""Update transforms against AdamW on ten million parameters: time of a step, and of compiling it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from algax import updates
from algax.experiments.benchmarks.measure import Row, fastest, milliseconds

LAYERS, WIDTH = 10, 1000
ROWS = 64  # of the batch that some transforms see


def parameters(layers: int, width: int) -> dict[str, Any]:
    """Square kernels with biases."""
    rng = np.random.default_rng(0)
    return {
        f"Dense_{layer}": {
            "kernel": jnp.asarray(rng.normal(size=(width, width)) / np.sqrt(width), jnp.float32),
            "bias": jnp.zeros(width),
        }
        for layer in range(layers)
    }


def transforms(width: int) -> dict[str, tuple[Callable[[], optax.GradientTransformation], dict[str, Any]]]:
    """Every update transform of the room with the extra arguments of its update; wrappers hold AdamW."""
    groups = {"hidden": [("Dense_0/kernel", 1), ("Dense_0/bias", 0), ("Dense_1/kernel", 0)]}
    masks = {"hidden": np.arange(width) % 2 == 0}
    inputs = jnp.asarray(np.random.default_rng(1).normal(size=(ROWS, width)), jnp.float32)
    adamw = optax.adamw(1e-3)

    def mean_prediction(params, inputs):
        return jnp.mean(jnp.tanh(inputs @ params["Dense_0"]["kernel"]))

    return {
        "orthogonal_gradient": (updates.orthogonal_gradient, {}),
        "hypergradient_factor": (updates.hypergradient_factor, {}),
        "normalize_and_project": (updates.normalize_and_project, {}),
        "normalize_by_error_mass": (updates.normalize_by_error_mass, {"margins": inputs[:, 0]}),
        "prediction_gradient_penalty": (
            functools.partial(updates.prediction_gradient_penalty, mean_prediction),
            {"inputs": inputs},
        ),
        "precondition_by_inputs": (functools.partial(updates.precondition_by_inputs, "Dense_0/kernel"), {"inputs": inputs}),
        "project": (functools.partial(updates.project, optax.projections.projection_non_negative), {}),
        "record_norms": (functools.partial(updates.record_norms, 100), {}),
        "scale_by_mup": (
            functools.partial(updates.scale_by_mup, lambda params: jax.tree.map(lambda w: w.ndim == 2, params)),
            {},
        ),
        "shrink_groups": (functools.partial(updates.shrink_groups, groups, masks, period=100), {}),
        "cric(adamw)": (
            functools.partial(updates.cric, adamw, groups, start=10**6, sampling_steps=10, period=100),
            {},
        ),
        "hesso(adamw)": (functools.partial(updates.hesso, adamw, groups, start=10**6, period=100), {}),
        "rigl(adamw)": (functools.partial(updates.rigl, adamw, updates.random_masks({"kernel": 0.75})), {}),
    }


def rows(layers: int = LAYERS, width: int = WIDTH, rounds: int = 7) -> list[Row]:
    """Time a step and compile time of each transform over AdamW's, measured in pairs."""
    params = parameters(layers, width)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    gradients = jax.tree.map(lambda w: 0.01 * w + 0.001, params)
    size, table = f"{count / 1e6:.1f} M parameters", []
    for name, (factory, extra) in transforms(width).items():
        programs, compiling, states = {}, {}, {}
        for label, make in (("ours", factory), ("adamw", lambda: optax.adamw(1e-3))):
            tx = optax.with_extra_args_support(make())
            states[label] = jax.jit(tx.init)(params)
            programs[label], compiling[label] = _compiled(
                tx, extra if label == "ours" else {}, gradients, states[label], params
            )
        bound = {label: functools.partial(program, gradients, states[label], params) for label, program in programs.items()}
        seconds = fastest(bound, (), rounds)
        table += [
            Row(
                f"{name} / adamw",
                size,
                quantity,
                milliseconds(of["ours"]),
                milliseconds(of["adamw"]),
                of["adamw"] / of["ours"],
                "",
            )
            for quantity, of in (("time a step", seconds), ("compile time", compiling))
        ]
    return table


def _compiled(tx: Any, extra: dict[str, Any], *arguments: Any) -> tuple[Callable, float]:
    """The compiled update, and the seconds tracing and compiling took."""
    start = time.perf_counter()
    step = jax.jit(lambda gradients, state, params, extra: tx.update(gradients, state, params, **extra))
    program = step.lower(*arguments, extra).compile()
    seconds = time.perf_counter() - start
    return lambda *given: program(*given, extra), seconds
