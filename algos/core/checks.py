"""Validation of hyperparameters, shared by every factory: the error names the argument, what is allowed and what came."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Collection, Iterable
from typing import Any

# A hyperparameter is a number or an Optax schedule (step -> value), read at `terms.step`.
ScalarOrSchedule = float | Callable[[Any], Any]


def real(name: str, value: Any) -> float:
    """Returns `value` if it is a finite real number, else raises."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be a real number, got {value!r} ({type(value).__name__})")
    if not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite, got {value!r}")
    return value  # type: ignore[return-value]


def between(name: str, value: float, low: float, high: float, *, closed: str = "both") -> float:
    """Returns `value` if it lies in the interval; `closed` is "both", "low", "high" or "neither"."""
    real(name, value)
    above = value >= low if closed in ("both", "low") else value > low
    below = value <= high if closed in ("both", "high") else value < high
    if not (above and below):
        left, right = "[" if closed in ("both", "low") else "(", "]" if closed in ("both", "high") else ")"
        raise ValueError(f"`{name}` must lie in {left}{low}, {high}{right}, got {value!r}")
    return value


def non_negative(name: str, value: float) -> float:
    """Returns `value` if it is a finite number >= 0."""
    if real(name, value) < 0:
        raise ValueError(f"`{name}` must be >= 0, got {value!r}")
    return value


def positive(name: str, value: float) -> float:
    """Returns `value` if it is a finite number > 0."""
    if real(name, value) <= 0:
        raise ValueError(f"`{name}` must be > 0, got {value!r}")
    return value


def integer(name: str, value: int, *, least: int | None = None) -> int:
    """Returns `value` if it is an integer, and at least `least` when that is given."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{name}` must be an integer, got {value!r} ({type(value).__name__})")
    if least is not None and value < least:
        raise ValueError(f"`{name}` must be an integer >= {least}, got {value!r}")
    return int(value)


def boolean(name: str, value: bool) -> bool:
    """Returns `value` if it is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True or False, got {value!r} ({type(value).__name__})")
    return value


def option(name: str, value: Any, allowed: Collection[Any]) -> Any:
    """Returns `value` if it is one of the allowed options."""
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {list(allowed)}, got {value!r}")
    return value


def schedule(name: str, value: ScalarOrSchedule, check: Callable[[str, float], float] = real) -> ScalarOrSchedule:
    """Returns `value` if it is a schedule, or a number that passes `check`."""
    return value if callable(value) else check(name, value)


def strings(name: str, value: Iterable[str]) -> tuple[str, ...]:
    """Returns `value` as a tuple if it is a sequence of strings (and not one string)."""
    if isinstance(value, str) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"`{name}` must be a sequence of strings, got {value!r}")
    return tuple(value)
