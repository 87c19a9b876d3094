"""LoRA against NumPy."""

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from algax import models
from algax.models import lora

DATA = pathlib.Path(__file__).parent / "data"
QUERY, OUTPUT, DOWN = (f"params/blocks_1/{name}/kernel" for name in ("attention/query", "attention/output", "mlp/down"))
TARGETS = (r"blocks_1/attention/(query|output)/kernel$", r"blocks_1/mlp/down/kernel$")
# [inputs, outputs] of hidden size 16, 4 heads of 4 channels, feed-forward width 24.
MATRICES = {QUERY: (16, 16), OUTPUT: (16, 16), DOWN: (24, 16)}


@pytest.fixture(scope="module")
def loaded():
    config, params = models.load_pretrained(DATA / "llama")
    return models.Transformer(config), params, dict(np.load(DATA / "llama" / "expected.npz"))


def shapes(params, targets, **options):
    return jax.eval_shape(lambda: lora.init(jax.random.key(0), params, 2, targets, **options))


def draw(adapters, seed=0):
    """The adapters with random factors."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype), adapters)


def named(params):
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {"/".join(entry.key for entry in path): np.asarray(leaf) for path, leaf in leaves}


def test_shapes_and_paths(loaded):
    adapters = jax.eval_shape(lambda: lora.init(jax.random.key(0), loaded[1], 3, TARGETS, alpha=6.0))
    assert {path: (a.shape, b.shape) for path, (a, b) in adapters.factors.items()} == {
        path: ((inputs, 3), (3, outputs)) for path, (inputs, outputs) in MATRICES.items()
    }
    assert adapters.scale == 2.0 and len(jax.tree.leaves(adapters)) == 6
    defaults = jax.jit(lambda key: lora.init(key, loaded[1], 1))(jax.random.key(0))
    assert set(defaults.factors) == {
        f"params/blocks_{layer}/attention/{name}/kernel" for layer in range(2) for name in ("query", "value")
    }
    a = defaults.factors[QUERY].a
    assert not np.array_equal(a, defaults.factors["params/blocks_0/attention/query/kernel"].a)


def test_initial_scale_of_a():
    params = dict(kernel=np.zeros((400, 2), np.float32))
    a, b = jax.device_get(lora.init(jax.random.key(0), params, 50, ["kernel"]).factors["kernel"])
    np.testing.assert_allclose([np.mean(a), np.std(a)], [0.0, 1 / 20], atol=0.002)
    assert not np.any(b)


def test_nothing_changes_at_first(loaded):
    _, params, _ = loaded
    adapted = jax.jit(lambda key, params: lora.apply(params, lora.init(key, params, 2, TARGETS)))(jax.random.key(0), params)
    jax.tree.map(np.testing.assert_array_equal, adapted, params)


def test_change_is_alpha_over_rank_times_a_b(loaded):
    _, params, _ = loaded
    adapters = draw(shapes(params, TARGETS, alpha=5.0))
    before, after = named(params), named(jax.jit(lora.apply)(params, adapters))
    assert before.keys() == after.keys()
    for path, kernel in before.items():
        if path in MATRICES:
            a, b = (np.asarray(factor, np.float64) for factor in adapters.factors[path])
            change = 5.0 / 2 * (a @ b)
            np.testing.assert_allclose(after[path] - kernel.astype(np.float64), change.reshape(kernel.shape), atol=1e-5)
            flat = (after[path] - kernel).reshape(MATRICES[path]).astype(np.float64)
            assert np.linalg.matrix_rank(flat, tol=1e-3) == 2
        else:
            np.testing.assert_array_equal(after[path], kernel)


def test_output_projection_reads_heads(loaded):
    """Adapting the output kernel adds `alpha / r * heads a b` to what attention writes, heads flattened."""
    _, params, _ = loaded
    adapters = draw(shapes(params, [OUTPUT], alpha=2.0))
    kernel = named(jax.jit(lora.apply)(params, adapters))[OUTPUT]
    heads = np.random.default_rng(1).normal(size=(4, 4))
    a, b = (np.asarray(factor, np.float64) for factor in adapters.factors[OUTPUT])
    expected = np.einsum("nh,nhd->d", heads, named(params)[OUTPUT]) + heads.reshape(-1) @ a @ b
    np.testing.assert_allclose(np.einsum("nh,nhd->d", heads, kernel), expected, atol=1e-5)


def test_trains_adapters_only(loaded):
    """At first only `b` has a gradient, since it is zero; one step lowers the loss; the base never has a gradient."""
    module, params, expected = loaded
    tokens, mask = expected["tokens"], expected["mask"]

    def loss(params, adapters):
        logits = module.apply(lora.apply(params, adapters), tokens, mask)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits[:, :-1], tokens[:, 1:])
        return jnp.sum(jnp.where(mask[:, :-1], losses, 0.0))

    both = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    adapters = jax.device_get(jax.jit(lambda key: lora.init(key, params, 2, TARGETS))(jax.random.key(0)))
    first, (base_gradient, gradient) = jax.device_get(both(params, adapters))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(base_gradient))
    assert all(np.any(b) and not np.any(a) for a, b in gradient.factors.values())
    adapters = jax.tree.map(lambda leaf, slope: leaf - np.float32(1e-3) * slope, adapters, gradient)
    second, (base_gradient, gradient) = jax.device_get(both(params, adapters))
    assert second < first and all(np.any(leaf) for leaf in jax.tree.leaves(gradient))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(base_gradient))


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_merge_and_unmerge_are_exact(name):
    """Also in bfloat16, where subtracting the change again would not be."""
    _, params = models.load_pretrained(DATA / name)
    adapters = draw(shapes(params, TARGETS))
    merged, originals = lora.merge(params, adapters)
    assert set(originals) == set(MATRICES)
    before, changed, after = named(params), named(merged), named(lora.unmerge(merged, originals))
    assert before.keys() == changed.keys() == after.keys()
    for path, kernel in before.items():
        assert changed[path].dtype == kernel.dtype and changed[path].shape == kernel.shape
        assert np.array_equal(changed[path], kernel) == (path not in MATRICES)
        assert after[path].tobytes() == kernel.tobytes()


def test_merged_model_can_be_saved(loaded, tmp_path):
    module, params, _ = loaded
    merged, _ = lora.merge(params, draw(shapes(params, TARGETS)))
    models.save_pretrained(tmp_path, module.config, merged)
    jax.tree.map(np.testing.assert_array_equal, models.load_pretrained(tmp_path)[1], merged)


def test_wrong_arguments_are_named(loaded):
    _, params, _ = loaded
    key = jax.random.key(0)
    for arguments, text in (
        (dict(rank=0), "rank.*0"),
        (dict(rank=1, alpha=0.0), "alpha.*0.0"),
        (dict(rank=1, targets=["attention/query", "conv"]), r"targets.*\['conv'\].*blocks_0/mlp/up/kernel"),
        (dict(rank=1, targets=[]), "targets"),
        (dict(rank=1, targets="kernel"), "targets.*sequence.*'kernel'"),
        (dict(rank=1, targets=["final_norm"]), r"targets.*final_norm/scale \[16\]"),
        (dict(rank=1, targets=["mlp/up"], input_axes={"mlp": 2}), "2 input axes.*mlp/up"),
    ):
        with pytest.raises(ValueError, match=text):
            lora.init(key, params, **arguments)
    adapters = lora.init(key, params, 2, [QUERY])
    small = lora.Factors(np.zeros((4, 2)), np.zeros((2, 4)))
    wrong = dataclasses.replace(adapters, factors={QUERY: small, "elsewhere": small})
    with pytest.raises(ValueError, match=r"attention/query/kernel \[16, 4, 4\].*\[4, 2\].*elsewhere is not a parameter"):
        lora.apply(params, wrong)
    with pytest.raises(ValueError, match="originals.*elsewhere"):
        lora.unmerge(params, {"elsewhere": params["params"]["embedding"]})
