"""Composed chains against the same maths written by hand: composing costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax import policy, preference
from algax.experiments.benchmarks.measure import Row, compile_all, fastest, mebibytes, milliseconds, require_equal, temp_bytes

GROUP_SIZE = 8
BUNDLE_SIZE = 2  # groups of a bundle
VOCABULARY = 64


class Case(NamedTuple):
    """A preset with the same maths as a function `(log_probs, terms) -> loss`, of `[B, T]` tokens or of chosen and rejected.

    Attributes:
      name: of the preset.
      loss: the preset.
      by_hand: the same maths.
      size: of the log-probs.
      rounds: of measuring.
    """

    name: str
    loss: algax.LossTransform
    by_hand: Callable[[jax.Array, Any], jax.Array]
    size: tuple[int, int]
    rounds: int


def _group_advantages(terms):
    """Rewards standardised in groups of consecutive rows, `[B, 1]`."""
    rewards = terms.rewards.reshape(-1, GROUP_SIZE)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return (centred / (rewards.std(axis=1, ddof=1, keepdims=True) + 1e-6)).reshape(-1, 1)


def _clipped(log_probs, terms, advantages, low: float, high: float):
    """Log-probs 0 behind the mask, ratios and clipped surrogates."""
    log_probs = jnp.where(terms.mask, log_probs, 0.0)
    old_log_probs = jnp.where(terms.mask, terms.old_log_probs, 0.0)
    ratios = jnp.exp(jnp.clip(log_probs - old_log_probs, -20.0, 20.0))
    surrogates = jnp.minimum(ratios * advantages, jnp.clip(ratios, 1.0 - low, 1.0 + high) * advantages)
    return log_probs, ratios, surrogates


def _mean_of_means(terms, per_token):
    return (jnp.where(terms.mask, per_token, 0.0).sum(axis=1) / terms.mask.sum(axis=1)).mean()


def grpo_by_hand(log_probs, terms):
    """GRPO with a KL penalty, as one would write it in a script."""
    log_probs, _, surrogates = _clipped(log_probs, terms, _group_advantages(terms), 0.2, 0.2)
    difference = jnp.clip(jnp.where(terms.mask, terms.ref_log_probs, 0.0) - log_probs, -20.0, 20.0)
    penalties = 0.04 * jnp.clip(jnp.exp(difference) - difference - 1.0, -10.0, 10.0)
    return _mean_of_means(terms, penalties - surrogates)


def riskpo_by_hand(log_probs, terms):
    """RiskPO's first step: papers take one response of each group of a bundle, quantiles are those of the batch."""
    rewards = terms.rewards.reshape(-1, BUNDLE_SIZE, GROUP_SIZE)
    scores = rewards.sum(axis=1)
    low, high = jnp.quantile(scores, jnp.array([0.2, 0.9]))
    below, between = -jax.nn.relu(low - scores), jnp.clip(scores, low, high) - high
    risks = (1.5 * below / (0.2 + 1e-6) + between / (0.7 + 1e-6)) / 2.5
    risks = (risks - risks.mean(axis=1, keepdims=True)) / (scores.std(axis=1, ddof=1, keepdims=True) + 1e-6)
    advantages = (risks[:, None] / rewards.std(axis=2, ddof=1, keepdims=True)).reshape(-1, 1)
    return _mean_of_means(terms, -_clipped(log_probs, terms, advantages, 0.2, 0.2)[2])


def dpo_by_hand(log_probs, terms):
    """DPO of the log-probs of chosen and rejected responses."""
    chosen, rejected = log_probs
    margins = 0.1 * ((chosen - terms.ref_chosen_log_probs) - (rejected - terms.ref_rejected_log_probs))
    return -jnp.where(terms.mask, jax.nn.log_sigmoid(margins), 0.0).sum() / terms.mask.sum()


def clip_cov_by_hand(log_probs, terms):
    """Clip-Cov without its rejected tokens, of which all that qualify are dropped."""
    advantages = _group_advantages(terms)
    log_probs, ratios, surrogates = _clipped(log_probs, terms, advantages, 0.2, 0.2)
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
    advantages = _group_advantages(terms)
    log_probs, ratios, surrogates = _clipped(log_probs, terms, advantages, 1.0, 9.0)
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
    Case("RiskPO", policy.riskpo(), riskpo_by_hand, (512, 2048), 200),
    Case("DPO", preference.dpo(), dpo_by_hand, (2, 2**20), 200),
)


def batch(case: Case) -> algax.Terms:
    """Random responses in groups of consecutive rows, or random pairs, with what the preset reads."""
    rng = np.random.default_rng(0)

    def normal(*shape: int):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    rows, width = case.size
    if "chosen_log_probs" in case.loss.requires:
        keep = jnp.asarray(rng.random(width) < 0.9)
        return preference.Terms(mask=keep, ref_chosen_log_probs=normal(width), ref_rejected_log_probs=normal(width))
    lengths = rng.integers(width // 4, width, rows)
    groups = jnp.repeat(jnp.arange(rows // GROUP_SIZE), GROUP_SIZE)
    terms = policy.Terms(
        mask=jnp.asarray(np.arange(width)[None, :] < lengths[:, None]),
        rewards=normal(rows),
        group_ids=groups,
        bundle_ids=groups // BUNDLE_SIZE,
        paper_ids=groups // BUNDLE_SIZE * GROUP_SIZE + jnp.arange(rows) % GROUP_SIZE,
        old_log_probs=normal(rows, width),
        ref_log_probs=normal(rows, width),
        key=jax.random.key(0),
    )
    if "old_distribution" not in case.loss.requires:
        return terms
    tokens = jnp.asarray(rng.integers(0, VOCABULARY, case.size))
    return terms.replace(tokens=tokens, old_distribution=algax.Logits(normal(rows, width, VOCABULARY)))


def rows(cases: tuple[Case, ...] = CASES) -> list[Row]:
    """Time and temp memory of loss and gradient, composed and by hand."""
    found = []
    for case in cases:
        log_probs = jnp.asarray(np.random.default_rng(1).normal(size=case.size), jnp.float32)
        found += _compare(case, (log_probs, batch(case)))
    return found


def with_log_probs(terms: algax.Terms, log_probs: jax.Array) -> algax.Terms:
    """The batch with what a model would have said."""
    if isinstance(terms, policy.Terms):
        return terms.replace(log_probs=log_probs)
    return terms.replace(chosen_log_probs=log_probs[0], rejected_log_probs=log_probs[1])


def _compare(case: Case, arguments: tuple) -> list[Row]:
    functions = {
        "composed": jax.value_and_grad(lambda log_probs, terms: case.loss(with_log_probs(terms, log_probs))),
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
