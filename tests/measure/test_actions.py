"""Hits of clicks."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_point_in_box_counts_its_borders():
    points = jnp.array([[1.0, 2.0], [3.0, 4.0], [0.9, 3.0], [2.0, 4.1]])
    np.testing.assert_array_equal(measure.point_in_box(points, jnp.array([[1.0, 2.0, 3.0, 4.0]])), [True, True, False, False])
    with pytest.raises(ValueError, match=r"`points` must be \[..., 2\] and `boxes` \[..., 4\]"):
        measure.point_in_box(points, points)
