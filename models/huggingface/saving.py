"""From the Transformer's configuration and parameters to a checkpoint."""

import os
import pathlib
import re
from typing import Any

import flax
import jax.numpy as jnp
import numpy as np

from ..config import TransformerConfig
from .files import CONFIG, INDEX, WEIGHTS, Replacement, optional_import, read_json
from .layout import Tensor, flatten, layout, parameter_shapes
from .options import write_options

DTYPES = ("float32", "float16", "bfloat16")
# Entries of a template that `write_options` replaces under other names, or that no longer hold.
STALE_ENTRIES = ("dtype", "layer_types", "quantization_config", "rope_parameters", "transformers_version")
WEIGHT_FILES = re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
COPIED_FILES = (
    "added_tokens.json",
    "chat_template.jinja",
    "generation_config.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)


def save_pretrained(
    directory: str | os.PathLike,
    config: TransformerConfig,
    params: Any,
    *,
    template: str | os.PathLike | None = None,
    max_shard_size: int = 5_000_000_000,
    overwrite: bool = False,
) -> None:
    """Writes a checkpoint that `load_pretrained` and `transformers` read; loading it gives the same parameters, bit for bit.

    The model type (Llama, Qwen2, Qwen3 or GPT-2) follows from `config`. All files are written under temporary names and
    renamed when all are whole, so an error leaves `directory` as it was. A new or empty directory may always be written to.
    One that holds a checkpoint of the same model type may be with `overwrite`: its weights and its `config.json` are
    replaced, its other files stay. Any other directory is refused.

    Args:
        directory: where the files go; made if it does not exist.
        config: the Transformer's configuration.
        params: its parameters, as `Transformer.init` or `load_pretrained` returned them, whole on this host; each is
            stored in its own floating type.
        template: directory of a checkpoint of the same model type, usually the one that was trained: the entries of its
            `config.json` that `config` does not determine (token ids, initial ranges, …) and its tokenizer and generation
            files are taken over; None takes over nothing.
        max_shard_size: most bytes of tensors in a file; above it there are several files and an index. A tensor that is
            larger gets its own file. Tensors are put together file by file.
        overwrite: whether a checkpoint of the same model type may be replaced.

    Raises:
        ImportError: the package safetensors (extra `hf`) is not installed.
        ValueError: no supported model type has the choices of `config`; parameters are missing, unexpected, of a wrong
            shape or of an unsupported type (all are listed); `directory` or `template` is not as described;
            `max_shard_size` is below 1.
    """
    directory = pathlib.Path(directory)
    if max_shard_size < 1:
        raise ValueError(f"`max_shard_size` must be at least 1 byte, got {max_shard_size}")
    entries = write_options(config)
    leaves = flatten(flax.core.meta.unbox(params))
    _check_params(config, leaves)
    entries["torch_dtype"] = leaves["embedding"].dtype.name
    if template is not None:
        entries = {**_template_entries(pathlib.Path(template), entries["model_type"]), **entries}
    _check_directory(directory, entries["model_type"], overwrite)
    shards = _shards(layout(config), leaves, max_shard_size)
    with Replacement(directory) as files:
        for name, tensors in shards.items():
            arrays = {tensor.name: tensor.join([np.asarray(leaves[path]) for path in tensor.paths]) for tensor in tensors}
            optional_import("safetensors.numpy").save_file(arrays, files.add(name), metadata={"format": "pt"})
        files.add_json(CONFIG, entries)
        if len(shards) > 1:
            files.add_json(INDEX, _index(shards, leaves))
        for source in _companions(template):
            if not (directory / source.name).exists():
                files.add_copy(source)
        stale = _old_weights(directory) - set(files.names)
        files.commit()
    for name in stale:
        (directory / name).unlink()


def _check_params(config: TransformerConfig, leaves: dict[str, Any]) -> None:
    _, shapes = parameter_shapes(config)
    problems = [f"missing: {path} {list(shape)}" for path, shape in shapes.items() if path not in leaves]
    for path, leaf in leaves.items():
        if path not in shapes:
            problems.append(f"unexpected: {path} {list(leaf.shape)}")
        elif leaf.shape != shapes[path]:
            problems.append(f"wrong shape: {path} must be {list(shapes[path])}, got {list(leaf.shape)}")
        elif jnp.dtype(leaf.dtype).name not in DTYPES:
            problems.append(f"wrong type: {path} must be one of {', '.join(DTYPES)}, got {leaf.dtype}")
    if problems:
        raise ValueError("`params` are not those of `config`\n  " + "\n  ".join(problems))


def _template_entries(template: pathlib.Path, model_type: str) -> dict[str, Any]:
    entries = read_json(template / CONFIG)
    if entries.get("model_type") != model_type:
        raise ValueError(f"`template` must hold a {model_type} checkpoint, got {entries.get('model_type')!r} in {template}")
    return {name: value for name, value in entries.items() if name not in STALE_ENTRIES}


def _companions(template: str | os.PathLike | None) -> list[pathlib.Path]:
    """The tokenizer and generation files of `template`."""
    paths = [] if template is None else [pathlib.Path(template) / name for name in COPIED_FILES]
    return [path for path in paths if path.is_file()]


def _check_directory(directory: pathlib.Path, model_type: str, overwrite: bool) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ValueError(f"`directory` must be a directory, got the file {directory}")
    if not any(directory.iterdir()):
        return
    if not (directory / CONFIG).is_file():
        raise ValueError(f"`directory` must be empty or hold a checkpoint, got other files in {directory}")
    found = read_json(directory / CONFIG).get("model_type")
    if found != model_type:
        raise ValueError(f"`directory` holds a {found} checkpoint, which a {model_type} one may not replace: {directory}")
    if not overwrite:
        raise ValueError(f"`directory` holds a checkpoint, which `overwrite=True` would replace: {directory}")


def _shards(tensors: list[Tensor], leaves: dict[str, Any], max_shard_size: int) -> dict[str, list[Tensor]]:
    """File name -> tensors, in order, each file as full as the limit lets it be."""
    groups: list[list[Tensor]] = [[]]
    filled = 0
    for tensor in tensors:
        size = _bytes(tensor, leaves)
        if groups[-1] and filled + size > max_shard_size:
            groups.append([])
            filled = 0
        groups[-1].append(tensor)
        filled += size
    if len(groups) == 1:
        return {WEIGHTS: groups[0]}
    return {f"model-{number:05}-of-{len(groups):05}.safetensors": group for number, group in enumerate(groups, 1)}


def _bytes(tensor: Tensor, leaves: dict[str, Any]) -> int:
    return sum(leaves[path].size * leaves[path].dtype.itemsize for path in tensor.paths)


def _index(shards: dict[str, list[Tensor]], leaves: dict[str, Any]) -> dict[str, Any]:
    total = sum(_bytes(tensor, leaves) for tensors in shards.values() for tensor in tensors)
    weight_map = {tensor.name: name for name, tensors in shards.items() for tensor in tensors}
    return {"metadata": {"total_size": total}, "weight_map": weight_map}


def _old_weights(directory: pathlib.Path) -> set[str]:
    """Weight files and index of the checkpoint in `directory`, if there is one."""
    return {path.name for path in directory.iterdir() if WEIGHT_FILES.fullmatch(path.name)}
