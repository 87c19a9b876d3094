"""Verified arithmetic: a small Transformer samples answers to sums, a checker that reads them gives the reward."""

import itertools
from typing import Any

import numpy as np

from algax.experiments.tasks import checker, rollouts
from algax.experiments.tasks.task import Task
from algax.experiments.tasks.verified import Problems, verified


def arithmetic_problems(digits: int = 2, operators: str = "+") -> Problems:
    """All problems with two operands of `digits` digits.

    Args:
        digits: of each operand, 1 or 2.
        operators: some of `+-*`; each is a kind of problem.

    Returns:
        prompts of `2 * digits + 2` tokens.

    Raises:
        ValueError: an argument is out of range.
    """
    if digits not in (1, 2):
        raise ValueError(f"digits must be 1 or 2; got {digits}")
    if not operators or set(operators) - set("+-*"):
        raise ValueError(f"operators must be some of '+-*'; got {operators!r}")
    operands = range(10**digits)
    texts, answers, kinds = [], [], []
    for (kind, operator), left, right in itertools.product(enumerate(operators), operands, operands):
        texts.append(f"{left:0{digits}d}{operator}{right:0{digits}d}=")
        answers.append({"+": left + right, "-": left - right, "*": left * right}[operator])
        kinds.append(kind)
    length = max(len(str(answer)) for answer in answers) + 1
    completions = np.stack([checker.encode(str(answer).ljust(length, ".")) for answer in answers])

    def check(prompts, completions):
        return checker.check(prompts, completions, digits)

    return Problems(np.stack([checker.encode(text) for text in texts]), completions, check, np.array(kinds, np.int32))


def arithmetic(model: Any, digits: int = 2, operators: str = "+", **options: Any) -> Task:
    """Verified arithmetic for policy losses, one answer a sample.

    Args:
        model: see `verified`.
        digits: of each operand, 1 or 2.
        operators: some of `+-*`.
        **options: those of `verified`; `rollouts` is `rollouts.once()` unless given.

    Returns:
        the task of `verified`.
    """
    return verified(model, arithmetic_problems(digits, operators), **{"rollouts": rollouts.once(), **options})
