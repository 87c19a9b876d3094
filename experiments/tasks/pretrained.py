"""Loaded Transformers: a Hugging Face checkpoint as the model of a task."""

import dataclasses
import functools
import pathlib
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from algax import models
from algax.models.huggingface.files import CONFIG, read_json
from algax.models.huggingface.options import parse_options


class Pretrained(models.Transformer):
    """A Transformer whose parameters lie in a checkpoint: `init` draws random ones of the same shapes, `reader` reads them.

    Attributes:
        directory: of the checkpoint.
        read_weights: whether `reader` reads the weights; without it, it has their shapes only.
    """

    directory: str = ""
    read_weights: bool = True

    @nn.nowrap
    def tokenizer(self) -> models.Tokenizer:
        """The checkpoint's tokenizer."""
        return models.Tokenizer(self.directory)

    @nn.nowrap
    def reader(self):
        """Reads the weights into the host's memory; returns `params()`, which may be traced.

        The weights come into a compiled program through a callback: as constants they would be part of its text.
        """
        boxed = jax.eval_shape(self.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1), jnp.int32))
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), nn.meta.unbox(boxed))
        if not self.read_weights:
            return lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        with jax.default_device(_host()):
            _, params = models.load_pretrained(self.directory, param_dtype=self.config.param_dtype)
        weights = jax.tree.map(np.asarray, params)
        return functools.partial(jax.pure_callback, lambda: weights, shapes)


def _host() -> Any:
    """The host's own device; None, which is JAX's default device, where JAX runs without it."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None


def pretrained(directory: str | None, param_dtype: str = "float32", dtype: str = "float32") -> Pretrained:
    """The model of a checkpoint that `models.load_pretrained` reads.

    Args:
        directory: of the checkpoint, with its `tokenizer.json`.
        param_dtype: type of the parameters; in 16 bits an update below about 1/256 of a parameter is lost.
        dtype: type of the activations.

    Raises:
        ValueError: without a directory, or if it holds no checkpoint that is supported.
    """
    if not directory:
        raise ValueError("a loaded model needs the directory of its checkpoint: --config.checkpoint=DIR")
    config = parse_options(read_json(pathlib.Path(directory) / CONFIG))
    config = dataclasses.replace(config, param_dtype=jnp.dtype(param_dtype).type, dtype=jnp.dtype(dtype).type)
    return Pretrained(config=config, directory=str(directory))
