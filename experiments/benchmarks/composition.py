"""Composed chains against the same maths written by hand: composing costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax import policy
from algax.experiments.benchmarks.measure import Row, compile_all, fastest, mebibytes, milliseconds, require_equal, temp_bytes

GROUP_SIZE = 8
VOCABULARY = 64


class Case(NamedTuple):
    """A preset with the same maths as a function `(log_probs, terms) -> loss`."""

    name: str
    loss: algax.LossTransform
    by_hand: Callable[[jax.Array, Any], jax.Array]
    size: tuple[int, int]
    rounds: int


def _clipped(log_probs, terms, low: float, high: float):
    """Log-probs 0 behind the mask, advantages, ratios and clipped surrogates for groups of consecutive rows."""
    rewards = terms.rewards.reshape(-1, GROUP_SIZE)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    advantages = (centred / (rewards.std(axis=1, ddof=1, keepdims=True) + 1e-6)).reshape(-1, 1)
    log_probs = jnp.where(terms.mask, log_probs, 0.0)
    old_log_probs = jnp.where(terms.mask, terms.old_log_probs, 0.0)
    ratios = jnp.exp(jnp.clip(log_probs - old_log_probs, -20.0, 20.0))
    surrogates = jnp.minimum(ratios * advantages, jnp.clip(ratios, 1.0 - low, 1.0 + high) * advantages)
    return log_probs, advantages, ratios, surrogates


def grpo_by_hand(log_probs, terms):
    """GRPO with a KL penalty, as one would write it in a script."""
    log_probs, _, _, surrogates = _clipped(log_probs, terms, 0.2, 0.2)
    difference = jnp.clip(jnp.where(terms.mask, terms.ref_log_probs, 0.0) - log_probs, -20.0, 20.0)
    penalties = 0.04 * jnp.clip(jnp.exp(difference) - difference - 1.0, -10.0, 10.0)
    per_token = jnp.where(terms.mask, penalties - surrogates, 0.0)
    return (per_token.sum(axis=1) / terms.mask.sum(axis=1)).mean()


def clip_cov_by_hand(log_probs, terms):
    """Clip-Cov without its rejected tokens, of which all that qualify are dropped."""
    log_probs, advantages, ratios, surrogates = _clipped(log_probs, terms, 0.2, 0.2)
    count = terms.mask.sum().astype(jnp.float32)
    fixed, spread = jax.lax.stop_gradient(log_probs), jnp.where(terms.mask, advantages, 0.0)
    covariances = (advantages - spread.sum() / count) * (fixed - fixed.sum() / count)
    candidates = terms.mask & (covariances > 1.0) & (covariances < 5.0) & (surrogates >= ratios * advantages)
    draws = jnp.where(candidates, jax.random.uniform(jax.random.key(0), candidates.shape), -1.0).ravel()
    least = jnp.sort(draws)[::-1][jnp.maximum(count.astype(jnp.int32) - 1, 0)]
    dropped = candidates & (draws.reshape(candidates.shape) >= least)
    return -jnp.where(terms.mask & ~dropped, surrogates, 0.0).sum() / count


def lp_reg_by_hand(log_probs, terms):
    """Lp-Reg with the proxy of the old policy's distribution."""
    log_probs, advantages, ratios, surrogates = _clipped(log_probs, terms, 1.0, 9.0)
    count = terms.mask.sum().astype(jnp.float32)
    old = jax.nn.log_softmax(terms.old_distribution.logits, axis=-1)
    kept = old >= old.max(axis=-1, keepdims=True) + np.log(0.02)
    proxy = jax.nn.log_softmax(jnp.where(kept, old, -jnp.inf), axis=-1)
    proxy = jnp.take_along_axis(proxy, terms.tokens[..., None], axis=-1)[..., 0]
    fixed = jax.lax.stop_gradient(log_probs)
    negative = terms.mask & (advantages < 0)
    rare = jnp.floor(0.01 * negative.sum().astype(jnp.float32)).astype(jnp.int32)
    most = jnp.sort(jnp.where(negative, fixed, jnp.inf).ravel())[jnp.maximum(rare - 1, 0)]
    selected = negative & (fixed <= most) & (fixed < proxy) & (rare > 1)
    difference = jnp.where(selected, proxy - log_probs, 0.0)
    penalties = jnp.exp(difference) - difference - 1.0
    surrogates = jnp.where(selected, ratios * advantages, surrogates)
    return jnp.where(terms.mask, penalties - surrogates, 0.0).sum() / count


CASES = (
    Case("GRPO", policy.grpo(), grpo_by_hand, (512, 2048), 200),
    Case("Clip-Cov", policy.clip_cov(fraction=1.0), clip_cov_by_hand, (512, 2048), 25),
    Case("Lp-Reg", policy.lp_reg(), lp_reg_by_hand, (64, 512), 100),
)


def batch(size: tuple[int, int], distribution: bool) -> policy.Terms:
    """Random responses in groups of consecutive rows, with the old policy's distributions if need be."""
    rng = np.random.default_rng(0)
    responses, positions = size

    def normal(*shape: int):
        return jnp.asarray(rng.normal(size=shape or size), jnp.float32)

    lengths = rng.integers(positions // 4, positions, responses)
    terms = policy.Terms(
        mask=jnp.asarray(np.arange(positions)[None, :] < lengths[:, None]),
        rewards=normal(responses),
        group_ids=jnp.repeat(jnp.arange(responses // GROUP_SIZE), GROUP_SIZE),
        old_log_probs=normal(),
        ref_log_probs=normal(),
        key=jax.random.key(0),
    )
    if not distribution:
        return terms
    tokens = jnp.asarray(rng.integers(0, VOCABULARY, size))
    return terms.replace(tokens=tokens, old_distribution=algax.Logits(normal(*size, VOCABULARY)))


def rows(cases: tuple[Case, ...] = CASES) -> list[Row]:
    """Time and temp memory of loss and gradient, composed and by hand."""
    found = []
    for case in cases:
        terms = batch(case.size, "old_distribution" in case.loss.requires)
        log_probs = jnp.asarray(np.random.default_rng(1).normal(size=case.size), jnp.float32)
        found += _compare(case, (log_probs, terms))
    return found


def _compare(case: Case, arguments: tuple) -> list[Row]:
    functions = {
        "composed": jax.value_and_grad(lambda log_probs, terms: case.loss(terms.replace(log_probs=log_probs))),
        "by hand": jax.value_and_grad(case.by_hand),
    }
    programs = compile_all(functions, arguments)
    require_equal(programs["composed"](*arguments), programs["by hand"](*arguments))
    seconds = fastest(programs, arguments, case.rounds)
    memory = {name: temp_bytes(program) for name, program in programs.items()}
    name, shape = f"{case.name} loss and gradient: composed / by hand", f"{case.size[0]} x {case.size[1]}"
    return [
        Row(name, shape, "time", milliseconds(seconds["composed"]), milliseconds(seconds["by hand"]),
            seconds["by hand"] / seconds["composed"], ">= 0.98"),
        Row(name, shape, "temp memory", mebibytes(memory["composed"]), mebibytes(memory["by hand"]),
            memory["by hand"] / memory["composed"], ">= 0.98"),
    ]  # fmt: skip
