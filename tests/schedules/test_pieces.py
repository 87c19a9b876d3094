"""Decays, phases, tables and coarse sampling against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import schedules

FORMULAS = {
    "linear": lambda hi, lo, u, a: hi + (lo - hi) * u,
    "cosine": lambda hi, lo, u, a: lo + (hi - lo) * (1 + np.cos(np.pi * u)) / 2,
    "exponential": lambda hi, lo, u, a: hi * (lo / hi) ** u,
    "inverse": lambda hi, lo, u, a: 1 / (u / lo + (1 - u) / hi),
    "inverse_sqrt": lambda hi, lo, u, a: hi + (lo - hi) * (1 / np.sqrt(1 + a * u) - 1) / (1 / np.sqrt(1 + a) - 1),
    "sqrt": lambda hi, lo, u, a: hi + (lo - hi) * np.sqrt(u),
}


def values(schedule, steps):
    return np.asarray(jax.jit(schedule)(np.asarray(steps, np.int32)))


@pytest.mark.parametrize("shape", FORMULAS)
@settings(deadline=None, max_examples=5)
@given(hi=st.floats(1e-4, 10.0), ratio=st.floats(1e-3, 3.0), alpha=st.floats(0.1, 50.0))
def test_decay_equals_its_formula(shape, hi, ratio, alpha):
    steps = np.arange(-3, 20, dtype=np.int32)
    u = np.clip(steps / 13, 0, 1)
    expected = FORMULAS[shape](hi, hi * ratio, u, alpha)
    result = schedules.decay(hi, hi * ratio, 13, shape, alpha=alpha)(jnp.asarray(steps))  # eager: examples share programs
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=1e-6 * hi)


@pytest.mark.parametrize("shape", ["linear", "cosine", "inverse_sqrt", "sqrt"])
def test_decay_may_start_or_end_at_zero(shape):
    np.testing.assert_allclose(values(schedules.decay(2.0, 0.0, 4, shape), [0, 4, 9]), [2.0, 0.0, 0.0], atol=1e-7)
    np.testing.assert_allclose(values(schedules.decay(0.0, 2.0, 4, shape), [0, 4, 9]), [0.0, 2.0, 2.0], atol=1e-7)


def test_midpoint_of_the_inverse_decay():
    np.testing.assert_allclose(values(schedules.decay(0.55, 0.055, 10, "inverse"), [5]), 0.1, rtol=1e-6)


def test_inverse_sqrt_becomes_linear_for_small_alpha():
    steps = np.arange(11)
    np.testing.assert_allclose(
        values(schedules.decay(1.0, 0.2, 10, "inverse_sqrt", alpha=1e-4), steps), 1 - 0.08 * steps, rtol=1e-4
    )


def test_phases_start_from_their_own_step_zero():
    schedule = schedules.phases(
        [(3, optax.linear_schedule(0.0, 3.0, 3)), (0, 99.0), (2, 5.0), (None, lambda count: 10 + count)]
    )
    np.testing.assert_allclose(values(schedule, range(8)), [0, 1, 2, 5, 5, 10, 11, 12], rtol=1e-6)


def test_the_last_phase_holds_its_value_and_no_phase_sees_a_negative_step():
    schedule = schedules.phases([(2, 1.0), (4, lambda count: jnp.sqrt(count.astype(jnp.float32)))])
    np.testing.assert_allclose(values(schedule, [0, 1, 2, 3, 6, 7, 100]), [1, 1, 0, 1, 2, 2, 2])
    gradient = jax.grad(lambda scale: schedules.phases([(2, 1.0), (4, lambda c: scale * jnp.sqrt(1.0 * c))])(1))(1.0)
    assert np.isfinite(gradient)


def test_table_looks_up_and_clips():
    np.testing.assert_allclose(values(schedules.table([3.0, 1.0, 2.0]), [-1, 0, 1, 2, 3, 50]), [3, 3, 1, 2, 2, 2])


def test_sampled_holds_the_value():
    schedule = schedules.rex(1.0, 12)
    steps = np.arange(15)
    np.testing.assert_allclose(values(schedules.sampled(schedule, 5), steps), values(schedule, steps // 5 * 5))
    np.testing.assert_array_equal(values(schedules.sampled(schedule, 1), steps), values(schedule, steps))


def test_a_schedule_takes_python_integers_inside_optax():
    optimizer = optax.sgd(schedules.decay(0.5, 0.1, 4, "inverse"))
    params = jnp.ones(2)
    updates, _ = optimizer.update(jnp.ones(2), optimizer.init(params), params)
    np.testing.assert_allclose(updates, -0.5)
    assert schedules.decay(0.5, 0.1, 4)(3).dtype == jnp.float32


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ({"start": 1.0, "end": 0.0, "steps": 3, "shape": "exponential"}, "end"),
        ({"start": 0.0, "end": 1.0, "steps": 3, "shape": "inverse"}, "start"),
        ({"start": 1.0, "end": 0.5, "steps": 0}, "steps"),
    ],
)
def test_bad_numbers_are_named(kwargs, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        schedules.decay(**kwargs)


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match="pieces"):
        schedules.phases([(2, "fast")])
    with pytest.raises(ValueError, match="pieces"):
        schedules.phases([(0, 1.0)])
