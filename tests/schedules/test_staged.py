"""Values that change in steps."""

import jax
import jax.numpy as jnp
import numpy as np

from algax import schedules


def values(schedule, steps):
    return np.asarray(jax.vmap(schedule)(jnp.arange(steps)))


def test_rounds_grow_every_few_updates():
    expected = [5, 5, 5, 5, 8, 8, 8, 8, 10, 10, 10, 10]
    np.testing.assert_array_equal(values(schedules.staged((5, 8, 10), every=4), 12), expected)


def test_a_constant_list_is_a_fixed_horizon():
    np.testing.assert_array_equal(values(schedules.staged((7, 7, 7), every=2), 9), 7)
    np.testing.assert_array_equal(values(schedules.staged((7,), every=2), 9), 7)


def test_a_resumed_run_goes_on_where_it_was():
    schedule = schedules.staged((1, 2, 3), every=3)
    np.testing.assert_array_equal(jax.vmap(schedule)(jnp.arange(4, 9)), values(schedule, 9)[4:])


def test_never_decreases_if_the_list_does_not():
    assert np.all(np.diff(values(schedules.staged((1, 1, 4, 9), every=3), 20)) >= 0)


def test_boundaries_anywhere():
    steps, boundaries, levels = np.arange(15), [2, 3, 9], np.array([4.0, -1.0, 6.0, 0.5])
    expected = levels[np.searchsorted(boundaries, steps, side="right")]
    np.testing.assert_array_equal(values(schedules.staged_at(boundaries, levels.tolist()), 15), expected)
