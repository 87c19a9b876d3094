"""What the checks of every kind of transform share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np


class ContractError(AssertionError):
    """A transform broke the contract."""


def require(holds: Any, message: str) -> None:
    """Raises a `ContractError` unless the condition holds."""
    if not np.all(holds):
        raise ContractError(message)


def types_of(tree: Any) -> Any:
    """The tree with shape and dtype in place of every array."""
    return jax.tree.map(lambda x: (tuple(x.shape), str(x.dtype)), tree)


def require_same_types(what: str, actual: Any, expected: Any) -> None:
    """Raises unless two trees have the same structure, shapes and dtypes."""
    after, before = types_of(actual), types_of(expected)
    require(after == before, f"{what} changed its structure or types from\n{before}\nto\n{after}")


class TracedJit:
    """`jax.jit` of a function, counting how often it was traced.

    `_cache_size` would not do: jax's cache of compiled calls takes no more entries after some 8,000 in a process.

    Attributes:
      traces: how often so far; once for each kind of input.
    """

    def __init__(self, function: Callable[..., Any]):
        self.traces = 0

        def counted(*args):
            self.traces += 1
            return function(*args)

        self._jitted = jax.jit(counted)

    def __call__(self, *args: Any) -> Any:
        return self._jitted(*args)


def require_compiled_once(what: str, compiled: TracedJit) -> None:
    """Raises if a jitted function has been compiled for more than one kind of input."""
    require(compiled.traces == 1, f"{what}: a second call with the same shapes recompiled")


def require_equal(what: str, actual: Any, expected: Any, tolerance: float = 0.0) -> None:
    """Raises unless all numbers agree to a tolerance relative to the largest one."""
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        a, e = np.asarray(a, np.float64), np.asarray(e, np.float64)
        scale = np.max(np.abs(e), initial=1e-6)
        require(a.shape == e.shape and np.all(np.abs(a - e) <= tolerance * scale), f"{what}: got\n{a}\nexpected\n{e}")
