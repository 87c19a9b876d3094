"""Corrupted tokens in place: masked language modelling and masked thoughts."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax

from ..core import BatchTransform, checks
from .text import TokenBatch

Array = jax.Array


def corrupt_tokens(
    tokens: Array,
    eligible: Array,
    draws: tuple[Array, Array, Array],
    *,
    rate: Array | float,
    mask_token: int,
    shares: Sequence[float] = (0.8, 0.1, 0.1),
    force: Array | None = None,
) -> tuple[Array, Array]:
    """Chooses tokens, and puts the mask's token, a random one or the same one in their places.

    A token is chosen where u < rate; with shares (a, b, c) it is masked where v < a, random where a <= v < a + b.

    Args:
      tokens: `[B, L]` integers.
      eligible: `[B, L]` true on tokens that may be chosen.
      draws: u and v `[B, L]` in [0, 1), and random tokens `[B, L]`.
      rate: in [0, 1].
      mask_token: an integer >= 0.
      shares: three numbers >= 0 that sum to 1, of masked, random and unchanged tokens.
      force: `[B, L]` true on eligible tokens that are chosen whatever u is.

    Returns:
      The corrupted tokens and which were chosen, `[B, L]`.

    Raises:
      ValueError: the shares are no shares, or the mask's token is negative.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2018,
    arXiv 1810.04805.
    """
    masked, random = _check_shares(shares)
    checks.integer("mask_token", mask_token, least=0)
    select, branch, random_tokens = draws
    chosen = select < rate
    chosen = eligible.astype(bool) & (chosen if force is None else chosen | force.astype(bool))
    replaced = jnp.where(branch < masked + random, random_tokens.astype(tokens.dtype), tokens)
    replaced = jnp.where(branch < masked, jnp.asarray(mask_token, tokens.dtype), replaced)
    return jnp.where(chosen, replaced, tokens), chosen


def _check_shares(shares: Sequence[float]) -> tuple[float, float]:
    if len(shares) != 3 or abs(sum(checks.non_negative("shares", share) for share in shares) - 1.0) > 1e-6:
        raise ValueError(f"`shares` must be three numbers >= 0 that sum to 1, got {tuple(shares)}")
    return shares[0], shares[1]


def _draws(key: Array, shape: tuple[int, ...], vocabulary_size: int) -> tuple[Array, Array, Array]:
    select, branch, tokens = jax.random.split(key, 3)
    random_tokens = jax.random.randint(tokens, shape, 0, vocabulary_size)
    return jax.random.uniform(select, shape), jax.random.uniform(branch, shape), random_tokens


def masked_language(
    mask_token: int, vocabulary_size: int, *, rate: float = 0.15, shares: Sequence[float] = (0.8, 0.1, 0.1)
) -> BatchTransform:
    """Masked language modelling: some tokens are corrupted, and those alone are learned.

    Args:
      mask_token: an integer >= 0.
      vocabulary_size: V >= 1; random tokens are uniform below it.
      rate: in [0, 1], the share of chosen tokens.
      shares: of the chosen ones that are masked, random and unchanged, three numbers >= 0 that sum to 1.

    Returns:
      `(key, TokenBatch) -> TokenBatch`; only what was to be learned is chosen, so leave special tokens out of `learned`.

    Raises:
      ValueError: an argument is out of range.

    Source: Devlin et al., 2018, arXiv 1810.04805.
    """
    checks.integer("mask_token", mask_token, least=0)
    checks.integer("vocabulary_size", vocabulary_size, least=1)
    checks.between("rate", rate, 0.0, 1.0)
    _check_shares(shares)

    def transform(key: Array, batch: TokenBatch) -> TokenBatch:
        draws = _draws(key, batch.tokens.shape, vocabulary_size)
        eligible = batch.mask & batch.learned
        tokens, chosen = corrupt_tokens(batch.tokens, eligible, draws, rate=rate, mask_token=mask_token, shares=shares)
        return batch._replace(tokens=tokens, learned=chosen)

    return transform


def masked_thought(
    rate: checks.ScalarOrSchedule,
    *,
    mask_token: int,
    vocabulary_size: int,
    replace_rate: float = 0.0,
    random_rate: bool = False,
) -> BatchTransform:
    """Hides tokens of the response in what the model reads, so that later steps must rely on the question.

    All targets stay. Prompts, which are not learned, stay too.

    Args:
      rate: in [0, 1], or a schedule read at the batch's `step`, such as `mask_rate`: the share of tokens hidden.
      mask_token: an integer >= 0, put where a token is hidden; a model that must not attend to it masks it out.
      vocabulary_size: V >= 1; random tokens are uniform below it.
      replace_rate: in [0, 1], the share of hidden tokens that are random ones; the paper has 1 for GSM8K at a rate of 0.4, and
        0 for larger data at a rate of 0.2.
      random_rate: whether each batch has a rate uniform on [0, rate].

    Returns:
      `(key, TokenBatch) -> TokenBatch`.

    Raises:
      ValueError: an argument is out of range, or the rate is a schedule and the batch has no step.

    Source: Chen et al., "Masked Thought: Simply Masking Partial Reasoning Steps Can Improve Mathematical Reasoning Learning
    of Language Models", 2024, arXiv 2403.02178.
    """
    checks.schedule("rate", rate, lambda name, value: checks.between(name, value, 0.0, 1.0))
    checks.integer("mask_token", mask_token, least=0)
    checks.integer("vocabulary_size", vocabulary_size, least=1)
    checks.between("replace_rate", replace_rate, 0.0, 1.0)
    checks.boolean("random_rate", random_rate)
    shares = (1.0 - replace_rate, replace_rate, 0.0)

    def transform(key: Array, batch: TokenBatch) -> TokenBatch:
        if callable(rate) and batch.step is None:
            raise ValueError("`rate` is a schedule, which is read at `step`: set TokenBatch.step")
        share = rate(batch.step) if callable(rate) else rate
        own, rate_key = jax.random.split(key)
        if random_rate:
            share = share * jax.random.uniform(rate_key)
        draws = _draws(own, batch.tokens.shape, vocabulary_size)
        eligible = batch.mask & batch.learned
        tokens, _ = corrupt_tokens(batch.tokens, eligible, draws, rate=share, mask_token=mask_token, shares=shares)
        return batch._replace(tokens=tokens)

    return transform


def mask_rate(peak: float, steps: int, *, warmup_fraction: float = 2 / 3) -> optax.Schedule:
    """A share of masked tokens that grows: min(peak step / (warmup_fraction steps + 1), peak)

    Args:
      peak: in [0, 1].
      steps: >= 1, of the whole run.
      warmup_fraction: in [0, 1], the share of the run in which the rate grows.

    Returns:
      A schedule: 0 at step 0, `peak` from step warmup_fraction steps + 1 on.

    Raises:
      ValueError: an argument is out of range.

    Source: Chen et al., 2024, arXiv 2403.02178.
    """
    checks.between("peak", peak, 0.0, 1.0)
    checks.integer("steps", steps, least=1)
    checks.between("warmup_fraction", warmup_fraction, 0.0, 1.0)

    def schedule(step: Array) -> Array:
        reached = jnp.asarray(step).astype(jnp.float32) / jnp.float32(steps * warmup_fraction + 1.0)
        return jnp.float32(peak) * jnp.minimum(reached, 1.0)

    return schedule
