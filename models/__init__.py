"""Flax Linen modules."""

from .cache import Cache, init_cache
from .config import TransformerConfig
from .decoding import Decoder, decoder
from .mlp import MLP
from .sharding import logical_rules, param_shardings
from .transformer import Transformer

__all__ = [
    "MLP",
    "Cache",
    "Decoder",
    "Transformer",
    "TransformerConfig",
    "decoder",
    "init_cache",
    "logical_rules",
    "param_shardings",
]
