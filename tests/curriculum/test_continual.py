"""Passes over subsets and replay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import curriculum


@pytest.mark.parametrize("epochs", [1, 3])
def test_every_pass_covers_every_example_once(epochs):
    passes = curriculum.multi_epoch(12, epochs)

    def step(state, key):
        drawn = jax.random.choice(key, 12, (4,), replace=False, p=passes.weights(state))
        return passes.update(state, jnp.bincount(drawn, length=12)), drawn

    state, drawn = jax.lax.scan(step, passes.init(), jax.random.split(jax.random.key(0), 3 * epochs))
    assert isinstance(state, curriculum.MultiEpochState)
    for epoch in np.asarray(drawn).reshape(epochs, 12):
        assert sorted(epoch) == list(range(12))
    assert len({tuple(epoch) for epoch in np.asarray(drawn).reshape(epochs, 12)}) == epochs
    np.testing.assert_allclose(passes.weights(state), np.full(12, 1 / 12), rtol=1e-6)
    half = passes.update(passes.init(), jnp.arange(12) % 2)
    np.testing.assert_allclose(passes.weights(half), (np.arange(12) % 2 == 0) / 6, rtol=1e-6)


def test_the_best_are_kept():
    scores = jnp.asarray([3.0, 1.0, jnp.nan, 1.0, 0.5, 3.0])
    assert list(curriculum.top_quality_subset(scores, 4)) == [4, 1, 3, 0]
    assert list(curriculum.top_quality_subset(scores, 6))[-1] == 2
    for size in (0, 7):
        with pytest.raises(ValueError, match="`size` must"):
            curriculum.top_quality_subset(scores, size)
    with pytest.raises(ValueError, match="`scores` must"):
        curriculum.top_quality_subset(scores[None], 1)


@pytest.mark.parametrize("fraction, count", [(0.0, 0), (0.05, 0), (0.25, 2), (0.3, 2), (1.0, 8)])
def test_replay_takes_the_place_of_new_rows(fraction, count):
    new = {"x": jnp.ones((8, 2)), "y": jnp.ones(8, jnp.int32)}
    old = {"x": 10.0 + jnp.arange(16.0).reshape(8, 2), "y": 10 + jnp.arange(8)}
    batch = curriculum.replay_mix(fraction)(jax.random.key(3), (new, old))
    replayed = np.asarray(batch["y"]) >= 10
    assert replayed.sum() == count
    np.testing.assert_array_equal(batch["x"], np.where(replayed[:, None], old["x"], new["x"]))
    np.testing.assert_array_equal(batch["y"], np.where(replayed, old["y"], new["y"]))
