"""The Transformer against a NumPy oracle and against what it must not do."""

import dataclasses
import functools

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import models

from . import transformer_oracle

V, B, T = 11, 3, 6
TINY = models.TransformerConfig(vocabulary_size=V, hidden_size=16, num_layers=1, num_heads=4, max_length=12, mlp_size=24)
FAMILIES = {
    "llama": dataclasses.replace(TINY, num_layers=2, num_key_value_heads=2),
    "qwen2": dataclasses.replace(TINY, num_key_value_heads=2, bias="query_key_value", tied_head=True, rope_theta=50.0),
    "qwen3": dataclasses.replace(TINY, num_key_value_heads=1, head_size=6, query_key_norm=True),
    "gpt2": dataclasses.replace(
        TINY,
        norm="layer_norm",
        positions="learned",
        mlp="plain",
        activation="gelu_tanh",
        bias="all",
        tied_head=True,
        norm_epsilon=1e-5,
    ),
    "stable": dataclasses.replace(TINY, norm="layer_norm", query_key_norm=True, mlp="plain", activation="gelu"),
}
PADDED = np.array([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1]], bool)


def apply_jitted(module, method=None):
    return jax.jit(functools.partial(module.apply, method=method))


@functools.cache
def build(config, seed=0):
    """A module, parameters far from their initial values, biases and scales included, and its jitted `apply`."""
    module = models.Transformer(config)
    shapes = flax.core.meta.unbox(jax.eval_shape(module.init, jax.random.key(0), np.zeros((1, 2), np.int32)))
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        mean = 1.0 if path[-1].key == "scale" else 0.0
        return rng.normal(mean, 0.3, leaf.shape).astype(leaf.dtype)

    return module, jax.tree_util.tree_map_with_path(draw, shapes), apply_jitted(module)


def numpy_params(params):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["params"])


def draw_tokens(seed=0, shape=(B, T)):
    return np.random.default_rng(seed).integers(0, V, shape).astype(np.int32)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    config = FAMILIES[request.param]
    return config, *build(config)


def test_logits_match_numpy_under_padding(family):
    config, _, params, apply = family
    tokens = draw_tokens()
    logits = apply(params, tokens, PADDED)
    expected = transformer_oracle.logits(config, numpy_params(params), tokens, PADDED)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(logits)[PADDED], expected[PADDED], rtol=2e-4, atol=2e-5)


def test_left_padding_does_not_change_logits(family):
    """The same four tokens at the start and at the end of a row of six, without and with padding before them."""
    _, _, params, apply = family
    tokens, start, end = draw_tokens(), np.arange(T) < 4, np.arange(T) >= 2
    alone = apply(params, tokens, np.tile(start, (B, 1)))
    padded = apply(params, np.roll(tokens, 2, axis=1), np.tile(end, (B, 1)))
    np.testing.assert_allclose(np.asarray(padded)[:, 2:], np.asarray(alone)[:, :4], rtol=1e-4, atol=1e-5)


def test_padding_tokens_are_never_read(family):
    _, _, params, apply = family
    tokens = draw_tokens()
    other = np.where(PADDED, tokens, (tokens + 1) % V)
    np.testing.assert_array_equal(
        np.asarray(apply(params, tokens, PADDED))[PADDED], np.asarray(apply(params, other, PADDED))[PADDED]
    )


def test_is_causal(family):
    _, _, params, apply = family
    tokens = draw_tokens()
    changed = tokens.copy()
    changed[:, 3] = (changed[:, 3] + 1) % V
    mask = np.ones((B, T), bool)
    before, after = np.asarray(apply(params, tokens, mask)), np.asarray(apply(params, changed, mask))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.all(np.any(before[:, 3:] != after[:, 3:], axis=-1))


def test_cache_equals_no_cache(family):
    """A left-padded prompt of four, then one token a step in `scan`, with a slot to spare."""
    config, module, params, apply = family
    tokens = draw_tokens()

    @jax.jit
    def cached(params, tokens, mask):
        cache = models.init_cache(config, B, T + 1)
        first, cache = module.apply(params, tokens[:, :4], mask[:, :4], cache=cache)

        def step(cache, column):
            logits, cache = module.apply(params, column[0][:, None], column[1][:, None], cache=cache)
            return cache, logits[:, 0]

        cache, rest = jax.lax.scan(step, cache, (tokens[:, 4:].T, mask[:, 4:].T))
        return jnp.concatenate([first, jnp.swapaxes(rest, 0, 1)], axis=1), cache

    logits, cache = cached(params, tokens, PADDED)
    expected = apply(params, tokens, PADDED)
    np.testing.assert_allclose(np.asarray(logits)[PADDED], np.asarray(expected)[PADDED], rtol=1e-4, atol=1e-5)
    assert int(cache.length) == T
    np.testing.assert_array_equal(cache.mask, np.pad(PADDED, ((0, 0), (0, 1))))


def test_next_logits_are_the_last_of_the_logits():
    config = FAMILIES["llama"]
    module, params, apply = build(config)
    tokens = draw_tokens()
    init_cache, step = models.decoder(module)
    logits, cache = jax.jit(step)(params, tokens, PADDED, init_cache(B, T))
    np.testing.assert_allclose(logits, np.asarray(apply(params, tokens, PADDED))[:, -1], rtol=1e-4, atol=1e-5)
    assert [leaf.shape[0] for leaf in jax.tree.leaves(cache) if leaf.ndim] == [B] * (2 * config.num_layers + 1)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_hidden_times_head_is_logits(name):
    config = FAMILIES[name]
    module, params, apply = build(config)
    tokens = draw_tokens()
    hidden = apply_jitted(module, "hidden")(params, tokens, PADDED)
    kernel, bias = module.apply(params, method="head")
    assert hidden.shape == (B, T, config.hidden_size) and kernel.shape == (config.hidden_size, V) and bias is None
    logits = np.asarray(hidden, np.float64) @ np.asarray(kernel, np.float64)
    np.testing.assert_allclose(apply(params, tokens, PADDED), logits, rtol=1e-4, atol=1e-5)


def test_parameter_count(family):
    config, _, params, _ = family
    d, h, n, m = config.hidden_size, config.head_size or 4, config.num_heads, config.mlp_size
    k = config.num_key_value_heads or n
    attention = d * h * (n + 2 * k) + n * h * d + 2 * h * config.query_key_norm
    mlp = d * m * (3 if config.mlp == "gated" else 2)
    norms = d * (2 if config.bias == "all" else 1)
    biases = h * (n + 2 * k) * (config.bias != "none") + (2 * d + m) * (config.bias == "all")
    outside = V * d * (1 if config.tied_head else 2) + norms + 12 * d * (config.positions == "learned")
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert count == config.num_layers * (attention + mlp + 2 * norms + biases) + outside


def test_tied_head_shares_the_embedding():
    module, params, _ = build(FAMILIES["qwen2"])
    assert "head_kernel" not in params["params"]
    kernel, _ = module.apply(params, method="head")
    np.testing.assert_array_equal(kernel, params["params"]["embedding"].T)


def test_explicit_positions_replace_the_count():
    _, params, apply = build(FAMILIES["gpt2"])
    tokens = draw_tokens()
    counted = apply(params, tokens, PADDED)
    positions = np.maximum(np.cumsum(PADDED, axis=1, dtype=np.int32) - 1, 0)
    np.testing.assert_allclose(apply(params, tokens, PADDED, positions), counted, rtol=1e-5, atol=1e-5)
    assert not np.allclose(apply(params, tokens, PADDED, positions + 1), counted, atol=1e-2)


def test_rotary_positions_are_relative():
    """Adding a constant to all positions changes nothing, and halving their distances does."""
    _, params, apply = build(FAMILIES["llama"])
    tokens = draw_tokens()
    positions = np.tile(np.arange(T, dtype=np.int32), (B, 1))

    def logits(positions):
        return np.asarray(apply(params, tokens, PADDED, positions))[PADDED]

    np.testing.assert_allclose(logits(positions + 5), logits(positions), rtol=1e-3, atol=1e-4)
    assert not np.allclose(logits(positions // 2), logits(positions), atol=1e-2)


def test_fully_masked_row_is_finite_in_value_and_gradient():
    module, params, _ = build(FAMILIES["llama"])
    tokens, mask = draw_tokens(), PADDED.copy()
    mask[0] = False

    def loss(params):
        return jnp.sum(jnp.square(module.apply(params, tokens, mask)))

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    assert all(np.all(np.isfinite(np.asarray(leaf))) for leaf in jax.tree.leaves((value, gradient)))


def test_bfloat16_is_finite_and_near_float32():
    config = dataclasses.replace(FAMILIES["qwen3"], dtype=jnp.bfloat16)
    module, params, apply = build(config)
    tokens = draw_tokens()
    logits = apply(params, tokens, PADDED)
    expected = build(FAMILIES["qwen3"])[2](params, tokens, PADDED)
    assert logits.dtype == jnp.float32
    assert jax.eval_shape(apply_jitted(module, "hidden"), params, tokens).dtype == jnp.bfloat16
    assert jax.eval_shape(lambda: models.init_cache(config, 1, 2)).layers[0].keys.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(logits)[PADDED], np.asarray(expected)[PADDED], atol=0.3)
    _, params, apply = build(dataclasses.replace(config, param_dtype=jnp.bfloat16))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}
    logits = apply(params, tokens, PADDED)
    assert logits.dtype == jnp.float32 and np.all(np.isfinite(logits))


def test_vmap_over_seeds_equals_a_loop():
    tokens = draw_tokens()
    _, first, apply = build(FAMILIES["llama"])
    _, second, _ = build(FAMILIES["llama"], seed=1)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), first, second)
    together = np.asarray(jax.jit(jax.vmap(apply, in_axes=(0, None, None)))(stacked, tokens, PADDED))
    for logits, params in zip(together, (first, second), strict=True):
        np.testing.assert_allclose(logits[PADDED], np.asarray(apply(params, tokens, PADDED))[PADDED], rtol=1e-4, atol=1e-5)
    assert not np.allclose(together[0], together[1], atol=1e-2)


def test_initial_loss_is_near_uniform_for_every_seed():
    """`init` under `vmap` too, so that seeds can be drawn in one program."""
    module = models.Transformer(dataclasses.replace(TINY, num_layers=1, tied_head=True))
    tokens = draw_tokens(shape=(8, 12))
    keys = jax.random.split(jax.random.key(0), 2)
    logits = np.asarray(jax.jit(jax.vmap(module.init_with_output, in_axes=(0, None)))(keys, tokens)[0])
    log_probs = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    np.testing.assert_allclose(-np.mean(log_probs, axis=(1, 2, 3)), np.log(V), atol=0.1)
    assert not np.allclose(logits[0], logits[1])


def test_wrong_inputs_are_named():
    module, params, _ = build(FAMILIES["llama"])
    tokens = draw_tokens()
    cache = models.init_cache(FAMILIES["llama"], B, 4)
    with pytest.raises(ValueError, match=r"tokens.*\[B, T\]"):
        module.apply(params, tokens[0])
    with pytest.raises(ValueError, match="tokens.*float32"):
        module.apply(params, tokens.astype(np.float32))
    with pytest.raises(ValueError, match="mask"):
        module.apply(params, tokens, PADDED[:2])
    with pytest.raises(ValueError, match="positions"):
        module.apply(params, tokens, PADDED, tokens[:, :2])
    with pytest.raises(ValueError, match="max_length=12.*13"):
        module.apply(params, draw_tokens(shape=(1, 13)))
    with pytest.raises(ValueError, match="cache's length=4.*6"):
        module.apply(params, tokens, cache=cache)
    with pytest.raises(ValueError, match="cache.*2 rows.*3"):
        module.apply(params, tokens[:2, :3], cache=cache)
    with pytest.raises(ValueError, match="length.*max_length=12.*13"):
        models.init_cache(FAMILIES["llama"], B, 13)
