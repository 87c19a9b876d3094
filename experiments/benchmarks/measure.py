"""Fair measuring: ahead-of-time compilation, interleaved rounds, minima of times, XLA's own figure for memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np


class Row(NamedTuple):
    """One line of the table.

    Attributes:
      benchmark: what is compared.
      size: on what.
      quantity: time, temp memory, ...
      ours: the figure of the library's way.
      other: the figure it is compared with.
      ratio: other / ours, so that larger is better.
      target: the ratio asked for, as text.
    """

    benchmark: str
    size: str
    quantity: str
    ours: str
    other: str
    ratio: float
    target: str


def compile_all(functions: Mapping[str, Callable[..., Any]], arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Name -> compiled program."""
    return {name: jax.jit(function).lower(*arguments).compile() for name, function in functions.items()}


def fastest(programs: Mapping[str, Callable[..., Any]], arguments: tuple[Any, ...], rounds: int = 9) -> dict[str, float]:
    """Name -> least seconds over interleaved rounds, after one round to warm up.

    Each round starts with another program: the memory a large one gives back slows down whichever comes next.
    """
    best = dict.fromkeys(programs, np.inf)
    names = list(programs)
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            jax.block_until_ready(programs[name](*arguments))
            best[name] = min(best[name], time.perf_counter() - start) if turn else best[name]
    return best


def temp_bytes(program: Any) -> int:
    """The temporary memory XLA plans for a compiled program."""
    return program.memory_analysis().temp_size_in_bytes


def require_equal(actual: Any, expected: Any, tolerance: float = 1e-4) -> None:
    """Raises unless two programs computed the same, relative to the largest magnitude of each array."""
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        scale = np.max(np.abs(np.asarray(e)), initial=1e-30)
        if not np.all(np.abs(np.asarray(a) - np.asarray(e)) <= tolerance * scale):
            raise ValueError("the programs compared compute different things")


def mebibytes(size: float) -> str:
    """A number of bytes for a table."""
    return f"{size / 2**20:.1f} MiB"


def milliseconds(seconds: float) -> str:
    """A number of seconds for a table."""
    return f"{seconds * 1e3:.1f} ms"
