"""Countdown: write an expression that uses three given numbers once each and has a given value; many are right."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from algax.experiments.tasks import checker, rollouts
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.verified import Problems, verified

NUMBERS = 3
LENGTH = 2 * NUMBERS  # of an expression with its stop token
TARGETS = range(100)


def expressions(numbers: tuple[int, ...], operators: str) -> dict[int, list[str]]:
    """Value -> the expressions with these digits in some order, in plain Python."""
    found: dict[int, list[str]] = {}
    for a, b, c in sorted(set(itertools.permutations(numbers))):
        for first, second in itertools.product(operators, repeat=2):
            text = f"{a}{first}{b}{second}{c}"
            found.setdefault(eval(text), []).append(text)  # digits and operators of our own
    return found


def countdown_problems(operators: str = "+-") -> Problems:
    """All sets of three digits from 1 to 9 with all values from 0 to 99 they can have, such as `"359=07"`.

    Args:
        operators: at least two of `+-*`, those of the worked answers; the checker takes all three. A problem's kind is the
            number of different digits, less one.

    Returns:
        problems whose worked answer is one of the right expressions, drawn with a fixed seed, such as `"3+9-5."`.

    Raises:
        ValueError: for other operators.
    """
    if len(operators) < 2 or set(operators) - set("+-*"):
        raise ValueError(f"operators must be at least two of '+-*'; got {operators!r}")
    rng, texts, answers, kinds = np.random.default_rng(0), [], [], []
    for numbers in itertools.combinations_with_replacement(range(1, 10), NUMBERS):
        for target, found in sorted(expressions(numbers, operators).items()):
            if target in TARGETS:
                texts.append("".join(map(str, numbers)) + f"={target:02d}")
                answers.append(found[rng.integers(len(found))] + ".")
                kinds.append(len(set(numbers)) - 1)
    prompts, completions = (np.stack([checker.encode(text) for text in part]) for part in (texts, answers))
    return Problems(prompts, completions, check, np.array(kinds, np.int32))


def check(prompts: jax.Array, completions: jax.Array) -> jax.Array:
    """Whether expressions `[..., 6]` use the numbers of prompts `[..., 6]` once each and have the right value, `[...]`."""
    digits, signs = completions[..., 0:LENGTH:2], completions[..., 1 : LENGTH - 1 : 2]
    written = jnp.all(digits < 10, axis=-1) & jnp.all((signs >= checker.PLUS) & (signs <= checker.TIMES), axis=-1)
    used = jnp.all(jnp.sort(digits, axis=-1) == jnp.sort(prompts[..., :NUMBERS], axis=-1), axis=-1)
    target = 10 * prompts[..., NUMBERS + 1] + prompts[..., NUMBERS + 2]
    return written & used & (completions[..., LENGTH - 1] == checker.STOP) & (value(digits, signs) == target)


def value(digits: jax.Array, signs: jax.Array) -> jax.Array:
    """The value of `a ? b ? c` with digits `[..., 3]` and operators `[..., 2]`, products first: `[...]`."""
    a, b, c = (digits[..., i] for i in range(NUMBERS))
    first, second = signs[..., 0], signs[..., 1]
    product_last = (second == checker.TIMES) & (first != checker.TIMES)
    return jnp.where(product_last, _apply(first, a, b * c), _apply(second, _apply(first, a, b), c))


def _apply(sign: jax.Array, left: jax.Array, right: jax.Array) -> jax.Array:
    return jnp.where(sign == checker.PLUS, left + right, jnp.where(sign == checker.MINUS, left - right, left * right))


def countdown(model: Any, operators: str = "+-", **options: Any) -> Task:
    """Countdown for policy losses, one expression a sample.

    Args:
        model: see `verified`.
        operators: see `countdown_problems`.
        **options: those of `verified`; `rollouts` is `rollouts.once()` unless given.

    Returns:
        the task of `verified`.
    """
    return verified(model, countdown_problems(operators), **{"rollouts": rollouts.once(), **options})
