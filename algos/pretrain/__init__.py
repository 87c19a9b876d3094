"""Objectives on sequences of tokens."""

from .objectives import next_token as next_token
from .terms import Terms as Terms
from .terms import forward as forward

__all__ = ["Terms", "forward", "next_token"]
