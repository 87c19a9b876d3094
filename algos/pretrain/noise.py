"""Noise masks: which tokens of a text an objective hides."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import checks

Array = jax.Array


def noise_counts(lengths: Array, *, rate: float, mean_span: float = 3.0) -> tuple[Array, Array]:
    """How many tokens of a text are noise, and in how many spans.

    n = clip(round(L rate), 1, L - 1), k = clip(round(n / mean_span), 1, L - n) with L at least 2; halves are rounded to even.

    Args:
      lengths: `[...]` integers >= 0.
      rate: in [0, 1]; with 0 there is no noise.
      mean_span: >= 1, tokens.

    Returns:
      n and k, `[...]` int32.

    Raises:
      ValueError: an argument is out of range.

    Source: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2019,
    arXiv 1910.10683. The released code does not keep k below L - n, which no split of a text could satisfy.
    """
    checks.between("rate", rate, 0.0, 1.0)
    check_mean_span(mean_span)
    lengths = jnp.maximum(jnp.asarray(lengths).astype(jnp.int32), 2)
    if rate == 0.0:
        return jnp.zeros_like(lengths), jnp.zeros_like(lengths)
    noise = jnp.round(lengths.astype(jnp.float32) * jnp.float32(rate)).astype(jnp.int32)
    noise = jnp.clip(noise, 1, lengths - 1)
    spans = jnp.round(noise.astype(jnp.float32) / jnp.float32(mean_span)).astype(jnp.int32)
    return noise, jnp.clip(spans, 1, lengths - noise)


def alternating_spans(noise: Array, lengths: Array, noise_breaks: Array, other_breaks: Array) -> Array:
    """Lays out spans of kept tokens and of noise in turn, kept ones first.

    Args:
      noise: `[B]` integers, how many of the tokens are noise.
      lengths: `[B]` integers, tokens of each text.
      noise_breaks: `[B, W]` true at j where a new span begins with noise token j + 1, counted from 0.
      other_breaks: `[B, W]` the same of the kept tokens, with as many breaks; W is at least the longest text less 1.

    Returns:
      `[B, W + 1]` bool, true on noise, false from `lengths` on.
    """
    width = noise_breaks.shape[1] + 1

    def row(noise: Array, length: Array, noise_breaks: Array, other_breaks: Array) -> Array:
        sizes = jnp.stack([_span_sizes(other_breaks, length - noise), _span_sizes(noise_breaks, noise)], axis=1)
        ends = jnp.cumsum(jnp.reshape(sizes, -1))
        positions = jnp.arange(width, dtype=ends.dtype)
        return (jnp.searchsorted(ends, positions, side="right") % 2 == 1) & (positions < length)

    counts = noise.astype(jnp.int32), lengths.astype(jnp.int32)
    return jax.vmap(row)(*counts, noise_breaks.astype(bool), other_breaks.astype(bool))


def _span_sizes(breaks: Array, count: Array) -> Array:
    """Sizes `[W + 1]` of the spans into which breaks `[W]` cut `count` tokens."""
    spans = jnp.concatenate([jnp.zeros([1], jnp.int32), jnp.cumsum(breaks, dtype=jnp.int32)])
    counted = (jnp.arange(spans.shape[0]) < count).astype(jnp.int32)
    return jax.ops.segment_sum(counted, spans, num_segments=spans.shape[0])


def _random_breaks(key: Array, tokens: Array, spans: Array, width: int) -> Array:
    """`[B, W]`: spans - 1 breaks at random places among the first tokens - 1."""
    scores = jax.random.uniform(key, (tokens.shape[0], width))
    scores = jnp.where(jnp.arange(width)[None, :] < tokens[:, None] - 1, scores, 2.0)
    ranks = jnp.argsort(jnp.argsort(scores, axis=1), axis=1)
    return ranks < spans[:, None] - 1


def span_noise(
    key: Array, lengths: Array, width: int, *, rate: float = 0.15, mean_span: float = 3.0, random_roll: bool = False
) -> Array:
    """Random spans of noise: exactly the counts of `noise_counts`, all ways to cut being equally likely.

    Args:
      key: a PRNG key.
      lengths: `[B]` integers, tokens of each text, at most `width`.
      width: L >= 2, static.
      rate: in [0, 1], share of noise.
      mean_span: >= 1, tokens.
      random_roll: rolls each text's mask by a random offset; else the first token is never noise and the last one always is.

    Returns:
      `[B, L]` bool, true on noise. A text of one token or none has no noise.

    Raises:
      ValueError: an argument is out of range.

    Source: Raffel et al., 2019, arXiv 1910.10683.
    """
    _check_width(width)
    checks.boolean("random_roll", random_roll)
    noise, spans = noise_counts(lengths, rate=rate, mean_span=mean_span)
    at_least_two = jnp.maximum(lengths.astype(jnp.int32), 2)
    noise_key, other_key, roll_key = jax.random.split(key, 3)
    noise_breaks = _random_breaks(noise_key, noise, spans, width - 1)
    other_breaks = _random_breaks(other_key, at_least_two - noise, spans, width - 1)
    mask = alternating_spans(noise, at_least_two, noise_breaks, other_breaks)
    positions = jnp.arange(width, dtype=jnp.int32)[None, :]
    if random_roll:
        offsets = jax.random.randint(roll_key, lengths.shape, 0, at_least_two)
        mask = jnp.take_along_axis(mask, (positions - offsets[:, None]) % at_least_two[:, None], axis=1)
    return mask & (positions < lengths[:, None])


def iid_noise(key: Array, lengths: Array, width: int, *, rate: float) -> Array:
    """Hides each token with the same probability, independently.

    Args:
      key: a PRNG key.
      lengths: `[B]` integers, tokens of each text, at most `width`.
      width: L >= 2, static.
      rate: in [0, 1].

    Returns:
      `[B, L]` bool, true on noise.

    Raises:
      ValueError: an argument is out of range.

    Source: Raffel et al., 2019, arXiv 1910.10683.
    """
    _check_width(width)
    checks.between("rate", rate, 0.0, 1.0)
    drawn = jax.random.uniform(key, (lengths.shape[0], width)) < rate
    return drawn & (jnp.arange(width)[None, :] < lengths[:, None])


def prefix_noise(key: Array, lengths: Array, width: int, *, rate: float = 0.5) -> Array:
    """A prefix of random length, to be read while the rest is predicted.

    The length is uniform on {m, ..., L - 1}, m = clip(round((1 - 2 rate)(L - 1)), 1, L - 1).

    Args:
      key: a PRNG key.
      lengths: `[B]` integers, tokens L of each text, at most `width`.
      width: >= 2, static.
      rate: in [0, 0.5], about the share of tokens behind the prefix; 0.5 allows all of 1, ..., L - 1.

    Returns:
      `[B, width]` bool, true on the prefix; a text of one token is all prefix.

    Raises:
      ValueError: an argument is out of range.

    Source: Raffel et al., 2019, arXiv 1910.10683.
    """
    _check_width(width)
    checks.between("rate", rate, 0.0, 0.5)
    most = jnp.maximum(lengths.astype(jnp.int32) - 1, 1)
    least = jnp.round((1.0 - 2.0 * rate) * most.astype(jnp.float32)).astype(jnp.int32)
    prefix = jax.random.randint(key, lengths.shape, jnp.clip(least, 1, most), most + 1)
    return jnp.arange(width)[None, :] < jnp.minimum(prefix, lengths.astype(jnp.int32))[:, None]


def suffix_noise(lengths: Array, width: int, *, rate: float) -> Array:
    """Hides the last max(1, round(rate L)) tokens of each text, what `span_noise` does with a single span.

    Args:
      lengths: `[B]` integers, tokens L of each text, at most `width`.
      width: >= 2, static.
      rate: in [0, 1]; at most L - 1 tokens are hidden, and none with 0.

    Returns:
      `[B, width]` bool, true on noise.

    Raises:
      ValueError: an argument is out of range.

    Source: Raffel et al., 2019, arXiv 1910.10683.
    """
    _check_width(width)
    noise, _ = noise_counts(lengths, rate=rate)
    positions, lengths = jnp.arange(width, dtype=jnp.int32)[None, :], lengths.astype(jnp.int32)[:, None]
    return (positions >= jnp.maximum(lengths, 2) - noise[:, None]) & (positions < lengths)


def scored_noise(scores: Array, mask: Array, *, rate: float, highest: bool = True) -> Array:
    """Hides the tokens of highest, or of lowest, score: floor(rate L) of each text's L.

    With scores such as `measure.pointwise_information` of a word with its likeliest class it tells whether it matters which
    words a model learns to predict.

    Args:
      scores: `[B, L]`.
      mask: `[B, L]` true on tokens.
      rate: in [0, 1]; up to 0.5 the highest and the lowest have none in common.
      highest: whether those of highest score are hidden; of equal ones the first, or the last for the lowest.

    Returns:
      `[B, L]` bool, true on noise.

    Raises:
      ValueError: an argument is out of range.

    Source: Uppaal et al., "How Useful is Continued Pre-Training for Generative Unsupervised Domain Adaptation?", 2024,
    arXiv 2401.17514.
    """
    checks.between("rate", rate, 0.0, 1.0)
    checks.boolean("highest", highest)
    mask = mask.astype(bool)
    order = jnp.argsort(jnp.where(mask, scores, -jnp.inf), axis=1, stable=True, descending=True)
    ranks = jnp.argsort(order, axis=1)
    sizes = jnp.sum(mask, axis=1, keepdims=True, dtype=jnp.int32)
    # A product such as 0.3 * 10 must not round below its integer.
    count = jnp.floor(rate * sizes.astype(jnp.float32) + 1e-4).astype(jnp.int32)
    return mask & ((ranks < count) if highest else (ranks >= sizes - count))


def check_mean_span(mean_span: float) -> None:
    """Raises ValueError unless a span is at least one token long."""
    if checks.real("mean_span", mean_span) < 1:
        raise ValueError(f"`mean_span` must be >= 1, got {mean_span}")


def _check_width(width: int) -> None:
    checks.integer("width", width, least=2)
