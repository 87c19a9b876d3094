"""Masks that move, their densities and the sizes of iso-FLOP layers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algax import updates

drop_and_grow = jax.jit(updates.drop_and_grow)
TARGET = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), fraction=st.floats(0.0, 1.0))
def test_drop_and_grow_against_sorting(seed, fraction):
    rng = np.random.default_rng(seed)
    mask = rng.random((5, 4)) < 0.5
    weights, gradient = np.where(mask, rng.normal(size=(5, 4)), 0.0), rng.normal(size=(5, 4))
    kept, grown = (np.asarray(x) for x in drop_and_grow(weights, mask, gradient, fraction))
    dropped = int(np.float32(fraction) * np.float32(mask.sum()))
    active = np.flatnonzero(mask)
    expected = set(active) - set(active[np.argsort(np.abs(weights.flat[active]))[:dropped]])
    assert set(np.flatnonzero(kept)) == expected
    candidates = np.flatnonzero(~kept)
    most = candidates[np.argsort(-np.abs(gradient.flat[candidates]))[:dropped]]
    assert set(np.flatnonzero(grown)) == set(most)


def test_ties_go_to_the_lower_index():
    kept, grown = drop_and_grow(np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), np.arange(7) < 4, np.ones(7), 0.5)
    np.testing.assert_array_equal(kept, [1, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(grown, [0, 0, 1, 1, 0, 0, 0])


def run(every, until, steps, fraction=0.5):
    """Trains a quadratic with RigL; returns the optimizer's states and the parameters after every step."""
    mask = jax.jit(lambda key: updates.random_mask(key, (3, 4), 0.5))(jax.random.key(0))
    masks = {"kernel": np.asarray(mask), "bias": None}
    tx = updates.rigl(optax.sgd(0.1, momentum=0.9), masks, every=every, until=until, drop_fraction=fraction)
    params = {"kernel": np.where(masks["kernel"], np.float32(0.3), 0), "bias": np.zeros(4, np.float32)}

    @jax.jit
    def step(params, state):
        gradient = {"kernel": params["kernel"] - TARGET, "bias": params["bias"] - 1.0}
        change, state = tx.update(gradient, state, params)
        return optax.apply_updates(params, change), state

    state, history = jax.jit(tx.init)(params), []
    for _ in range(steps):
        params, state = step(params, state)
        history.append(jax.device_get((state, params)))
    return masks, history


def test_rigl_keeps_the_density_and_exact_zeros():
    masks, history = run(every=2, until=8, steps=10)
    moves = 0
    before = masks["kernel"]
    for i, (state, params) in enumerate(history):
        mask = state.masks["kernel"]
        assert int(mask.sum()) == 6
        np.testing.assert_array_equal(params["kernel"][~mask], 0.0)
        np.testing.assert_array_equal(state.inner[0].trace["kernel"][~mask], 0.0)
        changed = bool(np.any(mask != before))
        assert not changed or (i + 1 in (2, 4, 6))
        moves, before = moves + changed, mask
    assert moves >= 1
    assert np.all(history[-1][1]["bias"] > 0)


def test_rigl_without_dropping_is_the_inner_optimizer_on_masked_gradients():
    masks, history = run(every=1, until=5, steps=3, fraction=0.0)
    np.testing.assert_array_equal(history[-1][0].masks["kernel"], masks["kernel"])
    inner = optax.sgd(0.1, momentum=0.9)
    kernel = np.where(masks["kernel"], np.float32(0.3), 0)

    @jax.jit
    def step(kernel, state):
        change, state = inner.update(jnp.where(masks["kernel"], kernel - TARGET, 0.0), state, kernel)
        return optax.apply_updates(kernel, change), state

    state = inner.init(kernel)
    for _ in range(3):
        kernel, state = step(kernel, state)
    np.testing.assert_allclose(history[-1][1]["kernel"], kernel, rtol=1e-6)


def test_rigl_needs_parameters():
    tx = updates.rigl(optax.sgd(0.1), None)
    with pytest.raises(ValueError, match="needs `params`"):
        tx.update(np.ones(2), tx.init(np.ones(2)))


def test_random_masks_and_densities():
    mask = np.asarray(jax.jit(lambda key: updates.random_mask(key, (10, 7), 0.9))(jax.random.key(1)))
    assert mask.shape == (10, 7) and int(mask.sum()) == 6  # floor(0.1 * 70), 0.1 being just below a tenth
    shapes = [(3, 3, 3, 64), (64, 128), (128, 10)]
    densities = updates.erdos_renyi_densities(shapes, 0.8)
    sizes = np.array([np.prod(shape) for shape in shapes])
    np.testing.assert_allclose(np.dot(densities, sizes), 0.2 * sizes.sum(), rtol=1e-9)
    free = [density * size / sum(shape) for density, size, shape in zip(densities, sizes, shapes, strict=True) if density < 1]
    np.testing.assert_allclose(free, free[0])
    assert max(densities) <= 1.0 and updates.erdos_renyi_densities(shapes, 0.0) == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="`shapes`"):
        updates.erdos_renyi_densities([], 0.5)


def test_iso_flop_widths_cost_what_the_dense_layer_costs():
    for s in (0.5, 0.75, 0.9):
        dense, branches = 64 * 128, updates.iso_flop_width("parallel", s, 64, 128)
        np.testing.assert_allclose(branches * (1 - s) * dense, dense, rtol=1e-9)
        inner = updates.iso_flop_width("factorized", s, 64, 128)
        np.testing.assert_allclose(inner * (1 - s) * (64 + 128), dense, rtol=0.01)
        first = updates.iso_flop_width("factorized_first", s, 64, 128)
        np.testing.assert_allclose(first * ((1 - s) * 64 + 128), dense, rtol=0.02)
        rank = updates.iso_flop_width("doped", s, 64, 128)
        np.testing.assert_allclose((1 - s) * dense + rank * (64 + 128), dense, rtol=0.03)
        wide = [updates.iso_flop_width("wide", s, n, n) for n in (64, 128)]
        np.testing.assert_allclose((1 - s) * wide[0] * wide[1], dense, rtol=0.03)
    assert updates.iso_flop_width("parallel", 0.0, 5, 6) == 1 and updates.iso_flop_width("doped", 0.0, 5, 6) == 0
    assert updates.iso_flop_width("wide", 0.3, 64, 64) == 64
    with pytest.raises(ValueError, match="`kind`"):
        updates.iso_flop_width("deep", 0.5, 5, 6)


def test_training_flops():
    common = {"batch_size": 2, "steps": 10}
    assert updates.sparse_training_flops(100.0, **common) == 3 * 100 * 20
    moving = updates.sparse_training_flops(100.0, **common, dense_flops=400.0, every=9, until=0.5)
    np.testing.assert_allclose(moving, 10 * (300 * 9 + 200 + 400) / 10 + 10 * 300)
