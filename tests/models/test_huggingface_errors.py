"""What is wrong with a checkpoint, or with what is to be saved as one, is named, all of it."""

import dataclasses
import json
import pathlib
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from algax import models

DATA = pathlib.Path(__file__).parent / "data"
NORM = "model.layers.1.input_layernorm.weight"
UP = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def checkpoint(tmp_path):
    """A function that copies a stored checkpoint, changes entries of its config.json and replaces its tensors."""

    def copy(name, options=None, change=None):
        directory = tmp_path / name
        shutil.copytree(DATA / name, directory)
        if options is not None:
            entries = json.loads((directory / "config.json").read_text())
            (directory / "config.json").write_text(json.dumps({**entries, **options}))
        if change is not None:
            tensors = safetensors.numpy.load_file(directory / "model.safetensors")
            safetensors.numpy.save_file(change(tensors), directory / "model.safetensors")
        return directory

    return copy


def message(function, *arguments, **options):
    with pytest.raises(ValueError) as error:
        function(*arguments, **options)
    return str(error.value)


def rope(**entries):
    return dict(rope_parameters=dict(rope_theta=10.0, **entries))


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("llama", dict(model_type="mamba"), ["`model_type`", "'llama', 'qwen2', 'qwen3', 'gpt2'", "'mamba'"]),
        ("llama", dict(model_type=None), ["`model_type`", "None"]),
        ("llama", dict(architectures=["LlamaForTokenClassification"]), ["LlamaForCausalLM", "LlamaForTokenClassification"]),
        ("llama", dict(quantization_config=dict(bits=4)), ["`quantization_config`"]),
        ("llama", dict(hidden_act="mish"), ["`hidden_act`", "'silu'", "'mish'"]),
        ("llama", dict(attention_bias=True), ["`attention_bias` and `mlp_bias`", "True and False"]),
        ("llama", dict(hidden_size=None, vocab_size="9"), ["`hidden_size`", "None", "`vocab_size`", "'9'"]),
        ("llama", dict(num_key_value_heads=3), ["num_key_value_heads", "num_heads=4", "3"]),
        ("llama", dict(rms_norm_eps=0.0), ["`rms_norm_eps`", "above 0", "0.0"]),
        ("llama", rope(rope_type="yarn", factor=2.0), ["`rope_type`", "'default', 'llama3'", "'yarn'"]),
        ("llama", rope(partial_rotary_factor=0.5), ["`partial_rotary_factor`", "0.5"]),
        ("llama", rope(rope_type="llama3", factor=2.0), ["`low_freq_factor`", "`original_max_position_embeddings`"]),
        ("llama", dict(rope_parameters=None, rope_scaling=dict(type="linear", factor=2.0)), ["`type`", "'linear'"]),
        ("qwen2", dict(layer_types=["full_attention", "sliding_attention"]), ["`layer_types`", "'sliding_attention'"]),
        (
            "qwen2",
            dict(layer_types=None, use_sliding_window=True, sliding_window=8, max_window_layers=1),
            ["`use_sliding_window`", "layer 1"],
        ),
        ("qwen3", dict(attention_bias=True), ["`attention_bias`", "True"]),
        (
            "gpt2",
            dict(scale_attn_by_inverse_layer_idx=True, add_cross_attention=True, n_layer=-1),
            ["`scale_attn_by_inverse_layer_idx`", "`add_cross_attention`", "`n_layer`", "-1"],
        ),
    ],
)
def test_unsupported_options_are_listed(checkpoint, name, options, named):
    directory = checkpoint(name, options)
    text = message(models.load_pretrained, directory)
    assert str(directory / "config.json") in text
    for part in named:
        assert part in text


@pytest.mark.parametrize(
    "options",
    [
        dict(use_sliding_window=True, sliding_window=8, max_window_layers=28, layer_types=None),
        dict(rope_parameters=None, rope_theta=80.0, rope_scaling=None, torch_dtype="float32", dtype=None),
        dict(rope_parameters=None, rope_theta=80, rope_scaling=dict(type="default"), hidden_act="gelu_new"),
    ],
)
def test_other_spellings_of_the_same_model_are_read(checkpoint, options):
    """A window that no layer uses; version 4's rotary entries."""
    assert models.load_pretrained(checkpoint("qwen2", options))[0] == models.load_pretrained(DATA / "qwen2")[0]


def test_wrong_tensors_are_listed(checkpoint):
    def change(tensors):
        del tensors[NORM], tensors["model.layers.1.self_attn.q_proj.bias"]
        tensors[UP] = np.ascontiguousarray(tensors[UP].T)
        tensors["model.layers.0.mlp.down_proj.weight"] = tensors["model.layers.0.mlp.down_proj.weight"].astype(np.float64)
        tensors["score.weight"] = np.zeros((2, 16), np.float32)
        return tensors

    directory = checkpoint("qwen2", change=change)
    lines = message(models.load_pretrained, directory).splitlines()
    assert str(directory) in lines[0]
    assert sorted(line.strip() for line in lines[1:]) == [
        "missing: model.layers.1.input_layernorm.weight [16]",
        "missing: model.layers.1.self_attn.q_proj.bias [16]",
        "unexpected: score.weight [2, 16]",
        "wrong shape: model.layers.0.mlp.up_proj.weight must be [24, 16], got [16, 24]",
        "wrong type: model.layers.0.mlp.down_proj.weight must be one of F32, F16, BF16, got F64",
    ]


def test_more_layers_than_tensors_and_fewer(checkpoint):
    assert "missing: transformer.h.2.attn.c_attn.weight [16, 48]" in message(
        models.load_pretrained, checkpoint("gpt2", dict(n_layer=3))
    )
    assert "unexpected: model.layers.1.mlp.up_proj.weight [24, 16]" in message(
        models.load_pretrained, checkpoint("qwen2", dict(num_hidden_layers=1, layer_types=None))
    )


def test_names_without_prefix_and_old_buffers_are_read(checkpoint):
    """As the first GPT-2 checkpoints have them."""

    def change(tensors):
        tensors = {name.removeprefix("transformer."): array for name, array in tensors.items()}
        tensors["h.0.attn.bias"] = np.ones((1, 1, 20, 20), np.float32)
        tensors["h.1.attn.masked_bias"] = np.array(-1e4, np.float32)
        return tensors

    _, params = models.load_pretrained(checkpoint("gpt2", change=change))
    jax.tree.map(np.testing.assert_array_equal, params, models.load_pretrained(DATA / "gpt2")[1])


def test_a_tied_head_may_be_stored_if_it_is_the_embedding(checkpoint):
    def change(tensors):
        return {**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"]}

    def differ(tensors):
        return {**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"] + np.float32(1)}

    _, params = models.load_pretrained(checkpoint("qwen2", change=change))
    assert "head_kernel" not in params["params"]
    text = message(models.load_pretrained, checkpoint("llama3", change=differ))
    assert "`tie_word_embeddings`" in text and "lm_head.weight" in text


def test_missing_and_damaged_files_are_named(checkpoint, tmp_path):
    assert str(tmp_path / "nowhere" / "config.json") in message(models.load_pretrained, tmp_path / "nowhere")
    directory = checkpoint("llama")
    shard = directory / "model-00002-of-00004.safetensors"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-5])
    assert str(shard) in message(models.load_pretrained, directory)
    shard.unlink()
    text = message(models.load_pretrained, directory)
    assert "model-00002-of-00004.safetensors" in text and "00001" not in text
    index = directory / "model.safetensors.index.json"
    for content, part in (("{", "is not JSON"), ("[]", "JSON table, got list"), ('{"metadata": {}}', "weight_map")):
        index.write_text(content)
        text = message(models.load_pretrained, directory)
        assert str(index) in text and part in text
    index.write_text(json.dumps(dict(weight_map={"a": "../b.safetensors"})))
    assert "outside its directory: ../b.safetensors" in message(models.load_pretrained, directory)
    index.unlink()
    (directory / "pytorch_model.bin").write_bytes(b"")
    text = message(models.load_pretrained, directory)
    assert "model.safetensors.index.json" in text and "pytorch_model.bin" in text
    (directory / "config.json").write_text("not json")
    assert str(directory / "config.json") in message(models.load_pretrained, directory)


def test_a_tensor_in_two_shards_is_refused(checkpoint):
    directory = checkpoint("llama")
    first, second = (directory / f"model-0000{number}-of-00004.safetensors" for number in (1, 2))
    tensors = safetensors.numpy.load_file(second)
    safetensors.numpy.save_file({**tensors, **safetensors.numpy.load_file(first)}, second)
    text = message(models.load_pretrained, directory)
    assert str(first) in text and str(second) in text


def test_wrong_parameters_are_listed_and_nothing_is_written(tmp_path):
    config, params = models.load_pretrained(DATA / "qwen2")
    leaves = dict(params["params"])
    leaves["extra"] = jnp.zeros((3,))
    leaves["final_norm"] = dict(scale=jnp.zeros((5,)))
    leaves["embedding"] = leaves["embedding"].astype(jnp.int32)
    del leaves["blocks_1"]
    text = message(models.save_pretrained, tmp_path / "saved", config, {"params": leaves})
    for line in (
        "unexpected: extra [3]",
        "wrong shape: final_norm/scale must be [16], got [5]",
        "wrong type: embedding must be one of float32, float16, bfloat16, got int32",
        "missing: blocks_1/mlp/up/kernel [16, 24]",
    ):
        assert line in text
    assert "'params'" in message(models.save_pretrained, tmp_path / "saved", config, leaves)
    assert "`max_shard_size`" in message(models.save_pretrained, tmp_path / "saved", config, params, max_shard_size=0)
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("name", "change", "named"),
    [
        ("llama", dict(norm="layer_norm", mlp="plain"), ["`norm` must be 'rms_norm'", "`mlp` must be 'gated', got 'plain'"]),
        ("qwen3", dict(bias="all"), ["qwen3", "`bias` must be 'none', got 'all'"]),
        ("gpt2", dict(num_key_value_heads=2), ["gpt2", "`num_key_value_heads`", "num_heads=4", "2"]),
        ("gpt2", dict(head_size=6, norm="rms_norm"), ["`head_size`", "6", "`norm` must be 'layer_norm'"]),
    ],
)
def test_configs_of_no_family_are_refused(tmp_path, name, change, named):
    config, params = models.load_pretrained(DATA / name)
    text = message(models.save_pretrained, tmp_path / "saved", dataclasses.replace(config, **change), params)
    for part in named:
        assert part in text


def test_foreign_directories_are_refused(tmp_path):
    config, params = models.load_pretrained(DATA / "qwen2")
    (tmp_path / "thesis.txt").write_text("ten years")
    text = message(models.save_pretrained, tmp_path, config, params, overwrite=True)
    assert "other files" in text and [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert "thesis.txt" in message(models.save_pretrained, tmp_path / "thesis.txt", config, params)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"safetensors.*algax\[hf\]"):
        models.load_pretrained(DATA / "qwen2")
