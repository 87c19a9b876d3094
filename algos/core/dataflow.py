"""The data flow of a chain, known from declared reads and writes: what it needs, what is lost, what can run once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

# Every reduction reads the mask and `add_loss` adds to the loss, so these count as read by every step.
ALWAYS_READ = ("mask",)


class Step(Protocol):
    """What the analysis looks at."""

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> tuple[str, ...]: ...
    @property
    def optional_reads(self) -> tuple[str, ...]: ...
    @property
    def writes(self) -> tuple[str, ...]: ...
    @property
    def metrics(self) -> tuple[str, ...]: ...


def all_reads(step: Step) -> set[str]:
    """The fields a step may look at."""
    return {*step.reads, *step.optional_reads, *ALWAYS_READ}


def outside_reads(steps: Sequence[Step]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields needed, and those used when present, that no earlier step writes."""
    written: set[str] = set()
    required: dict[str, None] = {}
    optional: dict[str, None] = {}
    for step in steps:
        required.update(dict.fromkeys(field for field in step.reads if field not in written))
        optional.update(dict.fromkeys(field for field in step.optional_reads if field not in written))
        written.update(step.writes)
    return tuple(required), tuple(field for field in optional if field not in required)


def check(steps: Sequence[Step], name: str) -> None:
    """Raises a ValueError for a lost write, a step without effect on the loss, or a metric recorded twice."""
    for i, step in enumerate(steps):
        for field in step.writes:
            overwriter = _overwriter(steps[i + 1 :], field)
            if overwriter is not None:
                raise ValueError(f"{name}: `{field}` written by {step.name} is overwritten by {overwriter} before it is read")
    _check_effect(steps, name)
    metrics = [metric for step in steps for metric in step.metrics]
    repeated = sorted({metric for metric in metrics if metrics.count(metric) > 1})
    if repeated:
        raise ValueError(f"{name}: metric {repeated[0]!r} is recorded by two steps; tell them apart with named_chain")


def _overwriter(later: Sequence[Step], field: str) -> str | None:
    for step in later:
        if field in all_reads(step):
            return None
        if field in step.writes:
            return step.name
    return None


def _check_effect(steps: Sequence[Step], name: str) -> None:
    """A step after the last reduction, say, would be ignored in silence."""
    if not any("loss" in step.writes for step in steps):
        return
    needed = {"loss"}
    for step in reversed(steps):
        if step.writes and not needed.intersection(step.writes):
            raise ValueError(
                f"{name}: {step.name} has no effect on the loss, because nothing after it reads "
                f"{', '.join(f'`{field}`' for field in step.writes)}: put it before the reduction that writes `loss`"
            )
        needed |= all_reads(step)


def depends_on(steps: Sequence[Step], sources: Iterable[str]) -> tuple[bool, ...]:
    """For each step, whether what it computes depends on one of the source fields."""
    tainted, result = set(sources), []
    for step in steps:
        depends = bool(tainted & all_reads(step))
        tainted = tainted | set(step.writes) if depends else tainted - set(step.writes)
        result.append(depends)
    return tuple(result)


def check_order(steps: Sequence[Step], depends: Sequence[bool]) -> None:
    """Raises if running the independent steps first would change what an earlier dependent step sees."""
    for i, step in enumerate(steps):
        for earlier, earlier_depends in zip(steps[:i], depends[:i], strict=True):
            seen = all_reads(earlier) | set(earlier.writes)
            if earlier_depends and not depends[i] and seen.intersection(step.writes):
                field = sorted(seen.intersection(step.writes))[0]
                raise ValueError(
                    f"{step.name} depends on the data alone and runs once on the whole batch, but it writes `{field}`, which "
                    f"{earlier.name} before it sees: put {step.name} before {earlier.name}"
                )
