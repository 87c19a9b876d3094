"""Which tensors a checkpoint holds, and which parameters of the Transformer each of them is."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import numpy as np

from ..config import TransformerConfig
from ..transformer import Transformer
from .options import model_type_of

PREFIXES = {"gpt2": "transformer.", "llama": "model.", "qwen2": "model.", "qwen3": "model."}
HEAD = "lm_head.weight"


class Tensor(NamedTuple):
    """A tensor of a checkpoint.

    Attributes:
        name: its name.
        shape: its shape.
        paths: the parameters that it holds, side by side along its outputs, as in GPT-2's fused projections.
        transposed: whether outputs come first, as in PyTorch's Linear; GPT-2's Conv1D has them last, as Flax does.
    """

    name: str
    shape: tuple[int, ...]
    paths: tuple[str, ...]
    transposed: bool = False

    def split(self, array: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        """Returns the parameters, of the shapes given, that `array` holds."""
        pieces = np.split(array.T if self.transposed else array, len(self.paths), axis=-1)
        return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]

    def join(self, parameters: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the tensor that holds `parameters`: the inverse of `split`."""
        shape = self.shape[::-1] if self.transposed else self.shape
        shape = (*shape[:-1], shape[-1] // len(self.paths))
        array = np.concatenate([parameter.reshape(shape) for parameter in parameters], axis=-1)
        return np.ascontiguousarray(array.T if self.transposed else array)


def layout(config: TransformerConfig) -> list[Tensor]:
    """Returns the tensors of a checkpoint of `config`, in the order in which they are stored.

    Raises:
        ValueError: no supported model type has the choices of `config`.
    """
    gpt2 = model_type_of(config) == "gpt2"
    tensors = _gpt2_outside(config) if gpt2 else _rotary_outside(config)
    for index in range(config.num_layers):
        tensors += _gpt2_block(config, index) if gpt2 else _rotary_block(config, index)
    if not config.tied_head:
        tensors.append(Tensor(HEAD, (config.vocabulary_size, config.hidden_size), ("head_kernel",), transposed=True))
    return tensors


@functools.cache
def parameter_shapes(config: TransformerConfig) -> tuple[Any, dict[str, tuple[int, ...]]]:
    """Returns the abstract parameters, boxed with their logical axis names, and the shape of each path."""
    boxed = jax.eval_shape(Transformer(config).init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    return boxed, {path: leaf.shape for path, leaf in flatten(flax.core.meta.unbox(boxed)).items()}


def flatten(params: Any) -> dict[str, Any]:
    """Returns the parameters by path, such as `blocks_0/mlp/up/kernel`.

    Raises:
        ValueError: `params` has no entry "params".
    """
    if "params" not in params:
        raise ValueError(f"`params` must have the entry 'params' that `init` returns, got {list(params)}")
    return flax.traverse_util.flatten_dict(params["params"], sep="/")


def unflatten(leaves: dict[str, Any]) -> Any:
    """Returns the tree whose parameters `flatten` returns."""
    return {"params": flax.traverse_util.unflatten_dict(leaves, sep="/")}


def _rotary_outside(config: TransformerConfig) -> list[Tensor]:
    vocabulary, width = config.vocabulary_size, config.hidden_size
    return [
        Tensor("model.embed_tokens.weight", (vocabulary, width), ("embedding",)),
        Tensor("model.norm.weight", (width,), ("final_norm/scale",)),
    ]


def _rotary_block(config: TransformerConfig, index: int) -> list[Tensor]:
    width, mlp, head = config.hidden_size, config.mlp_width, config.head_width
    queries, keys = config.num_heads * head, config.key_value_heads * head
    theirs, ours = f"model.layers.{index}", f"blocks_{index}"
    tensors = [
        Tensor(f"{theirs}.input_layernorm.weight", (width,), (f"{ours}/attention_norm/scale",)),
        Tensor(f"{theirs}.post_attention_layernorm.weight", (width,), (f"{ours}/mlp_norm/scale",)),
    ]
    if config.query_key_norm:
        tensors += [
            Tensor(f"{theirs}.self_attn.{short}_norm.weight", (head,), (f"{ours}/attention/{long}_norm/scale",))
            for short, long in (("q", "query"), ("k", "key"))
        ]
    projections = [
        ("self_attn.q_proj", "attention/query", width, queries, config.bias != "none"),
        ("self_attn.k_proj", "attention/key", width, keys, config.bias != "none"),
        ("self_attn.v_proj", "attention/value", width, keys, config.bias != "none"),
        ("self_attn.o_proj", "attention/output", queries, width, config.bias == "all"),
        ("mlp.gate_proj", "mlp/gate", width, mlp, config.bias == "all"),
        ("mlp.up_proj", "mlp/up", width, mlp, config.bias == "all"),
        ("mlp.down_proj", "mlp/down", mlp, width, config.bias == "all"),
    ]
    for name, path, inputs, outputs, bias in projections:
        kernel = (f"{ours}/{path}/kernel",)
        tensors.append(Tensor(f"{theirs}.{name}.weight", (outputs, inputs), kernel, transposed=True))
        if bias:
            tensors.append(Tensor(f"{theirs}.{name}.bias", (outputs,), (f"{ours}/{path}/bias",)))
    return tensors


def _gpt2_outside(config: TransformerConfig) -> list[Tensor]:
    width = config.hidden_size
    return [
        Tensor("transformer.wte.weight", (config.vocabulary_size, width), ("embedding",)),
        Tensor("transformer.wpe.weight", (config.max_length, width), ("position_embedding",)),
        Tensor("transformer.ln_f.weight", (width,), ("final_norm/scale",)),
        Tensor("transformer.ln_f.bias", (width,), ("final_norm/bias",)),
    ]


def _gpt2_block(config: TransformerConfig, index: int) -> list[Tensor]:
    width, mlp = config.hidden_size, config.mlp_width
    theirs, ours = f"transformer.h.{index}", f"blocks_{index}"
    tensors = []
    for name, path in (("ln_1", "attention_norm"), ("ln_2", "mlp_norm")):
        tensors.append(Tensor(f"{theirs}.{name}.weight", (width,), (f"{ours}/{path}/scale",)))
        tensors.append(Tensor(f"{theirs}.{name}.bias", (width,), (f"{ours}/{path}/bias",)))
    projections = [
        ("attn.c_attn", ("attention/query", "attention/key", "attention/value"), (width, 3 * width)),
        ("attn.c_proj", ("attention/output",), (width, width)),
        ("mlp.c_fc", ("mlp/up",), (width, mlp)),
        ("mlp.c_proj", ("mlp/down",), (mlp, width)),
    ]
    for name, paths, shape in projections:
        tensors.append(Tensor(f"{theirs}.{name}.weight", shape, tuple(f"{ours}/{path}/kernel" for path in paths)))
        tensors.append(Tensor(f"{theirs}.{name}.bias", shape[-1:], tuple(f"{ours}/{path}/bias" for path in paths)))
    return tensors
