"""Sparse layers cost what the dense layer costs, and train with their masks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import models, updates

from ..models.parameters import draw_params

IN, OUT = 48, 36


def count(mask):
    return int(np.sum(np.asarray(mask)))


def random_masks(sparsities, params):
    return jax.jit(lambda: updates.random_masks(sparsities)(params))()


def multiplications(params, masks):
    """Of one position: the entries of kernels that may be nonzero."""
    leaves = jax.tree.leaves(params)
    kept = jax.tree.leaves(masks, is_leaf=lambda mask: mask is None)
    return sum(leaf.size if mask is None else count(mask) for leaf, mask in zip(leaves, kept, strict=True) if leaf.ndim > 1)


def layers(kind, sparsity, kernel_size):
    side = 1 if kernel_size is None else kernel_size[0]
    width = updates.iso_flop_width(kind, sparsity, IN, OUT, kernel_size=side)
    make = {"parallel": models.SparseParallel, "factorized": models.SparseFactorized, "doped": models.SparseDoped}[kind]
    return make(OUT, width, kernel_size=kernel_size), width


@pytest.mark.parametrize("kernel_size", [None, (3, 3)], ids=["dense", "convolution"])
@pytest.mark.parametrize("sparsity", [0.5, 0.75, 0.9])
@pytest.mark.parametrize("kind", ["parallel", "factorized", "doped"])
def test_multiplications_are_those_of_the_dense_layer(kind, sparsity, kernel_size):
    x = np.zeros((1, IN) if kernel_size is None else (1, 4, 4, IN), np.float32)
    layer, width = layers(kind, sparsity, kernel_size)
    params = jax.eval_shape(layer.init, jax.random.key(0), x)
    small = {"params": drop_small(params["params"])}
    # Only factors have shapes of their own: all other layers are alike and share the little programs of the first.
    share = {"sparse": sparsity}
    masks = random_masks(share, small) if kind == "factorized" else updates.random_masks(share)(small)
    dense = IN * OUT * (1 if kernel_size is None else 9)
    # A width is a whole number, and so is the number of active weights.
    fan_in = dense // OUT
    slack = {"parallel": width, "factorized": fan_in + OUT, "doped": fan_in + OUT}[kind]
    assert abs(multiplications(small, masks) - dense) <= slack


def drop_small(params):
    """Without biases and the scales of norms."""
    return {name: {"kernel": value["kernel"]} for name, value in params.items() if "kernel" in value}


def test_wide_layers_inside_a_network():
    """Both widths grow by 2 at sparsity 3/4; where only one does, sparsity 1/2 keeps the cost."""
    dense, wide = models.MLP((32, 32, 10)), models.MLP((64, 64, 10))
    assert updates.iso_flop_width("wide", 0.75, 32, 32) == 64
    x = np.zeros((1, 64), np.float32)
    params = jax.eval_shape(dense.init, jax.random.key(0), x)
    cost = multiplications(params, random_masks({"kernel": 0.0}, params))
    params = jax.eval_shape(wide.init, jax.random.key(0), x)
    masks = random_masks({"Dense_1/kernel": 0.75, "kernel": 0.5}, params)
    assert multiplications(params, masks) == cost == 64 * 32 + 32 * 32 + 32 * 10


def test_no_sparsity_is_the_dense_layer():
    x = np.random.default_rng(0).normal(size=(5, IN)).astype(np.float32)
    assert updates.iso_flop_width("parallel", 0.0, IN, OUT) == 1
    assert updates.iso_flop_width("wide", 0.0, IN, OUT) == OUT
    layer, rank = layers("doped", 0.0, None)
    params = draw_params(layer, x)
    assert rank == 0 and set(params["params"]) == {"sparse"}
    np.testing.assert_allclose(jax.jit(layer.apply)(params, x), x @ params["params"]["sparse"]["kernel"], rtol=1e-5, atol=1e-5)


def test_values_against_numpy():
    x = np.random.default_rng(0).normal(size=(5, IN)).astype(np.float32)

    def normalised(y):
        return (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-6)

    for kind in ("parallel", "factorized", "doped"):
        layer, width = layers(kind, 0.75, None)
        p = draw_params(layer, x)
        kernels = {name: np.asarray(value["kernel"], np.float64) for name, value in p["params"].items() if "kernel" in value}
        if kind == "parallel":
            expected = sum(np.maximum(normalised(x @ kernels[f"sparse_{i}"]), 0) for i in range(width))
        elif kind == "factorized":
            expected = np.maximum(normalised(x @ kernels["sparse_0"]), 0) @ kernels["sparse_1"]
        else:
            expected = x @ kernels["sparse"] + x @ kernels["down"] @ kernels["up"]
        np.testing.assert_allclose(jax.jit(layer.apply)(p, x), expected, rtol=1e-3, atol=1e-4)


def test_masks_stay_while_a_layer_trains():
    layer = models.SparseDoped(6, 2)
    x = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    params = draw_params(layer, x)
    tx = updates.rigl(optax.sgd(0.1), updates.random_masks({"sparse/kernel": 0.5}), every=2, until=5)

    @jax.jit
    def step(params, state):
        change, state = tx.update(jax.grad(lambda p: jnp.mean(jnp.square(layer.apply(p, x))))(params), state, params)
        return optax.apply_updates(params, change), state

    state = jax.jit(tx.init)(params)
    for _ in range(3):
        params, state = step(params, state)
    mask = np.asarray(state.masks["params"]["sparse"]["kernel"])
    assert count(mask) == 15 and not np.any(np.asarray(params["params"]["sparse"]["kernel"])[~mask])
    assert state.masks["params"]["down"]["kernel"] is None


def test_random_masks():
    tree = {"a": np.zeros((10, 10)), "b": np.zeros((10, 10)), "c": np.zeros(3)}
    masks = updates.random_masks({"a": 0.75, "b": 0.5}, seed=1)(tree)
    assert (count(masks["a"]), count(masks["b"]), masks["c"]) == (25, 50, None)
    assert not np.array_equal(masks["b"], updates.random_masks({"a": 0.75, "b": 0.5}, seed=2)(tree)["b"])
    for call, message in (
        (lambda: updates.random_masks({"d": 0.5})(tree), "`sparsities` must each match"),
        (lambda: updates.random_masks({"a": 1.5}), "`sparsities` must lie"),
        (lambda: updates.random_masks({}), "`sparsities` must hold"),
        (lambda: models.SparseParallel(3, 0), "`branches` must be"),
        (lambda: models.SparseDoped(3, -1), "`rank` must be"),
        (lambda: models.SparseFactorized(3, 2, activation="sine"), "`activation` must be"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
