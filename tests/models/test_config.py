"""Validation of TransformerConfig and MLP."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax import models

SIZES = dict(vocabulary_size=5, hidden_size=12, num_layers=1, num_heads=4, max_length=8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(vocabulary_size=0), ValueError, "vocabulary_size.*at least 1.*0"),
        (dict(hidden_size=2.5), TypeError, "hidden_size.*integer.*2.5"),
        (dict(num_layers=True), TypeError, "num_layers.*integer.*True"),
        (dict(max_length=-1), ValueError, "max_length.*-1"),
        (dict(num_heads=5, head_size=None), ValueError, "num_heads.*hidden_size=12.*5"),
        (dict(num_key_value_heads=3), ValueError, "num_key_value_heads.*num_heads=4.*3"),
        (dict(head_size=3), ValueError, "head_size.*even.*3"),
        (dict(head_size=None), ValueError, "head_size.*even.*3"),
        (dict(mlp_size=0), ValueError, "mlp_size.*0"),
        (dict(norm="batch_norm"), ValueError, "norm.*rms_norm, layer_norm.*batch_norm"),
        (dict(norm_epsilon=0.0), ValueError, "norm_epsilon.*above 0.*0"),
        (dict(norm_epsilon=float("nan")), ValueError, "norm_epsilon.*nan"),
        (dict(rope_theta=-1.0), ValueError, "rope_theta.*-1"),
        (dict(positions="alibi"), ValueError, "positions.*alibi"),
        (dict(mlp="wide"), ValueError, "mlp.*wide"),
        (dict(activation="step"), ValueError, "activation.*step"),
        (dict(bias="some"), ValueError, "bias.*some"),
        (dict(dtype=jnp.int32), TypeError, "dtype.*floating.*int32"),
        (dict(rope_scaling=8.0), TypeError, "rope_scaling.*RopeScaling.*8.0"),
        (dict(param_dtype=jnp.int8), TypeError, "param_dtype.*floating.*int8"),
    ],
)
def test_bad_values_are_named(change, error, message):
    with pytest.raises(error, match=message):
        models.TransformerConfig(**{**SIZES, "head_size": 4, **change})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(factor=0.5), ValueError, "factor.*at least 1.*0.5"),
        (dict(low_frequency_factor=0.0), ValueError, "low_frequency_factor.*above 0.*0.0"),
        (dict(high_frequency_factor=1.0), ValueError, "low_frequency_factor.*below.*1.0 and 1.0"),
        (dict(original_max_length=8.5), TypeError, "original_max_length.*8.5"),
    ],
)
def test_bad_rope_scaling_is_named(change, error, message):
    with pytest.raises(error, match=message):
        models.RopeScaling(
            **{**dict(factor=8.0, low_frequency_factor=1.0, high_frequency_factor=4.0, original_max_length=8), **change}
        )


def test_config_is_hashable_and_fills_in_sizes():
    config = models.TransformerConfig(**{**SIZES, "num_heads": 3})
    assert hash(config) == hash(models.TransformerConfig(**{**SIZES, "num_heads": 3}))
    assert (config.key_value_heads, config.head_width, config.mlp_width) == (3, 4, 48)


def test_learned_positions_take_an_odd_head_size():
    assert models.TransformerConfig(**SIZES, positions="learned").head_width == 3


@pytest.mark.parametrize("use_bias", [True, False])
def test_mlp_matches_numpy(use_bias):
    module = models.MLP(features=(7, 4), activation="tanh", use_bias=use_bias)
    x = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
    params = jax.jit(module.init)(jax.random.key(0), x)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    first, second = (params["params"][f"Dense_{index}"] for index in range(2))
    hidden = np.tanh(x.astype(np.float64) @ np.asarray(first["kernel"]) + np.asarray(first.get("bias", 0.0)))
    expected = hidden @ np.asarray(second["kernel"]) + np.asarray(second.get("bias", 0.0))
    np.testing.assert_allclose(module.apply(params, x), expected, rtol=1e-4, atol=1e-5)
    assert ("bias" in first) == use_bias


def test_mlp_without_bias_is_homogeneous():
    module = models.MLP(features=(8, 8, 3), use_bias=False)
    apply = jax.jit(module.apply)
    x = jax.random.normal(jax.random.key(1), (4, 5))
    params = jax.jit(module.init)(jax.random.key(0), x)
    np.testing.assert_allclose(apply(params, 3 * x), 3 * apply(params, x), rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(features=()), "features"),
        (dict(features=(3, 0)), r"features.*\(3, 0\)"),
        (dict(features=(3,), activation="step"), "activation.*step"),
    ],
)
def test_mlp_bad_values_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.MLP(**arguments)
