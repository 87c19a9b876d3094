"""Loaded checkpoints against the logits of the reference implementation, and saved ones against what was loaded.

The data was written by make_reference_checkpoints.py.
"""

import dataclasses
import functools
import json
import pathlib
import shutil

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from jax.sharding import Mesh

from algax import models

DATA = pathlib.Path(__file__).parent / "data"
FAMILIES = ("gpt2", "llama", "llama3", "qwen2", "qwen3")
EXPECTED_FIELDS = {
    "gpt2": dict(positions="learned", bias="all", tied_head=True, max_length=20, norm_epsilon=1e-2, activation="gelu_tanh"),
    "llama": dict(positions="rotary", bias="none", tied_head=False, max_length=64, rope_theta=50.0, rope_scaling=None),
    "llama3": dict(
        bias="all",
        tied_head=True,
        head_size=8,
        rope_theta=100.0,
        rope_scaling=models.RopeScaling(
            factor=8.0, low_frequency_factor=1.0, high_frequency_factor=4.0, original_max_length=32
        ),
    ),
    "qwen2": dict(bias="query_key_value", tied_head=True, activation="gelu_tanh", num_key_value_heads=2),
    "qwen3": dict(bias="none", tied_head=False, head_size=6, query_key_norm=True, param_dtype=jnp.bfloat16),
}


@functools.cache
def load(name):
    """The module, computing in float32, its parameters, and what the reference implementation says."""
    config, params = models.load_pretrained(DATA / name)
    module = models.Transformer(dataclasses.replace(config, dtype=jnp.float32))
    return config, module, params, dict(np.load(DATA / name / "expected.npz"))


def tensors(directory):
    """All tensors of a checkpoint, by the package's own reader, one file after the other."""
    return {
        name: array
        for path in sorted(directory.glob("*.safetensors"))
        for name, array in safetensors.numpy.load_file(path).items()
    }


def assert_same_bits(first, second):
    assert first.keys() == second.keys()
    for name, array in first.items():
        other = second[name]
        assert array.dtype == other.dtype and array.shape == other.shape, name
        assert np.asarray(array).tobytes() == np.asarray(other).tobytes(), name


def named(params):
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_equal_the_reference_implementation(name):
    """Rows of 7, 5 and 2 tokens, padded on the left."""
    config, module, params, expected = load(name)
    for field, value in EXPECTED_FIELDS[name].items():
        assert getattr(config, field) == value, field
    logits = jax.jit(module.apply)(params, expected["tokens"], expected["mask"])
    mask = expected["mask"]
    assert np.std(expected["logits"][mask]) > 0.5
    np.testing.assert_allclose(np.asarray(logits)[mask], expected["logits"][mask], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "qwen3"])
def test_cached_logits_equal_the_reference_implementation(name):
    """The left-padded prompt of four tokens at once, then a token a step."""
    _, module, params, expected = load(name)
    tokens, mask = expected["tokens"], expected["mask"]
    init_cache, step = models.decoder(module)
    step = jax.jit(step)
    cache = jax.jit(init_cache, static_argnums=(0, 1))(3, 7)
    logits, cache = step(params, tokens[:, :4], mask[:, :4], cache)
    columns = [logits]
    for column in range(4, 7):
        logits, cache = step(params, tokens[:, column : column + 1], mask[:, column : column + 1], cache)
        columns.append(logits)
    real = mask[:, 3:]
    np.testing.assert_allclose(np.stack(columns, axis=1)[real], expected["logits"][:, 3:][real], rtol=0, atol=1e-4)


def test_bfloat16_checkpoint_runs_in_its_own_type():
    config, _, params, expected = load("qwen3")
    assert config.dtype == jnp.bfloat16 and {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.bfloat16)}
    logits = jax.jit(models.Transformer(config).apply)(params, expected["tokens"], expected["mask"])
    np.testing.assert_allclose(np.asarray(logits)[expected["mask"]], expected["logits"][expected["mask"]], rtol=0, atol=0.3)


def test_loads_into_another_type():
    config, params = models.load_pretrained(DATA / "qwen3", param_dtype=jnp.float32)
    stored = tensors(DATA / "qwen3")["model.layers.1.mlp.down_proj.weight"]
    kernel = params["params"]["blocks_1"]["mlp"]["down"]["kernel"]
    assert config.param_dtype == config.dtype == jnp.float32 and kernel.dtype == jnp.float32
    np.testing.assert_array_equal(kernel, stored.T.astype(np.float32))


def test_loads_onto_a_mesh():
    mesh = Mesh(np.array(jax.devices()[:4]).reshape(2, 2), ("data", "model"))
    shardings = functools.partial(models.param_shardings, mesh=mesh, rules=models.logical_rules(fully_sharded=True))
    _, params = models.load_pretrained(DATA / "llama", shardings=shardings)
    kernel = params["params"]["blocks_0"]["attention"]["query"]["kernel"]
    assert kernel.sharding.shard_shape(kernel.shape) == (8, 2, 4)
    assert_same_bits(named(params), named(load("llama")[2]))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("max_shard_size", [10**9, 3000])
def test_round_trip_is_exact(name, max_shard_size, tmp_path):
    config, _, params, _ = load(name)
    models.save_pretrained(tmp_path / "saved", config, params, max_shard_size=max_shard_size)
    assert_same_bits(tensors(tmp_path / "saved"), tensors(DATA / name))
    assert (tmp_path / "saved" / "model.safetensors").exists() == (max_shard_size > 10**6)
    loaded_config, loaded = models.load_pretrained(tmp_path / "saved")
    assert dataclasses.replace(loaded_config, head_size=config.head_size) == config
    assert loaded_config.head_width == config.head_width
    assert_same_bits(named(loaded), named(params))


def test_shards_and_index_are_whole(tmp_path):
    config, _, params, _ = load("llama")
    models.save_pretrained(tmp_path, config, params, max_shard_size=4096)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert [path.name for path in shards] == [
        f"model-{n:05}-of-{len(shards):05}.safetensors" for n in range(1, len(shards) + 1)
    ]
    total = 0
    for path in shards:
        held = safetensors.numpy.load_file(path)
        assert set(held) == {name for name, file in index["weight_map"].items() if file == path.name}
        size = sum(array.nbytes for array in held.values())
        assert size <= 4096 or len(held) == 1
        total += size
    assert total == index["metadata"]["total_size"] == sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    with safetensors.safe_open(shards[0], framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_initialised_parameters_can_be_saved(tmp_path):
    """A config of our own, boxed parameters, and biases, norms and a head that no stored checkpoint has in this mix."""
    config = models.TransformerConfig(
        vocabulary_size=7,
        hidden_size=8,
        num_layers=1,
        num_heads=2,
        max_length=5,
        norm="layer_norm",
        positions="learned",
        mlp="plain",
        bias="all",
        activation="relu",
        norm_epsilon=1e-5,
    )
    rng = np.random.default_rng(0)
    boxed = jax.eval_shape(models.Transformer(config).init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    boxed = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), boxed)
    models.save_pretrained(tmp_path, config, boxed)
    loaded_config, loaded = models.load_pretrained(tmp_path)
    assert loaded_config == dataclasses.replace(config, mlp_size=32)
    assert "head_kernel" in loaded["params"]
    assert_same_bits(named(loaded), named(flax.core.meta.unbox(boxed)))


def test_template_gives_what_the_config_does_not_say(tmp_path):
    config, _, params, _ = load("llama")
    source = tmp_path / "source"
    shutil.copytree(DATA / "llama", source)
    (source / "tokenizer.json").write_text("{}")
    models.save_pretrained(tmp_path / "saved", config, params, template=source)
    entries = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert (entries["bos_token_id"], entries["eos_token_id"]) == (1, 2)
    assert "rope_parameters" not in entries and entries["rope_theta"] == 50.0 and entries["torch_dtype"] == "float32"
    assert (tmp_path / "saved" / "tokenizer.json").read_text() == "{}"
    assert (tmp_path / "saved" / "generation_config.json").exists()
    with pytest.raises(ValueError, match="template.*qwen2 checkpoint.*'llama'"):
        models.save_pretrained(tmp_path / "other", *load("qwen2")[::2], template=source)


def test_replaces_a_checkpoint_only_when_told(tmp_path):
    config, _, params, _ = load("llama")
    models.save_pretrained(tmp_path, config, params, max_shard_size=3000)
    (tmp_path / "tokenizer.json").write_text("kept")
    (tmp_path / "model_average.safetensors").write_bytes(b"kept")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="overwrite=True"):
        models.save_pretrained(tmp_path, config, params)
    with pytest.raises(ValueError, match="llama checkpoint.*qwen2"):
        models.save_pretrained(tmp_path, *load("qwen2")[::2], overwrite=True)
    assert contents(tmp_path) == before
    doubled = jax.tree.map(lambda leaf: leaf + leaf, params)
    models.save_pretrained(tmp_path, config, doubled, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "model.safetensors",
        "model_average.safetensors",
        "tokenizer.json",
    }
    assert_same_bits(named(models.load_pretrained(tmp_path)[1]), named(doubled))


def test_an_error_while_writing_leaves_the_directory_as_it_was(tmp_path, monkeypatch):
    config, _, params, _ = load("llama")
    models.save_pretrained(tmp_path, config, params)
    before = contents(tmp_path)
    save_file, calls = safetensors.numpy.save_file, []

    def full_disk(*arguments, **options):
        calls.append(arguments[1])
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        save_file(*arguments, **options)

    monkeypatch.setattr(safetensors.numpy, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        models.save_pretrained(tmp_path, config, params, max_shard_size=3000, overwrite=True)
    assert len(calls) == 2 and contents(tmp_path) == before
