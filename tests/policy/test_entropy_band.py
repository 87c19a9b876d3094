"""EPO: the band around the entropies of the past, its history and its phases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import policy

from .compiled import update

BAND = {"low": 0.5, "high": 2.0, "size": 0.1}


def test_band_penalty_is_strictly_inside_or_not():
    entropies = jnp.array([0.5, 0.51, 1.99, 2.0, 3.0, 0.0])
    ones = jnp.ones([6])
    np.testing.assert_allclose(policy.band_penalty(entropies, ones, **BAND), [0.1, 0.0, 0.0, 0.1, 0.1, 0.1], rtol=1e-6)
    hinge = policy.band_penalty(entropies, ones, form="hinge", **BAND)
    np.testing.assert_allclose(hinge, [0.0, 0.0, 0.0, 0.0, 0.1, 0.05], atol=1e-7)


def test_only_the_hinge_has_a_gradient_and_it_points_into_the_band():
    entropies = jnp.array([3.0, 1.0, 0.2])

    def total(x, form):
        return jnp.sum(policy.band_penalty(x, jnp.ones([3]), form=form, **BAND))

    np.testing.assert_array_equal(jax.jit(jax.grad(total), static_argnums=1)(entropies, "indicator"), np.zeros(3))
    np.testing.assert_allclose(jax.jit(jax.grad(total), static_argnums=1)(entropies, "hinge"), [0.1, 0.0, -0.1], rtol=1e-6)


@pytest.mark.parametrize(("step", "weight"), [(0, 1.0), (75, 0.82707), (76, 0.76863), (150, 0.03983), (400, 0.03983)])
def test_epo_phase(step, weight):
    np.testing.assert_allclose(policy.epo_phase(150)(step), weight, atol=1e-5)


def batch(entropies, steps, mask=None):
    entropies = np.asarray(entropies, np.float32)
    mask = np.ones(entropies.shape, bool) if mask is None else mask
    return policy.Terms(entropies=entropies, environment_steps=np.asarray(steps), mask=mask)


def test_smoothed_entropy_bonus_against_a_history_kept_by_hand():
    rng, size = np.random.default_rng(0), 0.3
    for mode in ("token", "sequence"):
        loss = policy.smoothed_entropy_bonus(3, coefficient=0.5, weight=0.4, low=0.8, high=1.2, size=size, mode=mode)
        state, past = loss.init(), {0: [], 1: [], 2: []}
        for steps in ([0, 2, 2], [0, 1, 2], [2, 1, 0]):
            entropies, mask = rng.uniform(0.5, 1.5, (3, 4)), rng.random((3, 4)) < 0.8
            mask[:, 0] = True
            after, state = update(loss, batch(entropies, steps, mask), state)
            for row, step in enumerate(steps):
                values = entropies[row] if mode == "token" else np.full(4, entropies[row][mask[row]].mean())
                typical = np.mean(past[step]) if past[step] else None
                inside = np.ones(4, bool) if typical is None else (0.8 * typical < values) & (values < 1.2 * typical)
                expected = 0.5 * (0.4 * np.where(inside, 0.0, size) - entropies[row])
                valid = mask[row]
                np.testing.assert_allclose(np.asarray(after.penalties)[row][valid], expected[valid], rtol=1e-4, atol=1e-6)
            for step in set(steps):
                chosen = np.array(steps) == step
                past[step].append(entropies[chosen][mask[chosen]].mean())
        assert isinstance(state, policy.EntropyHistory)
        np.testing.assert_allclose(state.typical, [np.mean(past[step]) for step in range(3)], rtol=1e-5)


def test_no_penalty_without_a_past_or_before_half_of_the_episode():
    loss = policy.smoothed_entropy_bonus(4, coefficient=1.0, low=0.9, high=1.1, size=9.0)
    first, state = update(loss, batch([[1.0], [5.0]], [0, 3]))
    np.testing.assert_allclose(first.penalties, [[-1.0], [-5.0]])
    early, _ = update(loss, batch([[2.0], [2.0]], [0, 1]), state)
    np.testing.assert_allclose(early.penalties, [[-2.0], [-2.0]])
    late, _ = update(loss, batch([[2.0], [2.0]], [0, 2]), state)  # step 2 has no past
    np.testing.assert_allclose(late.penalties, [[7.0], [-2.0]])


def test_the_indicator_trains_as_the_bonus_alone():
    history = policy.EntropyHistory(jnp.full([2], 0.1), jnp.ones([2]))

    def gradient(size, form):
        loss = policy.smoothed_entropy_bonus(2, size=size, form=form)

        def total(x):
            return jnp.sum(loss.update(batch(np.zeros([2, 3]), [0, 1]).replace(entropies=x), history)[0].penalties)

        return np.asarray(jax.jit(jax.grad(total))(jnp.ones([2, 3])))

    np.testing.assert_array_equal(gradient(0.7, "indicator"), gradient(0.0, "indicator"))
    assert np.all(gradient(0.7, "hinge") > gradient(0.0, "hinge"))
