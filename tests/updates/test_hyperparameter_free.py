"""Presets of Optax's optimizers without a learning rate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

from algax import updates
from algax.updates.hyperparameter_free import METHODS

PARAMS = {"w": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32), "b": np.full(3, 0.5, np.float32)}
RAW = {
    "prodigy": lambda: contrib.prodigy(1.0, betas=(0.9, 0.99), weight_decay=0.01),
    "dadapt": lambda: contrib.dadapt_adamw(1.0, betas=(0.9, 0.99), weight_decay=0.01),
    "mechanic": lambda: contrib.mechanize(optax.adamw(1.0, b1=0.9, b2=0.99, weight_decay=0.01)),
    "dog": lambda: contrib.dog(1.0, weight_decay=0.01),
    "dowg": lambda: contrib.dowg(1.0, weight_decay=0.01),
    "momo_adam": lambda: contrib.momo_adam(1e-2, b1=0.9, b2=0.99, weight_decay=0.01),
    "cocob": lambda: contrib.cocob(1.0, weight_decay=0.01),
    "schedule_free_adamw": lambda: contrib.schedule_free_adamw(2.5e-3, b1=0.9, b2=0.99, weight_decay=0.01),
    "nadamw": lambda: optax.nadamw(1e-3, b1=0.9, b2=0.99, weight_decay=0.01),
}


@pytest.fixture(autouse=True)
def promotion():
    with jax.numpy_dtype_promotion("standard"):  # Optax itself promotes
        yield


def run(tx, steps=3):
    """Parameters after each step on sum |x|^2 / 2."""
    tx = optax.with_extra_args_support(tx)

    @jax.jit
    def step(params, state):
        loss, gradient = jax.value_and_grad(lambda p: 0.5 * sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(p)))(params)
        change, state = tx.update(gradient, state, params, value=loss)
        return optax.apply_updates(params, change), state

    params, state, found = PARAMS, jax.jit(tx.init)(PARAMS), []
    for _ in range(steps):
        params, state = step(params, state)
        found.append(params)
    return jax.device_get(found)


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_schedule_is_the_raw_optimizer(method):
    tx = updates.hyperparameter_free(method, 10, warmup_fraction=0.0, decay="constant", weight_decay=0.01)
    actual, expected = run(tx), run(RAW[method]())
    jax.tree.map(np.testing.assert_array_equal, actual, expected)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(actual))


def test_schedules_are_shares_of_the_steps():
    tx = updates.hyperparameter_free("nadamw", 8, warmup_fraction=0.25, decay="linear", learning_rate=0.1)
    found = run(tx, 8)
    jax.tree.map(np.testing.assert_array_equal, found[0], PARAMS)  # the warmup starts from 0
    schedule = [0.0, 0.05, *np.linspace(0.1, 0.0, 7)]
    raw = run(optax.nadamw(lambda count: jnp.asarray(schedule)[count], b1=0.9, b2=0.99, weight_decay=0.0), 8)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, raw)


@pytest.mark.parametrize("method", ["prodigy", "mechanic", "cocob"])
def test_cosine_with_warmup_runs(method):
    assert all(
        np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(run(updates.hyperparameter_free(method, 5, warmup_fraction=0.4)))
    )


def test_wrong_arguments():
    for options, message in (
        ({"method": "adam", "steps": 3}, "`method` must"),
        ({"method": "dog", "steps": 0}, "`steps` must"),
        ({"method": "dog", "steps": 3, "warmup_fraction": 1.0}, "`warmup_fraction` must"),
        ({"method": "dog", "steps": 3, "decay": "step"}, "`decay` must"),
        ({"method": "schedule_free_adamw", "steps": 3}, "`decay` must be 'constant'"),
        ({"method": "dog", "steps": 3, "weight_decay": -1.0}, "`weight_decay` must"),
        ({"method": "dog", "steps": 3, "betas": (0.9,)}, "`betas` must"),
        ({"method": "dog", "steps": 3, "learning_rate": 0.0}, "`learning_rate` must"),
    ):
        with pytest.raises(ValueError, match=message):
            updates.hyperparameter_free(**options)
