"""REX, WSD and WSD-S: stated values and invariants."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import schedules


def values(schedule, steps):
    return np.asarray(jax.jit(schedule)(np.asarray(steps, np.int32)))


def test_rex_profile_at_start_middle_and_end():
    np.testing.assert_allclose(values(schedules.rex(1.0, 10), [0, 5, 10, 99]), [1, 2 / 3, 0, 0], atol=1e-7)
    np.testing.assert_allclose(values(schedules.rex(3.0, 10, end=1.0), [0, 5, 10]), [3, 1 + 4 / 3, 1], rtol=1e-6)


def test_rex_is_the_linear_schedule_without_sharpness():
    steps = np.arange(12)
    linear = values(optax.linear_schedule(0.3, 0.1, 10), steps)
    np.testing.assert_allclose(values(schedules.rex(0.3, 10, end=0.1, sharpness=0.0), steps), linear, rtol=1e-6)


@settings(deadline=None, max_examples=10)
@given(st.integers(2, 500))
def test_rex_reflects_the_profile_and_lies_above_the_line(steps):
    counts = np.linspace(0, steps, 33).astype(int)  # one size, compiled once
    z = counts / steps
    profile = np.asarray(schedules.rex(1.0, steps)(jnp.asarray(counts, jnp.int32)))  # eager: examples share programs
    reflected = (1 - (1 - z)) / (1 + (1 - z))  # q(1 - z), q(s) = (1 - s) / (1 + s)
    np.testing.assert_allclose(profile, 1 - reflected, atol=1e-6)
    assert np.all(profile >= 1 - z - 1e-6)


def test_rex_warms_up_and_runs_on_the_remaining_steps():
    result = values(schedules.rex(1.0, 14, warmup=4), range(16))
    np.testing.assert_allclose(result[:5], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(result[4:], values(schedules.rex(1.0, 10), range(12)))


def test_warmup_stable_decay():
    schedule = schedules.warmup_stable_decay(2.0, 30, warmup=4, decay_steps=10)
    np.testing.assert_allclose(values(schedule, [0, 1, 4, 20, 25, 30, 90]), [0, 0.5, 2, 2, 2 / 5.5, 0.2, 0.2], rtol=1e-6)


def test_one_checkpoint_is_plain_warmup_stable_decay():
    steps = np.arange(45)
    plain = schedules.warmup_stable_decay(1.0, 40, warmup=4, decay_steps=8, shape="cosine", end_ratio=0.0)
    simplified = schedules.warmup_stable_decay_simplified(
        1.0, [40], warmup=4, decay_fraction=0.2, shape="cosine", end_ratio=0.0
    )
    np.testing.assert_array_equal(values(plain, steps), values(simplified, steps))


def test_after_a_checkpoint_the_peak_comes_back_at_once():
    schedule = schedules.warmup_stable_decay_simplified(1.0, (20, 60), warmup=2, decay_fraction=0.25)
    result = values(schedule, range(70))
    u = np.arange(5) / 5
    np.testing.assert_allclose(result[15:20], 1 / (u / 0.1 + (1 - u)), rtol=1e-6)
    np.testing.assert_allclose(result[20:51], 1.0)
    assert np.all(np.diff(result[50:61]) < 0)
    np.testing.assert_allclose(result[60:], 0.1, rtol=1e-6)


def test_no_decay_leaves_the_plateau_open():
    schedule = schedules.warmup_stable_decay(0.3, 10, warmup=0, decay_steps=0)
    np.testing.assert_allclose(values(schedule, [0, 9, 10, 100]), 0.3, rtol=1e-6)


def test_the_inverse_decay_is_the_greedy_optimum_on_a_noisy_quadratic():
    """V' = (1 - eta g)^2 V + eta^2 s^2 with the best eta at every step makes 1/eta grow by g."""
    curvature, noise, variance, rates = 1.0, 1.0, 1.0, []
    for _ in range(6):
        rate = curvature * variance / (curvature**2 * variance + noise)
        rates.append(rate)
        variance = (1 - rate * curvature) ** 2 * variance + rate**2 * noise
    np.testing.assert_allclose(rates[:3], [1 / 2, 1 / 3, 1 / 4])
    np.testing.assert_allclose(values(schedules.decay(rates[0], rates[-1], 5, "inverse"), range(6)), rates, rtol=1e-6)


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ({"checkpoints": (30, 20), "warmup": 0}, "checkpoints"),
        ({"checkpoints": (5,), "warmup": 6}, "decay_steps"),
        ({"checkpoints": (10, 20), "warmup": 2, "decay_steps": 9}, "decay_steps"),
        ({"checkpoints": (10, 20), "warmup": 2, "end_ratio": 0.0}, "end"),
    ],
)
def test_bad_arguments_are_named(kwargs, name):
    with pytest.raises(ValueError, match=name):
        schedules.warmup_stable_decay_simplified(1.0, **kwargs)
