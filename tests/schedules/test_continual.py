"""Infinite, re-warmed and power schedules against what their papers state."""

import jax
import numpy as np
import optax
import pytest

from algax import schedules


def values(schedule, steps):
    with jax.numpy_dtype_promotion("standard"):  # Optax's own schedules need it
        return np.asarray(jax.jit(schedule)(np.asarray(steps, np.int32)))


PHASES = {"warmup": 5, "cooldown": 10, "plateau": 8, "anneal": 6}


@pytest.mark.parametrize("shape", ["cosine", "inverse_sqrt", "linear"])
def test_infinite_at_its_borders(shape):
    schedule = schedules.infinite(3e-4, 1.65e-4, 3e-5, **PHASES, cooldown_shape=shape)
    np.testing.assert_allclose(values(schedule, [0, 5, 29, 500]), [0, 3e-4, 3e-5, 3e-5], rtol=1e-5)
    np.testing.assert_array_equal(values(schedule, range(15, 24)), np.float32(1.65e-4))
    np.testing.assert_allclose(values(schedule, [26]), np.sqrt(1.65e-4 * 3e-5), rtol=1e-5)
    assert np.max(np.abs(np.diff(values(schedule, range(5, 40))))) < 6e-5


def test_infinite_without_its_phases():
    steps = range(40)
    small = schedules.infinite(1.0, 0.5, 0.1, warmup=5, cooldown=10, cooldown_shape="inverse_sqrt", alpha=1e-4)
    linear = schedules.infinite(1.0, 0.5, 0.1, warmup=5, cooldown=10, cooldown_shape="linear")
    np.testing.assert_allclose(values(small, steps), values(linear, steps), rtol=1e-4)
    constant = schedules.infinite(1.0, 1.0, 0.1, warmup=5, cooldown=0)
    np.testing.assert_allclose(values(constant, steps), values(optax.warmup_constant_schedule(0.0, 1.0, 5), steps))
    cosine = schedules.infinite(1.0, 0.1, 0.1, warmup=5, cooldown=20, plateau=0)
    expected = values(optax.warmup_cosine_decay_schedule(0.0, 1.0, 5, 25, 0.1), steps)
    np.testing.assert_allclose(values(cosine, steps), expected, rtol=1e-5)


def test_the_branch_from_a_plateau_is_the_end_of_the_whole():
    whole = schedules.infinite(1.0, 0.5, 0.1, **PHASES)
    branch = schedules.anneal_from(23, 0.5, 0.1, 6)
    np.testing.assert_allclose(values(branch, range(15, 40)), values(whole, range(15, 40)), rtol=1e-6)
    endless = schedules.infinite(1.0, 0.5, 0.1, warmup=5, cooldown=10)
    np.testing.assert_allclose(values(endless, range(23)), values(whole, range(23)), rtol=1e-6)


def test_rewarmed_is_optax_s_schedule_on_every_dataset():
    schedule = schedules.rewarmed(1.0, 0.1, [20, 10], warmup_fraction=0.2)
    first = optax.warmup_cosine_decay_schedule(0.0, 1.0, 4, 20, 0.1)
    second = optax.warmup_cosine_decay_schedule(0.0, 1.0, 2, 10, 0.1)
    np.testing.assert_allclose(values(schedule, range(20)), values(first, range(20)), rtol=1e-6)
    np.testing.assert_allclose(values(schedule, range(20, 33)), values(second, range(13)), rtol=1e-6)
    np.testing.assert_allclose(values(schedules.rewarmed(1.0, 0.1, [20], warmup_fraction=0.0), [0]), [1.0])


def test_power_law():
    schedule = schedules.power(batch_size=64, sequence_length=4096)
    crossover = (0.02 / (64 * 4.6)) ** (1 / -0.51)
    np.testing.assert_allclose(crossover, 1.49e8, rtol=5e-3)
    before, after = int(crossover / (64 * 4096)) - 5, int(crossover / (64 * 4096)) + 5
    np.testing.assert_allclose(values(schedule, [0, before]), 0.02, rtol=1e-6)
    assert values(schedule, [after])[0] < 0.02
    np.testing.assert_allclose(values(schedule, [40000]) / values(schedule, [10000]), 4**-0.51, rtol=1e-4)
    np.testing.assert_allclose(values(schedule, [10**6]), 64 * 4.6 * (1e6 * 64 * 4096) ** -0.51, rtol=1e-4)
    doubled = schedules.power(batch_size=128, sequence_length=2048)
    np.testing.assert_allclose(values(doubled, [10000]), 2 * values(schedule, [10000]), rtol=1e-5)


def test_power_warms_up_to_the_law():
    schedule = schedules.power(batch_size=64, sequence_length=4096, warmup=2000)
    plain = schedules.power(batch_size=64, sequence_length=4096)
    np.testing.assert_allclose(values(schedule, [1000]), values(plain, [2000]) / 2, rtol=1e-6)
    np.testing.assert_allclose(values(schedule, [2000, 3000]), values(plain, [2000, 3000]), rtol=1e-6)


def test_final_decay_multiplies():
    schedule = schedules.with_final_decay(schedules.table([4.0, 3.0, 2.0]), 4, 10, end_ratio=0.1, shape="exponential")
    expected = [4.0, 3.0, 2.0, 2.0, 2.0, 2.0 * 0.1**0.5, 0.2, 0.2]
    np.testing.assert_allclose(values(schedule, [0, 1, 2, 3, 4, 9, 14, 50]), expected, rtol=1e-5)


def test_warmup_stable_decay_constant_without_the_last_phase_is_wsd():
    constant = schedules.warmup_stable_decay_constant(1.0, 0.1, warmup=5, stable=10, decay_steps=8, shape="inverse")
    plain = schedules.warmup_stable_decay(1.0, 23, warmup=5, decay_steps=8)
    np.testing.assert_allclose(values(constant, range(60)), values(plain, range(60)), rtol=1e-6)
