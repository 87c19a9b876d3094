"""Logits transforms and samplers."""

from .logits import chain_logits, min_p, temperature, top_k, top_p
from .sampling import Decoder, Samples, sample

__all__ = ["Decoder", "Samples", "chain_logits", "min_p", "sample", "temperature", "top_k", "top_p"]
