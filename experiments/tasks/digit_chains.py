"""Sums of several digits modulo a base, answered at once or by a chain of running sums, so that the length is the policy's."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from algax.experiments.tasks import checker
from algax.experiments.tasks.verified import Problems

BASE = 6
STYLES = ("direct", "chain", "verbose")
THINK, ANSWER = checker.PLUS, checker.MINUS  # control tokens: what follows is a chain, or the answer at once
MODES = "modes"


def running_sums(prompts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The sums modulo 6 of the first digits of prompts `[..., n + 1]`: `[..., n]`, and how many zeros lead, `[...]`."""
    operands = prompts[..., :-1]
    sums = jnp.cumsum(operands, axis=-1) % BASE
    return sums, jnp.sum(jnp.cumsum(operands, axis=-1) == 0, axis=-1, dtype=jnp.int32)


def written(prompts: jax.Array, repeats: jax.Array, length: int) -> jax.Array:
    """Chains of prompts `[..., n + 1]`: the running sums from the second operand on, each so often, then stop tokens.

    Args:
        prompts: digits and an equals sign.
        repeats: `[..., n - 1]` integers from 0, how often each of the n - 1 sums of a prompt without leading zeros is written;
            of one with z of them the first n - 1 - z count.
        length: T of the result `[..., T]`.
    """
    sums, zeros = running_sums(prompts)
    count = sums.shape[-1]
    ends = jnp.cumsum(repeats, axis=-1)
    step = jnp.sum(ends[..., None, :] <= _places(prompts, length)[..., None], axis=-1, dtype=jnp.int32)
    place = step + zeros[..., None] + 1
    digits = jnp.take_along_axis(sums, jnp.minimum(place, count - 1), axis=-1)
    return jnp.where(place < count, digits, checker.STOP)


def _places(prompts: jax.Array, length: int) -> jax.Array:
    """The positions of an answer for each prompt, `[..., length]`."""
    return jnp.broadcast_to(jnp.arange(length), (*prompts.shape[:-1], length))


def in_style(key: jax.Array, prompts: jax.Array, style: jax.Array, length: int) -> jax.Array:
    """Worked answers `[B, length]` of prompts `[B, n + 1]`, in the style numbered as in `STYLES`, `[B]`.

    "direct" is the last running sum alone, "verbose" writes each sum once or twice at random.
    """
    steps = prompts.shape[-1] - 2
    twice = 1 + jax.random.bernoulli(key, shape=(*prompts.shape[:-1], steps)).astype(jnp.int32)
    _, zeros = running_sums(prompts)
    last = (jnp.arange(steps)[None] == (steps - 1 - zeros)[:, None]).astype(jnp.int32)
    chosen = style[:, None]
    return written(prompts, jnp.where(chosen == 0, last, jnp.where(chosen == 1, jnp.ones_like(last), twice)), length)


def judged(prompts: jax.Array, completions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Reads chains of prompts `[..., n + 1]`.

    Returns:
        (right, sound): right `[...]` where the digits up to the stop token end in the sum of all operands; after the control
        token `ANSWER` one digit alone is allowed. sound `[..., T]` on digits that repeat the sum before them or add the next
        operand.
    """
    operands = prompts[..., :-1]
    sums, zeros = running_sums(prompts)
    first = completions[..., 0]
    control = (first == THINK) | (first == ANSWER)
    taken, value = zeros + 1, jnp.take_along_axis(sums, zeros[..., None], axis=-1)[..., 0]
    clean, over = jnp.ones(first.shape, bool), jnp.zeros(first.shape, bool)
    digits, previous, sound = jnp.zeros(first.shape, jnp.int32), value, []
    for position in range(completions.shape[-1]):
        token = completions[..., position]
        skipped = control & (position == 0)
        over = over | (token == checker.STOP)
        counted = ~over & ~skipped
        clean = clean & (~counted | (token < BASE))
        following = jnp.take_along_axis(operands, jnp.minimum(taken, operands.shape[-1] - 1)[..., None], axis=-1)[..., 0]
        added = (token == (value + following) % BASE) & (taken < operands.shape[-1])
        kept = token == value
        sound.append(counted & (added | kept))
        taken = jnp.where(counted & added, taken + 1, taken)
        value = jnp.where(counted & added, token, value)
        digits = digits + counted.astype(jnp.int32)
        previous = jnp.where(counted, token, previous)
    enough = (digits >= 1) & ((first != ANSWER) | (digits == 1))
    return clean & over & enough & (previous == sums[..., -1]), jnp.stack(sound, axis=-1)


def chain_problems(operands: Sequence[int] = (4,), style: str = "chain", balanced: bool = False) -> Problems:
    """All sums modulo 6 of so many digits from 1 to 5, such as `"3145="`, shorter ones behind zeros.

    Args:
        operands: numbers of digits, at least 2; each is a kind of problem.
        style: of the worked answers: "direct", "chain", "verbose", see `in_style`, or "modes", a control token and then the
            answer at once or a chain, as often.
        balanced: True repeats the shorter problems until all kinds are about as many.

    Returns:
        problems of which a chain's last digit is checked, whatever comes before it; see `judged`.

    Raises:
        ValueError: for other operands or styles.
    """
    if not operands or min(operands) < 2:
        raise ValueError(f"operands must be numbers from 2 on; got {operands}")
    if style not in (*STYLES, MODES):
        raise ValueError(f"style must be one of {', '.join((*STYLES, MODES))}; got {style!r}")
    widest, rows, kinds = max(operands), [], []
    for kind, count in enumerate(operands):
        copies = (BASE - 1) ** (widest - count) if balanced else 1
        for digits in itertools.product(range(1, BASE), repeat=count):
            rows += [[*[0] * (widest - count), *digits, checker.EQUALS]] * copies
            kinds += [kind] * copies
    prompts, length = np.array(rows, np.int32), 2 * (widest - 1) + 1
    key, thinks = jax.random.key(0), np.random.default_rng(0).random(len(rows)) < 0.5
    number = np.where(thinks, 1, 0) if style == MODES else np.full(len(rows), STYLES.index(style))
    answers = np.asarray(jax.jit(in_style, static_argnames="length")(key, prompts, number, length=length))
    if style == MODES:
        answers = np.concatenate([np.where(thinks, THINK, ANSWER)[:, None], answers], axis=1)
    return Problems(prompts, answers.astype(np.int32), lambda p, c: judged(p, c)[0], np.array(kinds, np.int32))
