"""How far hidden states point the same way: `AngleConcentration`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure

hidden = jnp.asarray(np.random.default_rng(0).normal(size=(9, 4)) + 0.3, jnp.float32)


def test_against_slices():
    states = np.asarray(hidden, np.float64)
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    cosines = np.tril(states @ states.T, 1)
    result = measure.angle_concentration(hidden, 2, 8)
    np.testing.assert_allclose([result.intra, result.inter], [cosines[2:8, 2:8].mean(), cosines[2:8, :2].mean()], rtol=1e-5)
    np.testing.assert_allclose(result.score, result.intra + 8.0 * result.inter, rtol=1e-6)
    released = measure.angle_concentration(hidden, 2, 8, columns="all")
    rows = cosines[2:-1]
    np.testing.assert_allclose([released.intra, released.inter], [rows[2:-1].mean(), rows[:2].mean()], rtol=1e-5)


def test_parallel_and_orthogonal_tokens():
    lengths = jnp.arange(1.0, 7.0)[:, None]
    parallel = measure.angle_concentration(lengths * jnp.array([[0.6, 0.8]]), 2, 6, causal=False)
    np.testing.assert_allclose([parallel.intra, parallel.inter], 1.0, rtol=1e-6)
    orthogonal = measure.angle_concentration(lengths * jnp.eye(6), 2, 6, causal=False)
    np.testing.assert_allclose([orthogonal.intra, orthogonal.inter], [1 / 4, 0.0], atol=1e-6)


def test_the_length_of_a_token_is_irrelevant():
    scales = jnp.asarray(np.random.default_rng(1).uniform(0.1, 10.0, (9, 1)), jnp.float32)
    expected = jnp.stack(measure.angle_concentration(hidden, 3, 9))
    np.testing.assert_allclose(jnp.stack(measure.angle_concentration(scales * hidden, 3, 9)), expected, rtol=1e-5)


def test_many_prompts_and_empty_parts():
    starts, stops = jnp.array([0, 4, 3]), jnp.array([9, 4, 7])
    many = jax.vmap(lambda start, stop: measure.angle_concentration(hidden, start, stop))(starts, stops)
    np.testing.assert_allclose([many.inter[0], many.intra[1], many.score[1]], 0.0)
    np.testing.assert_allclose(many.score[2], measure.angle_concentration(hidden, 3, 7).score, rtol=1e-6)
    zeros = measure.angle_concentration(jnp.zeros([4, 2]), 1, 4)
    np.testing.assert_array_equal(jnp.stack(zeros), 0.0)


def test_arguments_are_checked():
    for name, value in (("inter_weight", -1.0), ("columns", "rows"), ("causal", 1)):
        with pytest.raises((ValueError, TypeError), match=f"`{name}`"):
            measure.angle_concentration(hidden, 1, 3, **{name: value})
    with pytest.raises(ValueError, match="`hidden`"):
        measure.angle_concentration(hidden[0], 1, 3)
