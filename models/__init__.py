"""Flax Linen modules."""

from . import lora
from .attention_masks import cross_mask, decoder_mask, encoder_mask
from .cache import Cache, init_cache
from .config import RopeScaling, TransformerConfig
from .decoding import Decoder, conditional_decoder, decoder
from .diagonal_network import DiagonalNetwork
from .encoder_decoder import EncoderDecoder, EncoderDecoderCache
from .huggingface import load_pretrained, save_pretrained
from .latent_attention import LatentAttention, LatentCache, PLMBlock, rotate_interleaved
from .layers import (
    AlloraDense,
    SparseDoped,
    SparseFactorized,
    SparseParallel,
    TractConv,
    TractDense,
    allora,
    allora_output_scales,
    allora_product,
    allora_scales,
    tract_conv,
    tract_dense,
)
from .mlp import MLP
from .norms import masked_normalise
from .patch_network import PatchNetwork
from .pruning import mlp_groups, pruned_config, pruned_mlp, transformer_groups
from .scaled_mlp import ScaledMLP
from .sharding import logical_rules, param_shardings
from .tokenizer import Tokenizer
from .transformer import Transformer

__all__ = [
    "MLP",
    "AlloraDense",
    "Cache",
    "Decoder",
    "DiagonalNetwork",
    "EncoderDecoder",
    "EncoderDecoderCache",
    "LatentAttention",
    "LatentCache",
    "PLMBlock",
    "PatchNetwork",
    "RopeScaling",
    "ScaledMLP",
    "SparseDoped",
    "SparseFactorized",
    "SparseParallel",
    "Tokenizer",
    "TractConv",
    "TractDense",
    "Transformer",
    "TransformerConfig",
    "allora",
    "allora_output_scales",
    "allora_product",
    "allora_scales",
    "conditional_decoder",
    "cross_mask",
    "decoder",
    "decoder_mask",
    "encoder_mask",
    "init_cache",
    "load_pretrained",
    "logical_rules",
    "lora",
    "mlp_groups",
    "masked_normalise",
    "param_shardings",
    "pruned_config",
    "pruned_mlp",
    "rotate_interleaved",
    "save_pretrained",
    "tract_conv",
    "tract_dense",
    "transformer_groups",
]
