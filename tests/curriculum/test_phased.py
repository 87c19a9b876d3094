"""Phased and stacked data."""

import jax
import numpy as np
import pytest

from algax import curriculum

KEY = jax.random.key(1)


def test_phases_follow_each_other():
    order = np.asarray(curriculum.phase_order(KEY, (5, 3, 8)))
    for start, stop in ((0, 5), (5, 8), (8, 16)):
        np.testing.assert_array_equal(np.sort(order[start:stop]), np.arange(start, stop))
    assert (order != np.arange(16)).any()


def test_stacked_is_one_phase():
    stacked = curriculum.phase_order(KEY, (5, 3, 8), stacked=True)
    np.testing.assert_array_equal(stacked, curriculum.phase_order(KEY, (16,)))
    np.testing.assert_array_equal(np.sort(stacked), np.arange(16))
    assert set(np.asarray(stacked[:5])) != set(range(5))


def test_bad_sizes_are_refused():
    for sizes in ((), (3, 0)):
        with pytest.raises(ValueError, match="`sizes`"):
            curriculum.phase_order(KEY, sizes)
