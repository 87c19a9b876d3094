"""Checkpoints in the Hugging Face format, read and written without PyTorch."""

from .loading import load_pretrained
from .saving import save_pretrained

__all__ = ["load_pretrained", "save_pretrained"]
