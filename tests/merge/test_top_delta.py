"""Merging by the largest changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import merge


def models(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"a": (5, 6), "b": {"c": (7,), "d": ()}}
    draw = lambda scale: jax.tree.map(  # noqa: E731
        lambda shape: np.float32(scale * rng.normal(size=shape)), shapes, is_leaf=lambda x: isinstance(x, tuple)
    )
    base = draw(1.0)
    return base, jax.tree.map(np.add, base, draw(0.1))


top_delta_merge = jax.jit(merge.top_delta_merge, static_argnames=("fraction", "scale", "per"))


def test_all_and_none():
    base, tuned = models()
    jax.tree.map(np.testing.assert_array_equal, top_delta_merge(base, tuned, fraction=0.0), base)
    whole = top_delta_merge(base, tuned, fraction=1.0, scale=1.0)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-6), whole, tuned)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_the_largest_changes_of_each_tensor(fraction):
    base, tuned = models()
    merged = top_delta_merge(base, tuned, fraction=fraction, scale=0.7)
    for b, t, m in zip(*(jax.tree.leaves(tree) for tree in (base, tuned, merged)), strict=True):
        b, t, m = (np.asarray(x, np.float64).ravel() for x in (b, t, m))
        count = int(np.ceil(round(fraction * b.size, 6)))
        expected = b.copy()
        largest = np.argsort(-np.abs(t - b))[:count]
        expected[largest] += 0.7 * (t - b)[largest]
        assert np.sum(m != b) == count
        np.testing.assert_allclose(m, expected, rtol=1e-5, atol=1e-6)


def test_the_largest_changes_of_the_model():
    base, tuned = {"x": np.zeros(4), "y": np.zeros(4)}, {"x": np.arange(1.0, 5.0), "y": -np.arange(11.0, 15.0)}
    merged = top_delta_merge(base, tuned, fraction=0.5, scale=1.0, per="model")
    assert np.all(np.asarray(merged["x"]) == 0)
    np.testing.assert_array_equal(merged["y"], tuned["y"])


def test_ties_at_the_threshold_are_kept():
    merged = top_delta_merge(np.zeros(4), np.array([2.0, -1.0, 1.0, 0.5]), fraction=0.5, scale=1.0)
    np.testing.assert_array_equal(merged, [2, -1, 1, 0])


def test_types_are_kept_and_bad_arguments_refused():
    base, tuned = jnp.zeros(4, jnp.bfloat16), jnp.ones(4, jnp.float32)
    assert merge.top_delta_merge(base, tuned).dtype == jnp.bfloat16
    for options in ({"fraction": 1.5}, {"scale": float("nan")}, {"per": "layer"}):
        with pytest.raises(ValueError, match=f"`{next(iter(options))}`"):
            merge.top_delta_merge(base, tuned, **options)
    with pytest.raises(ValueError, match="`tuned`"):
        merge.top_delta_merge(base, jnp.ones(3))
    with pytest.raises(TypeError, match="`base`"):
        merge.top_delta_merge(jnp.zeros(4, jnp.int32), tuned)
