"""Displacement scores against closed forms, and the velocity of log-probs against finite steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import measure

RNG = np.random.default_rng(8)


ches = jax.jit(measure.ches, static_argnames="length_normalized")


def scores(chosen, rejected, **options):
    """Of responses whose one state before a token is given, behind a prompt of one token."""
    states = [np.stack([x, np.full_like(x, np.nan)])[None].astype(np.float32) for x in (chosen, rejected)]
    mask = np.array([[False, True]])
    return np.asarray(ches(states[0], mask, states[1], mask, **options))[0]


def test_closed_forms():
    a = np.array([1.0, 2.0, -1.0])
    norm = a @ a
    for rejected, expected in ((a, 0.0), (0 * a, -norm), (2 * a, norm), (np.array([2.0, 0.0, 2.0]), -norm)):
        for length_normalized in (True, False):
            np.testing.assert_allclose(scores(a, rejected, length_normalized=length_normalized), expected, atol=1e-6)
    np.testing.assert_allclose(scores(3 * a, 3 * a + 1), 9 * scores(a, a + 1 / 3), rtol=1e-5)
    # Of all directions of the same length none scores higher than the chosen response's own.
    others = RNG.normal(size=(20, 3))
    others *= np.sqrt(norm) / np.linalg.norm(others, axis=1, keepdims=True)
    assert all(scores(a, other) < 1e-5 for other in others)


def test_masks_choose_the_states_before_the_tokens():
    chosen, rejected = RNG.normal(size=(2, 2, 6, 3)).astype(np.float32)
    chosen_mask = np.array([[0, 0, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1]], bool)
    rejected_mask = np.array([[0, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 0]], bool)
    for length_normalized in (True, False):
        expected = []
        for i, (first, last, start, stop) in enumerate([(1, 3, 2, 5), (0, 5, 0, 1)]):
            s_w, s_l = chosen[i, first:last].sum(0), rejected[i, start:stop].sum(0)
            n_w, n_l = (last - first, stop - start) if length_normalized else (1, 1)
            expected.append(s_w @ s_l / (n_w * n_l) - s_w @ s_w / n_w**2)
        x = chosen, chosen_mask, rejected, rejected_mask
        np.testing.assert_allclose(ches(*x, length_normalized=length_normalized), expected, rtol=1e-5)


def test_velocities_are_those_of_a_small_gradient_step():
    with jax.enable_x64(True):
        unembedding, hidden = RNG.normal(size=(6, 4)), RNG.normal(size=4)

        @jax.jit
        def log_probs(h):
            return jax.nn.log_softmax(unembedding @ h)

        def loss(h):
            log_p = log_probs(h)
            return jnp.logaddexp(0.0, -0.3 * (log_p[1] - log_p[3] - 0.4))

        @jax.jit
        def velocities(hidden):
            return measure.logit_velocity(unembedding, hidden, 1, 3, beta=0.3, ref_margin=0.4), jax.grad(loss)(hidden)

        velocity, gradient = jax.device_get(velocities(hidden))
        assert isinstance(velocity, measure.LogitVelocity)
        slope = -gradient
        np.testing.assert_allclose(velocity.hidden, slope, rtol=1e-9)
        now, ahead, behind = (np.asarray(log_probs(hidden + step * slope)) for step in (0.0, 1e-6, -1e-6))
        rates = (ahead - behind) / 2e-6
        np.testing.assert_allclose(velocity.log_probs, rates, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(np.exp(now) @ velocity.log_probs, 0.0, atol=1e-12)
        w = unembedding
        z = 0.3 * (now[1] - now[3] - 0.4)
        gain = 0.3 / (1 + np.exp(z)) * np.sum((w[1] - w[3]) ** 2)
        np.testing.assert_allclose(velocity.log_probs[1] - velocity.log_probs[3], gain, rtol=1e-9)
        assert gain > 0


def test_displacement_is_a_difference():
    np.testing.assert_allclose(measure.displacement(np.array([-3.0, -1.0]), np.array([-2.0, -2.0])), [-1.0, 1.0])


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`rejected_mask`"):
        measure.ches(np.zeros((1, 2, 3)), np.ones((1, 2)), np.zeros((1, 2, 3)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="`chosen`"):
        measure.logit_velocity(np.zeros((2, 3)), np.zeros(3), 2, 0)
