"""Silhouettes in closed form, and confusion by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_silhouettes():
    # Two modes of two points: within them 1, between them 3 on average (here along two orthogonal axes).
    height = np.sqrt(9 - 0.5)
    points = [[0, 0, 0], [1, 0, 0], [0.5, 0.5, height], [0.5, -0.5, height]]
    modes = jnp.array([4, 4, 7, 7])
    np.testing.assert_allclose(measure.silhouettes(jnp.asarray(points, jnp.float32), modes), 2 / 3, rtol=1e-6)
    apart = jnp.array([[0.0], [1e-6], [1e3], [1e3]])
    np.testing.assert_allclose(measure.silhouettes(apart, modes), 1.0, atol=1e-6)
    for features, groups in ((jnp.ones((4, 2)), modes), (apart, jnp.zeros(4, jnp.int32)), (apart, jnp.arange(4))):
        np.testing.assert_array_equal(measure.silhouettes(features, groups), np.zeros(4))
    with pytest.raises(ValueError, match="`features`"):
        measure.silhouettes(jnp.ones(4), modes)


def test_confusion_follows_the_names_of_the_modes():
    wanted, shown = jnp.array([0, 0, 0, 0, 1, 1]), jnp.array([0, 0, 0, 2, 1, 0])
    matrix = np.asarray(measure.mode_confusion(wanted, shown, 3))
    np.testing.assert_array_equal(matrix, [[0.75, 0, 0.25], [0.5, 0.5, 0], [0, 0, 0]])
    names = np.array([2, 0, 1])
    np.testing.assert_array_equal(
        measure.mode_confusion(jnp.asarray(names)[wanted], jnp.asarray(names)[shown], 3)[names][:, names], matrix
    )
    with pytest.raises(ValueError, match="`num_modes`"):
        measure.mode_confusion(wanted, shown, 0)
