"""A composed chain against the same maths written by hand: composing costs nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from algax import policy
from algax.experiments.benchmarks.measure import Row, compile_all, fastest, mebibytes, milliseconds, require_equal, temp_bytes

GROUP_SIZE = 8


def by_hand(log_probs, terms):
    """GRPO with a KL penalty for groups of consecutive rows, as one would write it in a script."""
    rewards = terms.rewards.reshape(-1, GROUP_SIZE)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    advantages = (centred / (rewards.std(axis=1, ddof=1, keepdims=True) + 1e-6)).reshape(-1, 1)
    log_probs = jnp.where(terms.mask, log_probs, 0.0)
    old_log_probs = jnp.where(terms.mask, terms.old_log_probs, 0.0)
    ratios = jnp.exp(jnp.clip(log_probs - old_log_probs, -20.0, 20.0))
    surrogates = jnp.minimum(ratios * advantages, jnp.clip(ratios, 0.8, 1.2) * advantages)
    difference = jnp.clip(jnp.where(terms.mask, terms.ref_log_probs, 0.0) - log_probs, -20.0, 20.0)
    penalties = 0.04 * jnp.clip(jnp.exp(difference) - difference - 1.0, -10.0, 10.0)
    per_token = jnp.where(terms.mask, penalties - surrogates, 0.0)
    return (per_token.sum(axis=1) / terms.mask.sum(axis=1)).mean()


def rows(size: tuple[int, int] = (512, 2048), rounds: int = 200) -> list[Row]:
    """Time and temp memory of loss and gradient, composed and by hand."""
    rng = np.random.default_rng(0)
    responses, positions = size

    def normal():
        return jnp.asarray(rng.normal(size=size), jnp.float32)

    lengths = rng.integers(positions // 4, positions, responses)
    terms = policy.Terms(
        mask=jnp.asarray(np.arange(positions)[None, :] < lengths[:, None]),
        rewards=jnp.asarray(rng.normal(size=responses), jnp.float32),
        group_ids=jnp.repeat(jnp.arange(responses // GROUP_SIZE), GROUP_SIZE),
        old_log_probs=normal(),
        ref_log_probs=normal(),
    )
    loss = policy.grpo()
    functions = {
        "composed": jax.value_and_grad(lambda log_probs, terms: loss(terms.replace(log_probs=log_probs))),
        "by hand": jax.value_and_grad(by_hand),
    }
    arguments = (normal(), terms)
    programs = compile_all(functions, arguments)
    require_equal(programs["composed"](*arguments), programs["by hand"](*arguments))
    seconds = fastest(programs, arguments, rounds)
    memory = {name: temp_bytes(program) for name, program in programs.items()}
    name, shape = "GRPO loss and gradient: composed / by hand", f"{responses} x {positions}"
    return [
        Row(name, shape, "time", milliseconds(seconds["composed"]), milliseconds(seconds["by hand"]),
            seconds["by hand"] / seconds["composed"], ">= 0.98"),
        Row(name, shape, "temp memory", mebibytes(memory["composed"]), mebibytes(memory["by hand"]),
            memory["by hand"] / memory["composed"], ">= 0.98"),
    ]  # fmt: skip
