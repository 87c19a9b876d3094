"""From a checkpoint to the Transformer's configuration and parameters."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..config import TransformerConfig
from .files import CONFIG, Stored, open_weights, read_json, stored_tensors
from .layout import HEAD, PREFIXES, Tensor, flatten, layout, parameter_shapes, unflatten
from .options import parse_options

DTYPES = {"F32": jnp.float32, "F16": jnp.float16, "BF16": jnp.bfloat16}
# Constants that older versions stored beside the parameters: causal masks and rotary frequencies.
BUFFERS = re.compile(r"(^|\.)(attn\.(bias|masked_bias)|rotary_emb\.inv_freq)$")


def load_pretrained(
    directory: str | os.PathLike,
    *,
    param_dtype: Any = None,
    shardings: Callable[[Any], Any] | None = None,
) -> tuple[TransformerConfig, Any]:
    """Loads a Llama, Qwen2, Qwen3 or GPT-2 checkpoint: `config.json` with `model.safetensors` or its shards and index.

    Shapes are checked from the files' headers; then tensors are read and placed one by one. Llama-3 rotary scaling is
    supported; sliding windows, other rotary scalings, quantised weights and heads other than the language model's are not.
    Dropout rates are ignored.

    Args:
        directory: holds the checkpoint.
        param_dtype: floating type of the parameters; None keeps the type in which each tensor is stored.
        shardings: maps the abstract parameters, boxed with their logical axis names, to a tree of shardings, for example
            `functools.partial(models.param_shardings, mesh=mesh)`; None puts all on the default device.

    Returns:
        The configuration, whose `dtype` and `param_dtype` are the type of the loaded embedding, and the parameters that
        `Transformer(config).apply` takes.

    Raises:
        ImportError: the package safetensors (extra `hf`) is not installed.
        ValueError: a file is missing or malformed, an option is unsupported, or tensors are missing, unexpected, of a wrong
            shape or of an unsupported type; all are listed.
    """
    directory = pathlib.Path(directory)
    entries = read_json(directory / CONFIG)
    try:
        config = parse_options(entries)
    except ValueError as error:
        raise ValueError(f"{directory / CONFIG}: {error}") from error
    stored = stored_tensors(directory)
    tensors = _named_as_stored(layout(config), PREFIXES[entries["model_type"]], stored)
    redundant_head = config.tied_head and HEAD in stored
    _check(directory, tensors, stored, ignored={HEAD} if redundant_head else set())
    embedding = next(tensor.name for tensor in tensors if tensor.paths == ("embedding",))
    if redundant_head:
        _check_tied(directory, stored, embedding)
    dtype = jnp.dtype(DTYPES[stored[embedding].dtype] if param_dtype is None else param_dtype)
    config = dataclasses.replace(config, dtype=dtype.type, param_dtype=dtype.type)
    boxed, shapes = parameter_shapes(config)
    places = {} if shardings is None else flatten(shardings(boxed))
    leaves = {}
    for tensor in tensors:
        array = _read(stored[tensor.name], tensor.name)
        pieces = tensor.split(array, [shapes[path] for path in tensor.paths])
        for path, piece in zip(tensor.paths, pieces, strict=True):
            leaves[path] = _place(piece if param_dtype is None else piece.astype(dtype), places.get(path))
    return config, unflatten(leaves)


def _named_as_stored(tensors: list[Tensor], prefix: str, stored: dict[str, Stored]) -> list[Tensor]:
    """The tensors without `prefix` if no stored name has it, as in checkpoints of the model without its head."""
    if any(name.startswith(prefix) for name in stored):
        return tensors
    return [tensor._replace(name=tensor.name.removeprefix(prefix)) for tensor in tensors]


def _check(directory: pathlib.Path, tensors: list[Tensor], stored: dict[str, Stored], ignored: set[str]) -> None:
    expected = {tensor.name: tensor.shape for tensor in tensors}
    problems = [f"missing: {name} {list(shape)}" for name, shape in expected.items() if name not in stored]
    for name, found in stored.items():
        if name not in expected:
            if name not in ignored and not BUFFERS.search(name):
                problems.append(f"unexpected: {name} {list(found.shape)}")
        elif found.shape != expected[name]:
            problems.append(f"wrong shape: {name} must be {list(expected[name])}, got {list(found.shape)}")
        elif found.dtype not in DTYPES:
            problems.append(f"wrong type: {name} must be one of {', '.join(DTYPES)}, got {found.dtype}")
    if problems:
        raise ValueError(f"{directory}: the tensors are not those that {CONFIG} describes\n  " + "\n  ".join(problems))


def _check_tied(directory: pathlib.Path, stored: dict[str, Stored], embedding: str) -> None:
    """Refuses a stored head that is not the embedding, though the configuration ties them."""
    arrays = [_read(stored[name], name) for name in (embedding, HEAD)]
    if arrays[0].shape != arrays[1].shape or arrays[0].tobytes() != arrays[1].tobytes():
        raise ValueError(f"{directory}: `tie_word_embeddings` is true, but {HEAD} differs from {embedding}")


def _read(stored: Stored, name: str) -> np.ndarray:
    with open_weights(stored.path) as file:
        return file.get_tensor(name)


def _place(array: np.ndarray, sharding: Any) -> jax.Array:
    if sharding is None:
        return jnp.array(array)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
