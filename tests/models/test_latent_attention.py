"""Latent attention: its expanded form in NumPy, causality, caching, positions; the block around it."""

import jax
import numpy as np
import pytest

from algax import models

from .parameters import draw_params

HEADS, NOPE, ROPE, VALUE, RANK, D = 2, 3, 4, 5, 6, 8
MODULE = models.LatentAttention(HEADS, NOPE, ROPE, VALUE, RANK, rope_theta=100.0)
X = np.random.default_rng(0).normal(size=(2, 5, D)).astype(np.float32)
PARAMS = jax.tree.map(lambda x: 2 * x, draw_params(MODULE, X)["params"])


@jax.jit
def apply(x, cache=None):
    (output, cache), state = MODULE.apply({"params": PARAMS}, x, cache, mutable=["intermediates"])
    return output, cache, state["intermediates"]["weights"][0]


def rotated(x, positions):
    """As complex numbers, whose pairs are neighbours."""
    angles = positions[:, None] * 100.0 ** (-np.arange(0, ROPE, 2) / ROPE)
    turned = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
    return np.stack([turned.real, turned.imag], -1).reshape(x.shape)


def expanded(x, shift=0):
    """Keys and values of every head written out, for one row, in float64."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), PARAMS)
    x, positions = np.asarray(x, np.float64), shift + np.arange(len(x))
    compressed = x @ p["compress"]
    latent, rope_key = compressed[:, :RANK], rotated(compressed[:, RANK:], positions)
    latent = latent / np.sqrt((latent**2).mean(1, keepdims=True) + 1e-6) * p["latent_norm"]["scale"]
    weights, output = [], 0.0
    for head in range(HEADS):
        query, both = x @ p["query"][:, head], latent @ p["expand"][:, head]
        scores = query[:, :NOPE] @ both[:, :NOPE].T + rotated(query[:, NOPE:], positions) @ rope_key.T
        scores = np.where(np.tri(len(x), dtype=bool), scores / np.sqrt(NOPE + ROPE), -np.inf)
        weights.append(np.exp(scores) / np.exp(scores).sum(1, keepdims=True))
        output = output + weights[-1] @ both[:, NOPE:] @ p["output"][head]
    return output, latent, rope_key, np.stack(weights)


def test_absorbed_scores_are_those_of_expanded_keys():
    output, cache, weights = jax.device_get(apply(X))
    assert isinstance(cache, models.LatentCache)
    for row in range(2):
        for found, expected in zip((output, cache.latent, cache.rope_key, weights), expanded(X[row]), strict=True):
            np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(expanded(X[0], shift=7)[3], weights[0], rtol=1e-4, atol=1e-5)  # only differences count


def test_the_future_does_not_matter_and_a_cache_continues():
    output, cache, _ = jax.device_get(apply(X))
    changed = X + (np.arange(5) == 3)[:, None].astype(np.float32)
    other = np.asarray(apply(changed)[0])
    np.testing.assert_allclose(other[:, :3], output[:, :3], atol=1e-6)
    assert not np.allclose(other[:, 3:], output[:, 3:], atol=1e-3)
    _, first, _ = apply(X[:, :2])
    rest, whole, _ = apply(X[:, 2:], first)
    np.testing.assert_allclose(rest, output[:, 2:], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole.rope_key, cache.rope_key, rtol=1e-4, atol=1e-5)
    assert MODULE.cache_size == RANK + ROPE == sum(leaf.shape[-1] for leaf in cache)
    assert models.LatentAttention(16, 128, 64, 128, 512).cache_size == 576


def test_rotation_leaves_lengths_and_position_zero():
    x = np.random.default_rng(2).normal(size=(1, 3, 2, 4)).astype(np.float32)
    turned = np.asarray(jax.jit(lambda x, at: models.rotate_interleaved(x, at, 100.0))(x, np.array([[0, 1, 5]])))
    np.testing.assert_allclose(turned[:, 0], x[:, 0], rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-5)
    np.testing.assert_allclose(turned[0, 2, 1], rotated(x[0, 2:, 1], np.array([5]))[0], rtol=1e-5)


def test_the_block_adds_attention_and_a_squared_relu():
    block = models.PLMBlock(MODULE, mlp_size=12)
    p = draw_params(block, X)["params"]

    def norm(x):
        return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6)

    @jax.jit
    def results(p, normed):
        (output, _), state = block.apply({"params": p}, X, mutable=["intermediates"])
        return output, state, MODULE.apply({"params": p["attention"]}, normed)[0]

    output, state, attended = jax.device_get(results(p, norm(X)))
    middle = X + attended
    hidden = np.maximum(norm(middle) @ p["up"]["kernel"], 0) ** 2
    np.testing.assert_allclose(state["intermediates"]["hidden"][0], hidden, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(output, middle + hidden @ p["down"]["kernel"], rtol=1e-4, atol=1e-5)


def test_the_gradient_of_the_squared_relu():
    layer = models.MLP([1, 1], activation="relu_squared", use_bias=False)
    one = {"kernel": np.ones((1, 1), np.float32)}
    slope = jax.grad(lambda x: layer.apply({"params": {"Dense_0": one, "Dense_1": one}}, x[None])[0])
    slopes = jax.jit(jax.vmap(slope))(np.array([-2.0, 0.0, 0.5, 3.0], np.float32))
    np.testing.assert_allclose(slopes, [0.0, 0.0, 1.0, 6.0])


@pytest.mark.parametrize(
    "bad", [{"num_heads": 0}, {"rope_size": 3}, {"rope_size": 0}, {"kv_rank": 0}, {"rope_theta": 0.0}, {"norm_epsilon": 0.0}]
)
def test_bad_sizes_are_refused(bad):
    sizes = {"num_heads": 2, "nope_size": 2, "rope_size": 2, "value_size": 2, "kv_rank": 2, **bad}
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be"):
        models.LatentAttention(**sizes)
