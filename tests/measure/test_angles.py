"""How far hidden states point the same way: `AngleConcentration`."""

import jax
import numpy as np
import pytest

from algax import measure

hidden = (np.random.default_rng(0).normal(size=(9, 4)) + 0.3).astype(np.float32)
jitted = jax.jit(measure.angle_concentration, static_argnames=("columns", "causal"))


def angle_concentration(*args, **options):
    return jax.device_get(jitted(*args, **options))


def test_against_slices():
    states = np.asarray(hidden, np.float64)
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    cosines = np.tril(states @ states.T, 1)
    result = angle_concentration(hidden, 2, 8)
    np.testing.assert_allclose([result.intra, result.inter], [cosines[2:8, 2:8].mean(), cosines[2:8, :2].mean()], rtol=1e-5)
    np.testing.assert_allclose(result.score, result.intra + 8.0 * result.inter, rtol=1e-6)
    released = angle_concentration(hidden, 2, 8, columns="all")
    rows = cosines[2:-1]
    np.testing.assert_allclose([released.intra, released.inter], [rows[2:-1].mean(), rows[:2].mean()], rtol=1e-5)


def test_parallel_and_orthogonal_tokens():
    lengths = np.arange(1.0, 7.0)[:, None]
    parallel = angle_concentration(lengths * np.array([[0.6, 0.8]]), 2, 6, causal=False)
    np.testing.assert_allclose([parallel.intra, parallel.inter], 1.0, rtol=1e-6)
    orthogonal = angle_concentration(lengths * np.eye(6), 2, 6, causal=False)
    np.testing.assert_allclose([orthogonal.intra, orthogonal.inter], [1 / 4, 0.0], atol=1e-6)


def test_the_length_of_a_token_is_irrelevant():
    scales = np.random.default_rng(1).uniform(0.1, 10.0, (9, 1)).astype(np.float32)
    expected = np.stack(angle_concentration(hidden, 3, 9))
    np.testing.assert_allclose(np.stack(angle_concentration(scales * hidden, 3, 9)), expected, rtol=1e-5)


def test_many_prompts_and_empty_parts():
    starts, stops = np.array([0, 4, 3]), np.array([9, 4, 7])
    # Compiled as a whole, both would be rounded in ways of their own.
    many = jax.device_get(jax.vmap(lambda start, stop: measure.angle_concentration(hidden, start, stop))(starts, stops))
    np.testing.assert_allclose([many.inter[0], many.intra[1], many.score[1]], 0.0)
    np.testing.assert_allclose(many.score[2], measure.angle_concentration(hidden, 3, 7).score, rtol=1e-6)
    zeros = angle_concentration(np.zeros([4, 2]), 1, 4)
    np.testing.assert_array_equal(np.stack(zeros), 0.0)


def test_arguments_are_checked():
    for name, value in (("inter_weight", -1.0), ("columns", "rows"), ("causal", 1)):
        with pytest.raises((ValueError, TypeError), match=f"`{name}`"):
            measure.angle_concentration(hidden, 1, 3, **{name: value})
    with pytest.raises(ValueError, match="`hidden`"):
        measure.angle_concentration(hidden[0], 1, 3)
