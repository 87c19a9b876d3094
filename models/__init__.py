"""Flax Linen modules."""

from . import lora
from .cache import Cache, init_cache
from .config import RopeScaling, TransformerConfig
from .decoding import Decoder, decoder
from .huggingface import load_pretrained, save_pretrained
from .mlp import MLP
from .sharding import logical_rules, param_shardings
from .tokenizer import Tokenizer
from .transformer import Transformer

__all__ = [
    "MLP",
    "Cache",
    "Decoder",
    "RopeScaling",
    "Tokenizer",
    "Transformer",
    "TransformerConfig",
    "decoder",
    "init_cache",
    "load_pretrained",
    "logical_rules",
    "lora",
    "param_shardings",
    "save_pretrained",
]
