"""`LossTransform` and its composition: a chain knows its data flow when it is built."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax

from . import checks, dataflow
from .terms import Metric, Terms, field_specs, record_name

State = Any


@dataclasses.dataclass(frozen=True, eq=False)
class LossTransform:
    """A pure step of a loss: reads some fields of a `Terms` and returns it with others replaced.

    Frozen, compared by identity, and usable as a function: `jax.jit(loss)(terms)` is the scalar loss; with state,
    `state = loss.init(); terms, state = loss.update(terms, state)`.

    Attributes:
      init: `() -> state`, a tree of static structure.
      update: `(terms, state) -> (terms, state)`; pure, safe under jit, vmap, grad, scan, pmap and shard_map.
      reads: fields it needs; for a chain the fields it needs from outside.
      writes: fields it replaces.
      metrics: names of the metrics it records.
      name: the public name.
      optional_reads: fields it uses when they are there.
      hyperparameters: name -> value, as `describe` prints them.
      couples_batch: True if it couples rows of the batch through differentiated fields, so that the batch must not be cut
        into micro-batches.
      transforms: the steps of a chain, flattened; a single transform has none.
      labels: the labels of the steps of a `named_chain`, whose state is a dict.
    """

    init: Callable[[], State]
    update: Callable[[Terms, State], tuple[Terms, State]]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    name: str = ""
    optional_reads: tuple[str, ...] = ()
    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    couples_batch: bool = False
    transforms: tuple[LossTransform, ...] = ()
    labels: tuple[str, ...] | None = None

    @property
    def requires(self) -> tuple[str, ...]:
        """The fields that must come from outside."""
        return self.reads

    @property
    def steps(self) -> tuple[LossTransform, ...]:
        """The single transforms this one consists of."""
        return self.transforms or (self,)

    def __call__(self, terms: Terms) -> jax.Array:
        """Returns the scalar loss of a batch, from the initial state.

        Raises:
          ValueError: nothing in it writes `loss`, or a required field is missing.
        """
        require_loss(self)
        loss = self.update(terms, self.init())[0].loss
        if loss is None:
            raise ValueError(f"{self.name} left `loss` unset")
        return loss


def require_loss(transform: LossTransform) -> None:
    """Raises a ValueError unless the transform writes `loss`."""
    if not isinstance(transform, LossTransform):
        raise TypeError(f"`loss` must be a LossTransform, got {transform!r}")
    if "loss" not in transform.writes:
        raise ValueError(f"{transform.name} never writes `loss`: end the chain with a reduction such as token_mean()")


def loss_transform(
    update: Callable[..., Any],
    *,
    reads: Iterable[str] = (),
    writes: Iterable[str] = (),
    optional_reads: Iterable[str] = (),
    metrics: Iterable[str] = (),
    hyperparameters: Mapping[str, Any] | None = None,
    init: Callable[[], State] | None = None,
    couples_batch: bool = False,
    name: str | None = None,
) -> LossTransform:
    """Makes a transform from one function; called inside the factory that binds the hyperparameters.

    Args:
      update: `terms -> terms`, or with `init` `(terms, state) -> (terms, state)`. It sees checked fields: floats of at
        least 32 bits, boolean masks, data without gradient.
      reads: fields that must be there.
      writes: fields it replaces; `loss` and metrics through `terms.add_loss` and `terms.add_metric`. A transform that
        adds to a field reads it too, as an optional one.
      optional_reads: fields it uses when they are there.
      metrics: names of the metrics it records.
      hyperparameters: what `describe` prints.
      init: `() -> state` for a transform with state.
      couples_batch: see `LossTransform`.
      name: the public name; the name of the calling factory when left out.

    Returns:
      A `LossTransform` that checks its input and that it writes only what it declares.
    """
    name = name or sys._getframe(1).f_code.co_name  # the factory that calls
    reads, optional_reads = checks.strings("reads", reads), checks.strings("optional_reads", optional_reads)
    writes, metrics = checks.strings("writes", writes), checks.strings("metrics", metrics)
    if "loss" in writes and "loss" not in optional_reads:
        optional_reads = (*optional_reads, "loss")

    def checked(terms: Terms, state: State) -> tuple[Terms, State]:
        _require_terms(name, terms)
        before = terms.prepare().replace(metrics={})
        _require_fields(name, reads, before)
        after, state = (update(before), state) if init is None else update(before, state)
        _require_declared(name, writes, metrics, before, after)
        return after.replace(metrics={**terms.metrics, **after.metrics}, prepared=terms.prepared), state

    return LossTransform(
        init or (lambda: ()), checked, reads, writes, metrics, name, optional_reads, dict(hyperparameters or {}), couples_batch
    )


def _require_terms(name: str, terms: Any) -> None:
    if not isinstance(terms, Terms):
        raise TypeError(f"{name} takes a Terms record, got {type(terms).__name__}")


def _require_fields(name: str, reads: tuple[str, ...], terms: Terms) -> None:
    for field in reads:
        if not hasattr(terms, field):
            raise ValueError(f"{name} reads `{field}`, which {record_name(terms)} does not have")
        if getattr(terms, field) is None:
            writers = _public_writers(field, terms)
            by = f", or put one of the transforms that write it before: {', '.join(writers)}" if writers else ""
            raise ValueError(f"{name} needs `{field}`, which is None: set it in {record_name(terms)}{by}")


def _public_writers(field: str, terms: Terms) -> list[str]:
    """The public transforms of the room of `terms` that write a field."""
    return [name for name, writes in _room_writes(type(terms).__module__.rpartition(".")[0]).items() if field in writes]


@functools.cache
def _room_writes(room: str) -> dict[str, tuple[str, ...]]:
    """Public transform -> the fields it writes, of the transforms of a room that need no arguments."""
    module = sys.modules.get(room)
    found = {}
    for public in getattr(module, "__all__", ()):
        try:
            transform = getattr(module, public)()
        except Exception:  # noqa: BLE001, S112 - a class, or a factory with required arguments, is no hint to give
            continue
        if isinstance(transform, LossTransform) and not transform.transforms:
            found[public] = transform.writes
    return found


def _require_declared(name: str, writes: tuple[str, ...], metrics: tuple[str, ...], before: Terms, after: Any) -> None:
    if type(after) is not type(before):
        raise TypeError(f"{name}: update must return a {record_name(before)}, got {type(after).__name__}")
    for field in field_specs(type(before)):
        if getattr(after, field) is not getattr(before, field) and field not in writes:
            raise ValueError(f"{name} writes `{field}`, which it does not declare in writes={writes}")
    if set(after.metrics) != set(metrics):
        raise ValueError(f"{name} records metrics {sorted(after.metrics)}, but declares {sorted(metrics)}")


def run(
    steps: tuple[LossTransform, ...], terms: Terms, states: tuple[State, ...], only: tuple[bool, ...] | None = None
) -> tuple[Terms, tuple[State, ...]]:
    """Runs the (selected) steps in order; each gets a key of its own, the same whichever are selected."""
    key, new_states = terms.key, list(states)
    keys = None if key is None else jax.random.split(key, len(steps))
    for i, step in enumerate(steps):
        if only is None or only[i]:
            own = terms if keys is None else terms.replace(key=keys[i])
            terms, new_states[i] = step.update(own, states[i])
    return terms.replace(key=key), tuple(new_states)


def chain(*transforms: LossTransform, name: str = "chain") -> LossTransform:
    """Composes transforms left to right into one.

    Args:
      *transforms: loss transforms; chains among them are flattened.
      name: the name in messages and tables.

    Returns:
      A `LossTransform` whose `reads` are the fields needed from outside and whose state is the tuple of the steps' states.

    Raises:
      ValueError: a write is overwritten before anything reads it, has no effect on the loss, or two steps record a metric
        of the same name.
    """
    for transform in transforms:
        if not isinstance(transform, LossTransform):
            raise TypeError(f"{name}: every argument must be a LossTransform, got {transform!r}")
    steps = tuple(step for transform in transforms for step in transform.steps)
    return _compose(steps, None, name)


def named_chain(*transforms: tuple[str, LossTransform], name: str = "named_chain") -> LossTransform:
    """Like `chain`, of (label, transform) pairs: the state is a dict by label, metrics are called label/metric."""
    steps: list[LossTransform] = []
    labels: list[str] = []
    for label, transform in transforms:
        for step in transform.steps:
            labels.append(label if len(transform.steps) == 1 else f"{label}/{step.name}")
            steps.append(_with_metric_prefix(step, label))
    repeated = {label for label in labels if labels.count(label) > 1}
    if repeated:
        raise ValueError(f"{name}: the labels must differ, got {sorted(repeated)} more than once")
    return _compose(tuple(steps), tuple(labels), name)


def _with_metric_prefix(step: LossTransform, label: str) -> LossTransform:
    def update(terms: Terms, state: State) -> tuple[Terms, State]:
        after, state = step.update(terms.replace(metrics={}), state)
        renamed = {f"{label}/{metric}": value for metric, value in after.metrics.items()}
        return after.replace(metrics={**terms.metrics, **renamed}), state

    return dataclasses.replace(step, update=update, metrics=tuple(f"{label}/{metric}" for metric in step.metrics))


def split_state(loss: LossTransform, state: State) -> tuple[State, ...]:
    """The states of a transform's steps, in order."""
    if not loss.transforms:
        return (state,)
    return tuple(state) if loss.labels is None else tuple(state[label] for label in loss.labels)


def join_state(loss: LossTransform, states: tuple[State, ...]) -> State:
    """The inverse of `split_state`."""
    if not loss.transforms:
        return states[0]
    return tuple(states) if loss.labels is None else dict(zip(loss.labels, states, strict=True))


def _compose(steps: tuple[LossTransform, ...], labels: tuple[str, ...] | None, name: str) -> LossTransform:
    if not steps:
        raise ValueError(f"{name} needs at least one transform")
    dataflow.check(steps, name)
    reads, optional_reads = dataflow.outside_reads(steps)
    composed = LossTransform(
        init=lambda: join_state(composed, tuple(step.init() for step in steps)),
        update=lambda terms, state: _run_chain(composed, terms, state),
        reads=reads,
        writes=tuple(dict.fromkeys(field for step in steps for field in step.writes)),
        metrics=tuple(metric for step in steps for metric in step.metrics),
        name=name,
        optional_reads=optional_reads,
        couples_batch=any(step.couples_batch for step in steps),
        transforms=steps,
        labels=labels,
    )
    return composed


def _run_chain(loss: LossTransform, terms: Terms, state: State) -> tuple[Terms, State]:
    _require_terms(loss.name, terms)
    result, states = run(loss.transforms, terms.prepare(), split_state(loss, state))
    return result.replace(prepared=terms.prepared), join_state(loss, states)


def metric_values(metrics: Mapping[str, Metric]) -> dict[str, jax.Array]:
    """Metric name -> mean."""
    return {name: metric.value for name, metric in metrics.items()}


def describe(loss: LossTransform) -> str:
    """Returns a table of the steps: transform, reads, writes, hyperparameters (optional reads in brackets)."""
    rows = [("transform", "reads", "writes", "hyperparameters")]
    labels = loss.labels or [step.name for step in loss.steps]
    for label, step in zip(labels, loss.steps, strict=True):
        reads = [*step.reads, *(f"[{field}]" for field in step.optional_reads)]
        settings = [f"{key}={getattr(value, '__name__', value)}" for key, value in step.hyperparameters.items()]
        rows.append((label, ", ".join(reads), ", ".join(step.writes), ", ".join(settings)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{loss.name}  requires: {', '.join(loss.requires)}", *lines])
