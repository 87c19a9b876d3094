"""Values that change in steps."""

from __future__ import annotations

from collections.abc import Sequence

import optax

from ..core import checks
from .pieces import phases


def staged(values: Sequence[float], every: int) -> optax.Schedule:
    """Takes the next value after every so many steps and stays at the last: values[min(step // every, N - 1)].

    Args:
      values: N >= 1 numbers, such as the rounds of interaction an episode may have.
      every: steps of a stage, an integer >= 1.

    Returns:
      An `optax.Schedule`; the step is the number of finished updates, so a resumed run goes on where it was.

    Raises:
      ValueError: there is no value, or `every` is less than 1.

    Example:
      >>> schedule = schedules.staged((5, 8, 10), every=100)
      >>> [int(schedule(step)) for step in (0, 99, 100, 500)]
      [5, 5, 8, 10]

    Xi et al., "AgentGym-RL: Training LLM Agents for Long-Horizon Decision Making through Multi-Turn Reinforcement Learning",
    2025, arXiv 2509.08755 (ScalingInter-RL).
    """
    checks.integer("every", every, least=1)
    return staged_at([every * stage for stage in range(1, len(values))], values)


def staged_at(boundaries: Sequence[int], values: Sequence[float]) -> optax.Schedule:
    """Takes the next value at each boundary and stays at the last.

    Args:
      boundaries: N - 1 increasing integers >= 1; boundary i is the first step of values[i + 1].
      values: N >= 1 numbers.

    Returns:
      An `optax.Schedule`.

    Raises:
      ValueError: the numbers of boundaries and values do not fit, or the boundaries do not increase.

    Example:
      >>> longest_response = schedules.staged_at([200, 500], [2048, 4096, 8192])
    """
    if len(values) == 0 or len(boundaries) != len(values) - 1:
        raise ValueError(f"`values` must be one more than `boundaries`, got {len(values)} and {len(boundaries)}")
    starts = [0, *(checks.integer("boundaries", boundary) for boundary in boundaries)]
    lengths = [later - earlier for earlier, later in zip(starts, starts[1:], strict=False)]
    if any(length < 1 for length in lengths):
        raise ValueError(f"`boundaries` must be increasing and >= 1, got {list(boundaries)}")
    for value in values:
        checks.real("values", value)
    return phases([*zip(lengths, values, strict=False), (None, values[-1])])
