"""Layers with a backward rule or a structure of their own."""

from .allora import AlloraDense, allora, allora_output_scales, allora_product, allora_scales
from .sparse_ift import SparseDoped, SparseFactorized, SparseParallel
from .tract import TractConv, TractDense, tract_conv, tract_dense

__all__ = [
    "AlloraDense",
    "SparseDoped",
    "SparseFactorized",
    "SparseParallel",
    "TractConv",
    "TractDense",
    "allora",
    "allora_output_scales",
    "allora_product",
    "allora_scales",
    "tract_conv",
    "tract_dense",
]
