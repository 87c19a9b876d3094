"""Silhouettes in closed form, and confusion by hand."""

import jax
import numpy as np
import pytest

from algax import measure

silhouettes = jax.jit(measure.silhouettes)
mode_confusion = jax.jit(measure.mode_confusion, static_argnums=2)


def test_silhouettes():
    # Two modes of two points: within them 1, between them 3 on average (here along two orthogonal axes).
    height = np.sqrt(9 - 0.5)
    points = [[0, 0, 0], [1, 0, 0], [0.5, 0.5, height], [0.5, -0.5, height]]
    modes = np.array([4, 4, 7, 7])
    np.testing.assert_allclose(silhouettes(np.array(points), modes), 2 / 3, rtol=1e-6)
    apart = np.array([[0.0], [1e-6], [1e3], [1e3]])
    np.testing.assert_allclose(silhouettes(apart, modes), 1.0, atol=1e-6)
    for features, groups in ((np.ones((4, 2)), modes), (apart, np.zeros(4, np.int32)), (apart, np.arange(4))):
        np.testing.assert_array_equal(silhouettes(features, groups), np.zeros(4))
    with pytest.raises(ValueError, match="`features`"):
        measure.silhouettes(np.ones(4), modes)


def test_confusion_follows_the_names_of_the_modes():
    wanted, shown = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 2, 1, 0])
    matrix = np.asarray(mode_confusion(wanted, shown, 3))
    np.testing.assert_array_equal(matrix, [[0.75, 0, 0.25], [0.5, 0.5, 0], [0, 0, 0]])
    names = np.array([2, 0, 1])
    np.testing.assert_array_equal(
        np.asarray(mode_confusion(names[wanted], names[shown], 3))[names][:, names], matrix
    )
    with pytest.raises(ValueError, match="`num_modes`"):
        measure.mode_confusion(wanted, shown, 0)
