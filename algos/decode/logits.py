"""Logits transforms: pure functions that reshape the next-token distribution.

A transform maps logits `[..., V]` to logits `[..., V]` of at least float32. It removes a token by -inf, keeps what is
-inf, and never removes the arg-max. Composition is left to right with `chain_logits`; the usual order is temperature,
top-k, top-p, min-p. Of equal logits the one of lowest index comes first.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import checks
from ..core.numerics import at_least_float32

LogitsTransform = Callable[[jax.Array], jax.Array]
Scalar = float | jax.Array


def temperature(value: Scalar) -> LogitsTransform:
    """Divides logits by a temperature: `z / value`; at 0 the arg-max gets 0 and all others -inf.

    Args:
        value: a number of at least 0, or a scalar array, which may be traced; an array below 0 counts as 0.

    Returns:
        The transform.

    Raises:
        TypeError: `value` is not a real number.
        ValueError: `value` is a negative number or an array that is not a scalar.
    """
    _check_scalar("temperature", value, checks.non_negative)

    def transform(logits: jax.Array) -> jax.Array:
        logits = at_least_float32(logits)
        if not isinstance(value, jax.Array):
            return logits / value if value > 0 else _arg_max_only(logits)
        warm = value > 0
        scaled = logits / jnp.where(warm, value, 1).astype(logits.dtype)
        return jnp.where(warm, scaled, _arg_max_only(logits))

    return transform


def top_k(k: int | jax.Array) -> LogitsTransform:
    """Keeps the logits of at least the k-th largest, so those that tie with it stay.

    Source: Fan, Lewis and Dauphin, Hierarchical Neural Story Generation, 2018, arXiv 1805.04833.

    Args:
        k: an integer of at least 1, or an integer scalar array, which may be traced; above V nothing is removed.

    Returns:
        The transform.

    Raises:
        TypeError: `k` is not an integer.
        ValueError: `k` is below 1 or an array that is not a scalar.
    """
    _check_scalar("k", k, functools.partial(checks.integer, least=1))

    def transform(logits: jax.Array) -> jax.Array:
        logits = at_least_float32(logits)
        size = logits.shape[-1]
        if isinstance(k, jax.Array):
            index = size - jnp.clip(k, 1, size)
            threshold = jax.lax.dynamic_slice_in_dim(jnp.sort(logits, axis=-1), index, 1, axis=-1)
        else:
            threshold = jax.lax.top_k(logits, min(k, size))[0][..., -1:]
        return jnp.where(logits >= threshold, logits, -jnp.inf)

    return transform


def top_p(p: Scalar) -> LogitsTransform:
    """Keeps the fewest tokens whose probabilities sum to at least p, the one that crosses p included.

    Source: Holtzman et al., The Curious Case of Neural Text Degeneration, 2019, arXiv 1904.09751.

    Args:
        p: a number above 0 and at most 1, or a scalar array, which may be traced; at 1 or above nothing is removed.

    Returns:
        The transform.

    Raises:
        TypeError: `p` is not a real number.
        ValueError: `p` is out of range or an array that is not a scalar.
    """
    _check_scalar("p", p, functools.partial(checks.between, low=0, high=1, closed="high"))

    def transform(logits: jax.Array) -> jax.Array:
        logits = at_least_float32(logits)
        order = jnp.argsort(logits, axis=-1, stable=True, descending=True)
        probabilities = jnp.take_along_axis(jax.nn.softmax(logits, axis=-1), order, axis=-1)
        mass_before = jnp.cumsum(probabilities, axis=-1) - probabilities
        mass = jnp.asarray(p, logits.dtype)
        # Rounding may bring the sum to 1 before the last token, so p = 1 is a case of its own.
        kept = (mass_before < mass) | (mass >= 1)
        # The first token stays even where a traced p is 0 or below.
        kept = kept.at[..., 0].set(True)
        ranks = jnp.argsort(order, axis=-1)
        return jnp.where(jnp.take_along_axis(kept, ranks, axis=-1), logits, -jnp.inf)

    return transform


def min_p(p: Scalar) -> LogitsTransform:
    """Keeps the tokens whose probability is at least p times the largest: `exp(z - max z) >= p`.

    Source: Nguyen et al., Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs, 2024, arXiv
    2407.01082.

    Args:
        p: a number from 0 to 1, or a scalar array, which may be traced and is clipped to that range.

    Returns:
        The transform.

    Raises:
        TypeError: `p` is not a real number.
        ValueError: `p` is out of range or an array that is not a scalar.
    """
    _check_scalar("p", p, functools.partial(checks.between, low=0, high=1))

    def transform(logits: jax.Array) -> jax.Array:
        logits = at_least_float32(logits)
        share = jnp.clip(jnp.asarray(p, logits.dtype), 0, 1)
        ratios = jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True))
        return jnp.where(ratios >= share, logits, -jnp.inf)

    return transform


def chain_logits(*transforms: LogitsTransform) -> LogitsTransform:
    """Composes transforms left to right; with none, logits only become float32 at least.

    Args:
        *transforms: functions from logits to logits of the same shape.

    Returns:
        The composed transform.

    Raises:
        TypeError: an argument is not callable.
    """
    for transform in transforms:
        if not callable(transform):
            raise TypeError(f"transforms must be callables, got {transform!r}")

    def composed(logits: jax.Array) -> jax.Array:
        logits = at_least_float32(logits)
        for transform in transforms:
            logits = transform(logits)
        return logits

    return composed


def _arg_max_only(logits: jax.Array) -> jax.Array:
    best = jnp.argmax(logits, axis=-1, keepdims=True)
    tokens = jnp.expand_dims(jnp.arange(logits.shape[-1]), range(logits.ndim - 1))
    return jnp.where(tokens == best, 0.0, -jnp.inf).astype(logits.dtype)


def _check_scalar(name: str, value: Any, check: Callable[[str, Any], Any]) -> None:
    """Checks a number; of an array, whose value may not be known yet, only that it is a scalar."""
    if not isinstance(value, jax.Array):
        check(name, value)
    elif value.ndim != 0:
        raise ValueError(f"`{name}` must be a scalar, got an array of shape {value.shape}")
