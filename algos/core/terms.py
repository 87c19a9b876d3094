"""`Terms`: the named arrays a loss reads and writes, and the reductions that do not depend on how a batch is cut.

Two kinds of reduction, and the difference is the whole point:

* `terms.sum`, `terms.mean` are for losses. They are differentiable and *partial*: the numerator is summed over the rows at
  hand, the denominator counts the whole batch. The parts of all micro-batches and devices add up to the batch's value.
* `terms.batch_sum`, `terms.batch_mean`, `terms.batch_variance`, `terms.groups` are statistics. They carry no gradient
  and are the same number on every device. Asking for one where only a micro-batch is visible is an error, not a bias.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import jax
import jax.numpy as jnp
from flax import struct

from . import checks, numerics
from .distribution import FactoredLogits, Logits

Array = jax.Array


class FieldSpec(NamedTuple):
    """What a `Terms` class declares of a field: its axes (`"B T"`), role and kind."""

    axes: tuple[str, ...]
    role: str  # "data" (given, no gradient), "differentiated" (filled by forward), "derived" (written by transforms)
    kind: str  # "array", "mask", "distribution" or "tree"


def _field(axes: str, role: str, kind: str = "array") -> Any:
    return struct.field(default=None, metadata={"spec": FieldSpec(tuple(axes.split()), role, kind)})


def data(axes: str = "") -> Any:
    """Declares a recorded array; no gradient ever flows into it."""
    return _field(axes, "data")


def mask(axes: str) -> Any:
    """Declares a mask: true (or non-zero) where an entry counts; left out, every entry counts."""
    return _field(axes, "data", "mask")


def differentiated(axes: str = "") -> Any:
    """Declares an array that `forward` computes from the parameters."""
    return _field(axes, "differentiated")


def derived(axes: str = "") -> Any:
    """Declares an array that transforms write."""
    return _field(axes, "derived")


def distribution(axes: str, *, role: str = "differentiated") -> Any:
    """Declares a `Logits` or `FactoredLogits`."""
    return _field(axes, role, "distribution")


@struct.dataclass
class Metric:
    """A mean as (sum, count), so that parts of a batch add up."""

    sum: Array
    count: Array

    @property
    def value(self) -> Array:
        """Sum / count, and 0 for an empty count."""
        return numerics.safe_divide(self.sum, self.count)


class Totals(NamedTuple):
    """How many entries and non-empty rows of a mask count in the whole batch."""

    entries: Array
    rows: Array


def field_specs(cls: type[Terms]) -> dict[str, FieldSpec]:
    """The declared fields of a `Terms` class."""
    return {f.name: f.metadata["spec"] for f in dataclasses.fields(cls) if "spec" in f.metadata}


@dataclasses.dataclass(frozen=True)
class Groups:
    """Statistics over groups of rows, given back for every row at hand; without gradient, empty rows left out."""

    terms: Any
    segment_ids: Array
    valid: Array

    def sum(self, x: Array) -> Array:
        """Sum over the row's group: `[B] -> [B]`."""
        return self._reduce(jax.ops.segment_sum, x, 0.0)

    def max(self, x: Array) -> Array:
        """Largest value in the row's group: `[B] -> [B]`."""
        return self._reduce(jax.ops.segment_max, x, float(jnp.finfo(x.dtype).min))

    def count(self, x: Array) -> Array:
        """How many rows the row's group has, in the dtype of `x`: `[B]`."""
        return self._reduce(jax.ops.segment_sum, jnp.ones_like(x), 0.0)

    def mean(self, x: Array) -> Array:
        """Mean over the row's group, 0 for an empty one: `[B] -> [B]`."""
        return numerics.safe_divide(self.sum(x), self.count(x))

    def is_first(self, x: Array) -> Array:
        """True on exactly one row of every group, whatever is in `x`: `[B] -> [B]`."""
        return self.terms.local_rows(self._first(), x.shape[0])

    def mean_of_groups(self, x: Array) -> Array:
        """Mean over the groups, each counting once, of a value all rows of a group share: `[B] -> []`."""
        first = self._first()
        total = jnp.sum(jnp.where(first, self.terms.gather(x), 0.0))
        return numerics.safe_divide(total, jnp.sum(first, dtype=x.dtype))

    def variance_of_groups(self, x: Array, *, ddof: int = 0) -> Array:
        """Variance over the groups, as `mean_of_groups`, with divisor groups - ddof; 0 where that is not positive."""
        first = self._first()
        squares = jnp.where(first, jnp.square(self.terms.gather(x) - self.mean_of_groups(x)), 0.0)
        return numerics.safe_divide(jnp.sum(squares), jnp.maximum(jnp.sum(first, dtype=x.dtype) - ddof, 0.0))

    def rank(self, x: Array) -> Array:
        """How many rows of the group have a smaller value, in the dtype of `x`: `[B] -> [B]`."""
        order, ids, values = self._sorted(x)
        index = jnp.arange(ids.shape[0])
        group_starts = _starts(ids)
        first_equal = jax.lax.cummax(jnp.where(group_starts | _starts(values), index, 0))
        smaller = first_equal - jax.lax.cummax(jnp.where(group_starts, index, 0))
        ranks = jnp.zeros_like(index).at[order].set(smaller)
        return self.terms.local_rows(ranks, x.shape[0]).astype(x.dtype)

    def quantile(self, x: Array, level: Array | float) -> Array:
        """Quantile of the group's values, linear between the neighbours, 0 for an empty group: `[B] -> [B]`."""
        _, ids, values = self._sorted(x)
        count = jax.ops.segment_sum(self.valid.astype(x.dtype), self.segment_ids, num_segments=ids.shape[0])
        start = jax.ops.segment_min(jnp.arange(ids.shape[0]), ids, num_segments=ids.shape[0])
        last = jnp.maximum(count - 1.0, 0.0)
        lower = jnp.floor(level * last)
        low = values[start + lower.astype(start.dtype)]
        high = values[start + jnp.minimum(lower + 1.0, last).astype(start.dtype)]
        quantiles = jnp.where(count > 0, low + (level * last - lower) * (high - low), 0.0)
        return self.terms.local_rows(quantiles[self.segment_ids], x.shape[0])

    def only(self, where: Array) -> Groups:
        """The same groups of fewer rows, those in `where` `[B]`."""
        return dataclasses.replace(self, valid=self.valid & self.terms.gather(where))

    def split(self, ids: Array) -> Groups:
        """Finer groups: the rows of a group that also share `ids` `[B]`, any integers."""
        return dataclasses.replace(self, segment_ids=_dense_ids(self.terms.gather(ids), self.segment_ids))

    def _first(self) -> Array:
        index = jnp.arange(self.valid.shape[0])
        valid = jnp.where(self.valid, index, index.shape[0])
        first = jax.ops.segment_min(valid, self.segment_ids, num_segments=index.shape[0])
        return self.valid & (first[self.segment_ids] == index)

    def _sorted(self, x: Array) -> tuple[Array, Array, Array]:
        """Order, ids and values of the rows sorted by group and value, rows that do not count last in their group."""
        values = jnp.where(self.valid, self.terms.gather(x), float(jnp.finfo(x.dtype).max))
        order = jnp.lexsort((values, self.segment_ids))
        return order, self.segment_ids[order], values[order]

    def _reduce(self, segment_reduce: Any, x: Array, neutral: float) -> Array:
        values = jnp.where(self.valid, self.terms.gather(x), neutral)
        reduced = segment_reduce(values, self.segment_ids, num_segments=values.shape[0])
        return self.terms.local_rows(reduced[self.segment_ids], x.shape[0])


def _starts(x: Array) -> Array:
    """Where a sorted array takes a new value: `[N] -> [N]`."""
    return jnp.concatenate([jnp.ones([1], bool), x[1:] != x[:-1]])


def _segment_ids(ids: Array) -> Array:
    """The ids `[N]` as they are where all lie in 0..N-1, and numbered from 0 on where they do not: `[N]`."""
    # Sorting to number them takes longer than all else that is done with groups, and rollouts are mostly numbered already.
    small = jnp.all((ids >= 0) & (ids < ids.shape[0]))
    return jax.lax.cond(small, lambda ids: ids.astype(int), _dense_ids, ids)


def _dense_ids(*keys: Array) -> Array:
    """Numbers the combinations of keys `[N]` from 0 on: `[N]`."""
    order = jnp.lexsort(keys)
    starts = functools.reduce(jnp.logical_or, (_starts(key[order]) for key in keys))
    return jnp.zeros_like(order).at[order].set(jnp.cumsum(starts, dtype=order.dtype) - 1)


def record_name(record: type[Terms] | Terms) -> str:
    """What messages call a record: room and class, such as policy.Terms."""
    cls = record if isinstance(record, type) else type(record)
    return ".".join([*cls.__module__.split(".")[-2:-1], cls.__qualname__])


def row_counts(where: Array) -> Array:
    """How many entries of each row of a boolean mask count: `[B, ...] -> [B]`, float32."""
    if where.ndim == 1:
        return where.astype(jnp.float32)
    # Added as bytes first, sixteen to one: XLA would write all entries out as four-byte numbers before it adds any.
    where = where.reshape(where.shape[0], -1)
    where = jnp.pad(where, ((0, 0), (0, -where.shape[1] % 16)))
    bytes_of_sixteen = jnp.sum(where.reshape(where.shape[0], 16, where.shape[1] // 16), axis=1, dtype=jnp.uint8)
    return jnp.sum(bytes_of_sixteen, axis=1, dtype=jnp.float32)


def row_mask(where: Array) -> Array:
    """Which rows of a mask hold anything: `[B, ...] -> [B]`."""
    return row_counts(where) > 0 if where.ndim > 1 else where


def _zero_behind_masks(value: Any, spec: FieldSpec, masks: list[tuple[tuple[str, ...], Array]]) -> Any:
    """Zeroes what lies behind the first mask that covers the field's axes, or for `[B]` its empty rows."""
    if spec.kind in ("mask", "tree"):
        return value
    for axes, where in masks:
        if spec.axes[: len(axes)] == axes:
            return _zero(value, where)
    for axes, where in masks:
        if spec.axes == axes[:1]:
            return _zero(value, row_mask(where))
    return value


def _zero(value: Any, where: Array) -> Any:
    def zero(x):
        return jnp.where(where.reshape(where.shape + (1,) * (x.ndim - where.ndim)), x, jnp.zeros([], x.dtype))

    return value.map_leading(zero) if isinstance(value, Logits | FactoredLogits) else zero(value)


@struct.dataclass
class Terms:
    """The named arrays of one batch; every room has its own subclass, absent fields are `None`.

    The annotations leave the `None` out, because a transform sees only fields that are there: it declares what it reads.

    Attributes:
      inputs: whatever `forward` needs; every array in it has a leading batch axis.
      loss: `[]` this part's share of the loss, written by the transforms.
      step: `[]` integer at which schedules are read.
      key: `jax.random.key`; a chain gives every transform its own.
      metrics: name -> `Metric`, written with `add_metric`.
      totals: mask name -> `Totals` of the whole batch; set when a batch is processed in parts.
      axis_name: the mapped axis (or axes) over which the batch is split, under `pmap` or `shard_map`.
      whole: False while a micro-batch is processed, so that statistics over a part are refused.
      prepared: True while transforms run on fields that `prepare` has checked.
    """

    batch_axes: ClassVar[tuple[str, ...]] = ("B",)

    if TYPE_CHECKING:  # flax.struct adds it

        def replace(self, **changes: Any) -> Self:
            """Returns a record with some fields replaced."""

    inputs: Any = _field("", "data", "tree")
    loss: Array = derived()
    step: Array = data()
    key: Array | None = struct.field(default=None)
    metrics: dict[str, Metric] = struct.field(default_factory=dict)
    totals: dict[str, Totals] = struct.field(default_factory=dict)
    axis_name: str | tuple[str, ...] | None = struct.field(pytree_node=False, default=None)
    whole: bool = struct.field(pytree_node=False, default=True)
    prepared: bool = struct.field(pytree_node=False, default=False)

    # ----- preparation -------------------------------------------------------------------------------------------

    def prepare(self) -> Self:
        """Makes the fields what transforms may rely on; done once before a chain runs.

        Ranks and sizes are checked, 16-bit floats cast to float32, masks to bool (a missing one is all true), entries behind
        a mask set to 0, and gradients into data stopped.

        Raises:
          ValueError: a field has the wrong rank, or its size disagrees with another field's.
        """
        if self.prepared:
            return self
        specs = field_specs(type(self))
        fields = {name: self._checked(name, spec) for name, spec in specs.items() if getattr(self, name) is not None}
        sizes = self._axis_sizes(fields)
        masks = {}
        for name, spec in specs.items():
            if spec.kind == "mask" and all(axis in sizes for axis in spec.axes):
                given = fields.get(name)
                masks[name] = jnp.ones([sizes[axis] for axis in spec.axes], bool) if given is None else given
        for name, value in fields.items():
            fields[name] = _zero_behind_masks(value, specs[name], [(specs[m].axes, masks[m]) for m in masks])
        return self.replace(**{**fields, **masks, "prepared": True})

    def _checked(self, name: str, spec: FieldSpec) -> Any:
        value, record = getattr(self, name), record_name(self)
        if spec.kind == "tree":
            return value
        if spec.kind == "distribution":
            if not isinstance(value, Logits | FactoredLogits):
                raise TypeError(f"{record}: `{name}` must be a Logits or FactoredLogits, got {type(value).__name__}")
        else:
            value = numerics.at_least_float32(jnp.asarray(value))
            value = value != 0 if spec.kind == "mask" and value.dtype != jnp.bool_ else value
        if len(value.shape) != len(spec.axes):
            raise ValueError(f"{record}: `{name}` must have shape [{', '.join(spec.axes)}], got {tuple(value.shape)}")
        return jax.tree.map(jax.lax.stop_gradient, value) if spec.role == "data" else value

    def _axis_sizes(self, fields: dict[str, Any]) -> dict[str, int]:
        sizes: dict[str, tuple[str, int]] = {}
        for name, value in fields.items():
            spec = field_specs(type(self))[name]
            for axis, size in zip(spec.axes, () if spec.kind == "tree" else value.shape, strict=True):
                other, expected = sizes.setdefault(axis, (name, size))
                if size != expected:
                    raise ValueError(
                        f"{record_name(self)}: `{name}` has size {size} on axis {axis}, but `{other}` has {expected}"
                    )
        return {axis: size for axis, (_, size) in sizes.items()}

    def map_rows(self, fn: Callable[[str, Array], Array]) -> Self:
        """Applies `fn(field name, array)` to every array that has rows of the batch as its leading axis."""
        changes = {}
        for name, spec in field_specs(type(self)).items():
            value, apply = getattr(self, name), functools.partial(fn, name)
            if value is None:
                continue
            if spec.kind == "tree":
                changes[name] = jax.tree.map(lambda x, apply=apply: apply(x) if jnp.ndim(x) else x, value)
            elif spec.axes and spec.axes[0] in self.batch_axes:
                changes[name] = value.map_leading(apply) if spec.kind == "distribution" else apply(value)
        return self.replace(**changes)

    # ----- reductions for losses: partial, differentiable -------------------------------------------------------------

    def where(self, x: Array, mask: str = "mask") -> Array:
        """The mask that fits `x`: entries for `[B, T]`, non-empty rows for `[B]`."""
        where = getattr(self, mask, None)
        if where is None:
            return jnp.ones(x.shape, bool)
        return row_mask(where) if x.ndim < where.ndim else where

    def total(self, x: Array, mask: str = "mask") -> Array:
        """How many entries (`[B, T]`) or rows (`[B]`) like those of `x` count in the whole batch, as float32 `[]`."""
        if mask in self.totals:
            totals = self.totals[mask]
        elif self.whole:
            totals = self._count(self.where(x, mask))
        else:
            raise ValueError(f"{record_name(self)}: a batch processed in micro-batches needs `{mask}`")
        spec = field_specs(type(self)).get(mask)
        return totals.rows if spec is not None and x.ndim < len(spec.axes) else totals.entries

    def _count(self, where: Array) -> Totals:
        counts = row_counts(where)
        entries, rows = jnp.sum(counts), jnp.sum(counts > 0, dtype=jnp.float32)
        return Totals(self.across_devices(entries), self.across_devices(rows))

    def with_totals(self) -> Self:
        """Records the whole batch's counts of every mask, for processing it in parts."""
        masks = {name: getattr(self, name) for name, spec in field_specs(type(self)).items() if spec.kind == "mask"}
        totals = {name: self._count(where) for name, where in masks.items() if where is not None}
        return self.replace(totals=totals)

    def sum(self, x: Array, mask: str = "mask") -> Array:
        """Partial sum of the entries that count: the parts of a batch add up to its sum."""
        return jnp.sum(jnp.where(self.where(x, mask), x, 0.0))

    def mean(self, x: Array, mask: str = "mask", *, count: Array | float | None = None) -> Array:
        """Partial mean: the sum over these rows divided by the count over the whole batch (or by `count`).

        `[B, T]` averages over tokens, `[B]` over non-empty rows; an empty batch gives 0.
        """
        total = self.total(x, mask) if count is None else jnp.asarray(count, jnp.float32)
        return numerics.safe_divide(self.sum(x, mask), total.astype(x.dtype))

    # ----- reductions within a row: differentiable ---------------------------------------------------------------------

    def row_sum(self, x: Array, mask: str = "mask") -> Array:
        """`[B, T] -> [B]`: sum over the entries that count."""
        return jnp.sum(jnp.where(self.where(x, mask), x, 0.0), axis=1)

    def row_count(self, mask: str = "mask") -> Array:
        """`[B]`: how many entries of each row count, as float32."""
        return row_counts(getattr(self, mask))

    def row_mean(self, x: Array, mask: str = "mask") -> Array:
        """`[B, T] -> [B]`: mean over the entries that count, 0 for an empty row."""
        return numerics.safe_divide(self.row_sum(x, mask), self.row_count(mask).astype(x.dtype))

    # ----- statistics of the whole batch: no gradient, equal on every device ------------------------------------------------

    def across_devices(self, x: Array) -> Array:
        """Sums a statistic over `axis_name`, if there is one."""
        return x if self.axis_name is None else jax.lax.psum(x, self.axis_name)

    def _require_whole(self) -> None:
        if not self.whole:
            raise ValueError(
                "a statistic over the batch was asked for while only a micro-batch is visible: the transform reads a "
                "differentiated field, so declare it with couples_batch=True and use microbatches=1"
            )

    def batch_sum(self, x: Array, mask: str = "mask") -> Array:
        """Sum over the whole batch, without gradient."""
        self._require_whole()
        return self.across_devices(self.sum(jax.lax.stop_gradient(x), mask))

    def batch_mean(self, x: Array, mask: str = "mask") -> Array:
        """Mean over the whole batch, without gradient; 0 for an empty batch."""
        return numerics.safe_divide(self.batch_sum(x, mask), self.batch_sum(jnp.ones_like(x), mask))

    def batch_variance(self, x: Array, mask: str = "mask", *, ddof: int = 0) -> Array:
        """Variance over the whole batch with divisor count - ddof, without gradient; 0 where that is not positive."""
        count = self.batch_sum(jnp.ones_like(x), mask)
        squares = self.batch_sum(jnp.square(jax.lax.stop_gradient(x) - self.batch_mean(x, mask)), mask)
        return numerics.safe_divide(squares, jnp.maximum(count - ddof, 0.0))

    def gather(self, x: Array) -> Array:
        """`[B, ...]` of every device in one array, without gradient."""
        self._require_whole()
        x = jax.lax.stop_gradient(x)
        return x if self.axis_name is None else jax.lax.all_gather(x, self.axis_name, tiled=True)

    def local_rows(self, x: Array, rows: int) -> Array:
        """This device's `rows` rows of a gathered array."""
        if self.axis_name is None:
            return x
        return jax.lax.dynamic_slice_in_dim(x, jax.lax.axis_index(self.axis_name) * rows, rows)

    def groups(self, group_ids: Array, mask: str = "mask") -> Groups:
        """The rows of the whole batch by group; `group_ids` `[B]` may be any integers, groups may be spread over devices."""
        ids, valid = self.gather(group_ids), self.gather(self.where(jnp.zeros(group_ids.shape), mask))
        return Groups(self, _segment_ids(ids), valid)

    # ----- writing ----------------------------------------------------------------------------------------------------------

    def add_loss(self, part: Array) -> Self:
        """Adds a partial sum or mean to `loss`."""
        loss = part if self.loss is None else self.loss + part
        return self.replace(loss=loss)

    def add_metric(self, name: str, x: Array, mask: str = "mask", *, where: Array | None = None) -> Self:
        """Records the mean of `x` (`[]`, `[B]` or `[B, T]`) over the entries that count, and lie in `where`."""
        x = jax.lax.stop_gradient(x)
        if x.ndim == 0:
            metric = Metric(x, jnp.ones_like(x))
        else:
            counted = self.where(x, mask) if where is None else self.where(x, mask) & where
            metric = Metric(jnp.sum(jnp.where(counted, x, 0.0)), jnp.sum(counted, dtype=x.dtype))
        return self.replace(metrics={**self.metrics, name: metric})

    def value(self, name: str, hyperparameter: checks.ScalarOrSchedule) -> Any:
        """A number as it is; a schedule read at `step`."""
        if not callable(hyperparameter):
            return hyperparameter
        if self.step is None:
            raise ValueError(f"`{name}` is a schedule, which is read at `step`: set terms.step")
        return hyperparameter(self.step)
