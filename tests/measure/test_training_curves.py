"""Collapses, recoveries (`HockeyStick`) and late gains in the curves of a run."""

import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure


def test_length_collapse():
    lengths = jnp.array([200.0, 150.0, 80.0, 20.0])
    np.testing.assert_allclose(measure.length_collapse(lengths, 2), 0.6, rtol=1e-6)
    np.testing.assert_allclose(measure.length_collapse(lengths, 99), 0.9, rtol=1e-6)
    assert float(measure.length_collapse(lengths, 0)) == 0
    with pytest.raises(ValueError, match="`window`"):
        measure.length_collapse(lengths, -1)
    with pytest.raises(ValueError, match="`lengths`"):
        measure.length_collapse(jnp.zeros([2, 2]), 1)


def test_hockey_stick():
    result = measure.hockey_stick(jnp.array([1.0, 0.4, 0.2, 0.6, 1.1]))
    np.testing.assert_allclose(result.depth, 0.8, rtol=1e-6)
    assert int(result.recovery) == 4
    rising = measure.hockey_stick(jnp.array([0.1, 0.2, 0.3]))
    assert float(rising.depth) == 0 and int(rising.recovery) == 0
    assert int(measure.hockey_stick(jnp.array([1.0, 0.4, 0.9])).recovery) == -1


def test_post_saturation_gain():
    train, test = jnp.array([0.5, 0.99, 0.97, 1.0]), jnp.array([0.2, 0.3, 0.35, 0.45])
    np.testing.assert_allclose(measure.post_saturation_gain(train, test, level=0.98), 0.15, rtol=1e-5)
    assert float(measure.post_saturation_gain(train - 0.5, test)) == 0
    with pytest.raises(ValueError, match="`level`"):
        measure.post_saturation_gain(train, test, level=0.0)
    with pytest.raises(ValueError, match="`test_accuracy`"):
        measure.post_saturation_gain(train, test[:2])
