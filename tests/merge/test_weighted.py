"""Weighted sums of parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import merge


def tree(seed, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    return {"kernel": jnp.asarray(rng.normal(size=(2, 3)), dtype), "bias": jnp.asarray(rng.normal(size=3), dtype)}


instruct, distill, pretrained = tree(0), tree(1), tree(2)


def close(actual, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), actual, expected)


def test_the_ends_of_the_balance():
    close(merge.balanced_initialisation(instruct, distill, pretrained, w_instruct=1.0, w_mid=1.0), instruct)
    close(merge.balanced_initialisation(instruct, distill, pretrained, w_instruct=0.3, w_mid=0.0), pretrained)
    two = merge.balanced_initialisation(instruct, distill, pretrained, w_instruct=0.3, w_mid=1.0)
    close(two, jax.tree.map(lambda a, b: 0.3 * a + 0.7 * b, instruct, distill))


def test_the_default_has_a_quarter_a_quarter_and_a_half():
    expected = jax.tree.map(lambda a, b, c: 0.25 * a + 0.25 * b + 0.5 * c, instruct, distill, pretrained)
    close(merge.balanced_initialisation(instruct, distill, pretrained), expected)


def test_equal_trees_are_a_fixed_point():
    close(merge.balanced_initialisation(instruct, instruct, instruct, w_instruct=0.3, w_mid=0.9), instruct)


def test_sums_in_float32_and_keeps_types():
    merged = merge.weighted_merge([tree(seed, jnp.bfloat16) for seed in range(3)], [1.0, -1.0, 1 / 3])
    assert {leaf.dtype for leaf in jax.tree.leaves(merged)} == {jnp.dtype(jnp.bfloat16)}
    wide = merge.weighted_merge(
        [jax.tree.map(lambda x: x.astype(jnp.float32), tree(seed, jnp.bfloat16)) for seed in range(3)], [1.0, -1.0, 1 / 3]
    )
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b.astype(jnp.bfloat16)), merged, wide)


def test_bad_arguments_are_refused():
    for trees, weights, error, name in (
        ([instruct], [0.5, 0.5], ValueError, "weights"),
        ([], [], ValueError, "weights"),
        ([instruct, {"kernel": distill["kernel"]}], [0.5, 0.5], ValueError, "trees"),
        ([instruct, jax.tree.map(lambda x: x[:1], distill)], [0.5, 0.5], ValueError, "trees"),
        ([{"steps": jnp.arange(2)}], [1.0], TypeError, "trees"),
        ([instruct], ["all"], TypeError, "weights"),
    ):
        with pytest.raises(error, match=f"`{name}`"):
            merge.weighted_merge(trees, weights)
    with pytest.raises(ValueError, match="`w_mid`"):
        merge.balanced_initialisation(instruct, distill, pretrained, w_mid=1.5)
    with pytest.raises(ValueError, match="`w_instruct`"):
        merge.balanced_initialisation(instruct, distill, pretrained, w_instruct=-0.1)
