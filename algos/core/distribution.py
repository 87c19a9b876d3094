"""Distributions over tokens: `Logits` as they are, `FactoredLogits` as hidden states and a head, never materialised."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from . import checks
from .devices import varying_like
from .numerics import at_least_float32, weighted

Array = jax.Array
LARGEST_BLOCK = 2**23  # logits; larger blocks take more memory and are no faster


def _take(logits: Array, tokens: Array) -> Array:
    return jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]


def _check_tokens(tokens: Array, shape: tuple[int, ...]) -> None:
    if not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise TypeError(f"`tokens` must be integers, got {tokens.dtype}")
    if tokens.shape != shape:
        raise ValueError(f"`tokens` must have the distribution's shape {shape}, got {tokens.shape}")


@struct.dataclass
class Logits:
    """Distributions given by their logits.

    Attributes:
      logits: `[..., V]` unnormalised log-probabilities.
    """

    logits: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape without the vocabulary axis."""
        return self.logits.shape[:-1]

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return self.logits.shape[-1]

    def _finite(self, where: Array | None) -> Array:
        logits = at_least_float32(self.logits)
        return logits if where is None else jnp.where(where[..., None], logits, 0.0)

    def log_probs(self, tokens: Array, where: Array | None = None) -> Array:
        """Log p(token): `[...] -> [...]`; exactly 0, in value and gradient, outside `where`."""
        _check_tokens(tokens, self.shape)
        logits = self._finite(where)
        log_probs = _take(logits, tokens) - jax.nn.logsumexp(logits, axis=-1)
        return log_probs if where is None else jnp.where(where, log_probs, 0.0)

    def entropies(self, where: Array | None = None) -> Array:
        """H = -sum_v p_v log p_v in nats: `[...]`; exactly 0, in value and gradient, outside `where`."""
        log_probs = jax.nn.log_softmax(self._finite(where), axis=-1)
        entropies = -jnp.sum(weighted(log_probs, log_probs), axis=-1)
        return entropies if where is None else jnp.where(where, entropies, 0.0)

    def map(self, fn: Callable[..., Any], *others: Any, where: Array | None = None) -> Any:
        """Applies `fn(log_probs [N, V], *others [N, ...])`, one row a position; see `FactoredLogits.map`."""
        everything = (self, *others)
        rows = (_rows_of(value, len(self.shape), where) for value in everything)
        return _restore(fn(*map(_seen_by_function, everything, rows)), self.shape)

    def map_leading(self, fn: Callable[[Array], Array]) -> Logits:
        """Applies `fn` to the arrays that have the leading axes, here the logits."""
        return Logits(fn(self.logits))

    def rows(self, where: Array | None = None) -> Array:
        """The positions flattened into rows, `[N, V]`."""
        return self._finite(where).reshape(-1, self.vocabulary_size)

    def row_log_probs(self, rows: Array) -> Array:
        """Log p of every token for some of the rows, `[n, V]`."""
        return jax.nn.log_softmax(at_least_float32(rows), axis=-1)


@struct.dataclass
class FactoredLogits:
    """Distributions given by hidden states and the head that maps them to logits, evaluated in chunks.

    logits = hidden @ kernel + bias are computed in parts as large as `chunk_size` positions: log-probs and entropies in
    blocks of the vocabulary, other functions (`map`) in chunks of positions. `[..., V]` never exists. The product runs
    in the dtype of `hidden` and accumulates in float32. Reverse-mode only.

    Attributes:
      hidden: `[..., D]` the model's last hidden states.
      kernel: `[D, V]` the head (for a tied head the transposed embedding).
      bias: `[V]` or None.
      chunk_size: positions at a time; memory grows with chunk_size * V, backwards too, up to `LARGEST_BLOCK` logits.
    """

    hidden: Array
    kernel: Array
    bias: Array | None = None
    chunk_size: int = struct.field(pytree_node=False, default=256)

    def __post_init__(self):
        """Checks the shapes as far as they are known (tree transformations put other objects in)."""
        checks.integer("chunk_size", self.chunk_size, least=1)
        if isinstance(self.hidden, jax.Array | np.ndarray) and isinstance(self.kernel, jax.Array | np.ndarray):
            if self.kernel.ndim == 2 and self.hidden.ndim > 0 and self.hidden.shape[-1] != self.kernel.shape[0]:
                raise ValueError(
                    f"`kernel` must have shape [D, V] with D = {self.hidden.shape[-1]}, got {tuple(self.kernel.shape)}"
                )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape without the vocabulary axis."""
        return self.hidden.shape[:-1]

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return self.kernel.shape[-1]

    def log_probs(self, tokens: Array, where: Array | None = None) -> Array:
        """Log p(token): `[...] -> [...]`; exactly 0, in value and gradient, outside `where`."""
        _check_tokens(tokens, self.shape)
        return self._statistics(tokens, where, False)[0]

    def entropies(self, where: Array | None = None) -> Array:
        """H = -sum_v p_v log p_v in nats: `[...]`; exactly 0, in value and gradient, outside `where`."""
        return self._statistics(jnp.zeros(self.shape, jnp.int32), where, True)[1]

    def _statistics(self, tokens: Array, where: Array | None, with_entropies: bool) -> tuple[Array, Array]:
        where = jnp.ones(self.shape, bool) if where is None else where
        flat = (self.rows(where), self.kernel, self.bias, tokens.reshape(-1))
        flat = varying_like(flat, flat)
        log_probs, entropies = _blockwise_statistics(self.chunk_size, with_entropies, *flat)
        return (
            jnp.where(where, log_probs.reshape(self.shape), 0.0),
            jnp.where(where, entropies.reshape(self.shape), 0.0),
        )

    def map(self, fn: Callable[..., Any], *others: Any, where: Array | None = None) -> Any:
        """Applies `fn(log_probs [n, V], *others [n, ...])` to chunks of rows and joins the results.

        Args:
          fn: maps each row on its own; returns an array `[n, ...]` or a tree of them.
          *others: arrays `[..., *rest]` cut into the same rows, or distributions, which arrive as log_probs `[n, V]`.
          where: `[...]` positions outside it see a uniform distribution, so that `fn` stays finite there.

        Returns:
          What `fn` returned, with the rows back in the distribution's shape.
        """
        everything = (self, *others)
        rows = tuple(_rows_of(value, len(self.shape), where) for value in everything)
        count = rows[0].shape[0]
        chunks = tuple(_in_chunks(x, min(self.chunk_size, max(count, 1))) for x in rows)

        @jax.checkpoint
        def one(chunk):
            return fn(*map(_seen_by_function, everything, chunk))

        mapped = jax.lax.map(one, chunks)
        return _restore(jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], mapped), self.shape)

    def map_leading(self, fn: Callable[[Array], Array]) -> FactoredLogits:
        """Applies `fn` to the arrays that have the leading axes, here the hidden states."""
        return FactoredLogits(fn(self.hidden), self.kernel, self.bias, self.chunk_size)

    def rows(self, where: Array | None = None) -> Array:
        """The hidden states flattened into rows, `[N, D]`, zero outside `where`."""
        hidden = self.hidden if where is None else jnp.where(where[..., None], self.hidden, 0.0)
        return hidden.reshape(-1, self.hidden.shape[-1])

    def row_log_probs(self, rows: Array) -> Array:
        """Log p of every token for some of the rows, `[n, V]`."""
        return jax.nn.log_softmax(_head(rows, self.kernel, self.bias), axis=-1)


Distribution = Logits | FactoredLogits


def as_distribution(output: Any) -> Distribution:
    """A model's output as a distribution: logits `[..., V]` are wrapped, `Logits` and `FactoredLogits` are left alone."""
    return output if _is_distribution(output) else Logits(output)


def _is_distribution(value: Any) -> bool:
    return isinstance(value, Logits | FactoredLogits)


def _rows_of(value: Any, rank: int, where: Array | None) -> Array:
    """An array or a distribution cut into rows, one a position."""
    return value.rows(where) if _is_distribution(value) else value.reshape(-1, *value.shape[rank:])


def _seen_by_function(value: Any, rows: Array) -> Array:
    return value.row_log_probs(rows) if _is_distribution(value) else rows


def _restore(tree: Any, shape: tuple[int, ...]) -> Any:
    return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), tree)


def _head(rows: Array, kernel: Array, bias: Array | None) -> Array:
    logits = jnp.matmul(rows, kernel.astype(rows.dtype), preferred_element_type=_accumulator(rows))
    return logits if bias is None else logits + bias.astype(logits.dtype)[None, :]


def _accumulator(x: Array) -> Any:
    return jnp.float64 if x.dtype == jnp.float64 else jnp.float32


def _in_chunks(x: Array, size: int) -> Array:
    """`[N, ...] -> [ceil(N / size), size, ...]`, padded with zeros."""
    padding = -x.shape[0] % size
    padded = jnp.pad(x, ((0, padding), *((0, 0),) * (x.ndim - 1)))
    return padded.reshape(-1, size, *x.shape[1:])


def _over_vocabulary(step, carry, chunk_size: int, hidden: Array, kernel: Array, bias: Array | None):
    """Folds `step(carry, start, columns [D, W], logits [N, W])` over blocks of the vocabulary as large as a chunk."""
    vocabulary = kernel.shape[1]
    widest = min(vocabulary, max(1, min(chunk_size * vocabulary, LARGEST_BLOCK) // max(hidden.shape[0], 1)))
    width = -(-vocabulary // -(-vocabulary // widest))  # blocks of one size where that is possible

    def block(carry, start, width):
        columns = jax.lax.dynamic_slice_in_dim(kernel, start, width, axis=1).astype(hidden.dtype)
        offsets = None if bias is None else jax.lax.dynamic_slice_in_dim(bias, start, width)
        return step(carry, start, columns, _head(hidden, columns, offsets))

    starts = jnp.arange(vocabulary // width, dtype=jnp.int32) * width
    carry, _ = jax.lax.scan(lambda carry, start: (block(carry, start, width), None), carry, starts)
    rest = vocabulary % width
    return block(carry, jnp.asarray(vocabulary - rest, jnp.int32), rest) if rest else carry


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _blockwise_statistics(chunk_size, with_entropies, hidden, kernel, bias, tokens):
    """Log p(token) and entropy of every row, `[N], [N]`; the backward rule keeps the normalisers, not the logits."""
    return _blockwise_statistics_forward(chunk_size, with_entropies, hidden, kernel, bias, tokens)[0]


def _blockwise_statistics_forward(chunk_size, with_entropies, hidden, kernel, bias, tokens):
    """Keeps the largest logit so far and, relative to it, the sum of exponentials and their sum weighted by the logits."""
    tokens = tokens.astype(jnp.int32)

    def step(carry, start, columns, logits):
        previous, total, weighted_total, taken = carry
        largest = jnp.maximum(previous, logits.max(axis=1))
        scale, relative = jnp.exp(previous - largest), logits - largest[:, None]
        if with_entropies:
            weighted_total = scale * (weighted_total + total * (previous - largest))
            weighted_total += weighted(relative, relative).sum(axis=1)
        total = scale * total + jnp.exp(relative).sum(axis=1)
        inside = (tokens >= start) & (tokens < start + logits.shape[1])
        taken = jnp.where(inside, _take(logits, jnp.where(inside, tokens - start, 0)), taken)
        return largest, total, weighted_total, taken

    zeros = jnp.zeros(hidden.shape[0], _accumulator(hidden))
    lowest = jnp.full_like(zeros, jnp.finfo(zeros.dtype).min / 2)  # finite: no infinity is ever subtracted from another
    carry = varying_like((lowest, zeros, zeros, zeros), (hidden, kernel, bias, tokens))
    largest, total, weighted_total, taken = _over_vocabulary(step, carry, chunk_size, hidden, kernel, bias)
    normalisers = largest + jnp.log(total)
    entropies = jnp.log(total) - weighted_total / total if with_entropies else zeros
    return (taken - normalisers, entropies), (hidden, kernel, bias, tokens, entropies, normalisers)


def _blockwise_statistics_backward(chunk_size, with_entropies, residuals, cotangents):
    """Computes the logits of each block again and writes each column of the kernel's gradient once."""
    hidden, kernel, bias, tokens, entropies, normalisers = residuals
    log_prob_cotangents, entropy_cotangents = (cotangent[:, None] for cotangent in cotangents)
    transposed = hidden.T  # once, not in every block

    def step(gradients, start, columns, logits):
        hidden_gradient, kernel_gradient, bias_gradient = gradients
        log_probs = logits - normalisers[:, None]
        taken = tokens[:, None] == start + jnp.arange(logits.shape[1], dtype=jnp.int32)[None, :]
        slope = jnp.where(taken, log_prob_cotangents, 0.0) - jnp.exp(log_probs) * log_prob_cotangents
        if with_entropies:
            slope -= weighted(log_probs, log_probs + entropies[:, None]) * entropy_cotangents
        narrow = slope.astype(hidden.dtype)
        part = jnp.matmul(transposed, narrow, preferred_element_type=slope.dtype).astype(kernel.dtype)
        kernel_gradient = jax.lax.dynamic_update_slice_in_dim(kernel_gradient, part, start, axis=1)
        if bias is not None:
            part = slope.sum(axis=0).astype(bias.dtype)
            bias_gradient = jax.lax.dynamic_update_slice_in_dim(bias_gradient, part, start, axis=0)
        hidden_gradient += jnp.matmul(narrow, columns.T, preferred_element_type=slope.dtype)
        return hidden_gradient, kernel_gradient, bias_gradient

    zeros = (jnp.zeros(hidden.shape, normalisers.dtype), *jax.tree.map(jnp.zeros_like, (kernel, bias)))
    gradients = _over_vocabulary(step, varying_like(zeros, residuals, cotangents), chunk_size, hidden, kernel, bias)
    hidden_gradient, kernel_gradient, bias_gradient = gradients
    return hidden_gradient.astype(hidden.dtype), kernel_gradient, bias_gradient, None


_blockwise_statistics.defvjp(_blockwise_statistics_forward, _blockwise_statistics_backward)
