"""The contract every loss transform keeps, as checks that anyone can run on a transform of their own.

`check_loss(loss, make_terms, params, forward)` runs them all; each raises a `ContractError` that says what was broken. The
central one: loss and gradient are the same however the batch is cut, padded, ordered or spread over devices.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from ..gradient import gradient
from ..terms import Terms, field_specs
from ..transform import LossTransform, split_state
from .batches import map_fields, nan_behind_masks, pad, reorder
from .errors import ContractError, TracedJit, require_compiled_once, require_same_types

ROWS = 8
TOLERANCE = 2e-5


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is checked; what several checks compare with is computed once.

    Attributes:
      loss: a chain or transform that writes `loss`.
      batches: two batches of `ROWS` rows with their data fields set.
      params: the parameters of a small model.
      forward: (params, terms, key) -> terms with the differentiated fields filled in.
      random: the loss draws random numbers per token, which cutting the batch changes.
      degenerate: what is degenerate about a batch -> the batch, of the same types as the others.
    """

    loss: LossTransform
    batches: tuple[Terms, Terms]
    params: Any
    forward: Callable[[Any, Terms, jax.Array | None], Terms]
    random: bool = False
    degenerate: Mapping[str, Terms] = dataclasses.field(default_factory=dict)

    def terms(self, index: int = 0) -> Terms:
        """The first or second batch."""
        return self.batches[index]

    @functools.cached_property
    def compiled(self) -> TracedJit:
        """The compiled step on the whole batch."""
        return TracedJit(self.step())

    @functools.cached_property
    def expected(self) -> Any:
        """The step's result on the first batch, one operation at a time."""
        return self.step()(self.params, self.terms())

    @functools.cached_property
    def narrow(self) -> tuple[jax.Array, dict[str, Any]]:
        """Loss and gradient for every float field, of 16-bit data and outputs."""
        terms = map_fields(self.forward(self.params, self.terms().prepare(), None), _bfloat16)
        terms = terms.replace(step=jnp.zeros([], jnp.int32), key=jax.random.key(3), prepared=False)
        fields = {name: getattr(terms, name) for name, spec in field_specs(type(terms)).items() if spec.kind != "tree"}
        floats = {
            name: value
            for name, value in fields.items()
            if value is not None and all(jnp.issubdtype(x.dtype, jnp.floating) for x in jax.tree.leaves(value))
        }
        return jax.jit(jax.value_and_grad(lambda floats: self.loss(terms.replace(**floats))))(floats)

    def step(self, *, microbatches: int = 1, axis_name: str | None = None, forward: Any = None) -> Callable[..., Any]:
        """`(params, terms) -> (gradient, loss, state)` from the initial state."""
        tx = gradient(self.loss, forward or self.forward, microbatches=microbatches, axis_name=axis_name)

        def one(params, terms):
            grad, state = tx.update(None, tx.init(params), params, terms=terms, key=jax.random.key(7))
            return grad, state.metrics["loss"], state

        return one


def check_loss(
    loss: LossTransform,
    make_terms: Callable[[np.random.Generator, int], Terms],
    params: Any,
    forward: Callable[[Any, Terms, jax.Array | None], Terms],
) -> None:
    """Runs every check on a loss.

    Args:
      loss: a transform or chain that writes `loss`.
      make_terms: `(rng, rows) -> Terms` with the data fields set, for `rows` a multiple of 4; some entries masked, no row
        empty.
      params: parameters of a small model, float32.
      forward: as for `algax.gradient`.

    Raises:
      ContractError: the contract is broken; the message says how. Checks over devices use those there are.
    """
    first, second = (make_terms(np.random.default_rng(seed), ROWS) for seed in (0, 1))
    run_checks(Subject(loss, (first, second), params, forward))


def run_checks(subject: Subject) -> None:
    """Runs every check of `CHECKS`, naming the one that fails.

    Compiling is what a check costs, so those of `TOGETHER` first run as one program; each runs alone only if that fails.
    """
    alone = [name for name in CHECKS if subject.random or name not in TOGETHER]
    _run(subject, alone)
    if not subject.random:
        try:
            check_together(subject)
        except ContractError as error:
            _run(subject, TOGETHER)
            raise ContractError(f"{subject.loss.name} breaks the contract ({', '.join(TOGETHER)} at once): {error}") from None


def _run(subject: Subject, names: Iterable[str]) -> None:
    for name in names:
        try:
            CHECKS[name](subject)
        except ContractError as error:
            raise ContractError(f"{subject.loss.name} breaks the contract ({name}): {error}") from None


def _close(what: str, actual: Any, expected: Any, tolerance: float = TOLERANCE, floor: float = 1e-3) -> None:
    for path, a in jax.tree_util.tree_leaves_with_path(actual):
        e = np.asarray(_at(expected, path), np.float64)
        a = np.asarray(a, np.float64)
        scale = max(floor, float(np.max(np.abs(e), initial=0.0)))
        if a.shape != e.shape or not np.all(np.abs(a - e) <= tolerance * scale):
            where = jax.tree_util.keystr(path)
            raise ContractError(f"{what}: {where or 'loss'} changed from\n{e}\nto\n{a}")


def _at(tree: Any, path: Any) -> Any:
    return dict(jax.tree_util.tree_leaves_with_path(tree))[path]


def _finite(what: str, *trees: Any) -> None:
    for leaf in jax.tree.leaves(trees):
        if not np.all(np.isfinite(np.asarray(leaf, np.float64))):
            raise ContractError(f"{what}: loss or gradient is not finite: {leaf}")


def _same_result(what: str, actual: Any, expected: Any) -> None:
    # A loss near 0 is a difference of terms about as large as its gradient, and keeps their rounding.
    steepest = max(float(np.max(np.abs(x), initial=0.0)) for x in jax.tree.leaves(expected[0]))
    _close(f"{what}: the loss", actual[1], expected[1], floor=max(1e-3, steepest))
    _close(f"{what}: the gradient", actual[0], expected[0])


def check_declared_fields(subject: Subject) -> None:
    """Every step reads and writes exactly what it declares; tracing tells."""
    terms = jax.eval_shape(lambda terms: subject.forward(subject.params, terms.prepare(), None), subject.terms())
    terms = terms.replace(step=jax.ShapeDtypeStruct([], jnp.int32), key=jax.random.key(3))
    for step, state in zip(subject.loss.steps, split_state(subject.loss, subject.loss.init()), strict=True):
        terms = _check_step(step, state, terms)


def _check_step(step: LossTransform, state: Any, terms: Terms) -> Terms:
    """The types of the batch after a step that sees only what it declares."""
    specs = field_specs(type(terms))
    masks = [name for name, spec in specs.items() if spec.kind == "mask"]
    declared = [name for name in (*step.reads, *step.optional_reads, "step", *masks) if getattr(terms, name) is not None]
    visible = terms.replace(**{name: None for name in specs if name not in declared}, metrics={})

    def outputs(fields):
        before = visible.replace(**fields)
        after, new_state = step.update(before, state)
        unwritten = [name for name in step.writes if getattr(after, name) is getattr(before, name)]
        if unwritten:
            raise ContractError(f"{step.name} declares that it writes `{unwritten[0]}`, and does not")
        return {name: getattr(after, name) for name in step.writes}, after.metrics, new_state

    fields = {name: getattr(terms, name) for name in declared}
    try:
        jaxpr, (written, _, _) = jax.make_jaxpr(outputs, return_shape=True)(fields)
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"{step.name} fails when only the fields it declares are there: {error}") from error
    flat = jax.tree_util.tree_leaves_with_path(fields)
    used = {path[0].key for (path, _), is_used in zip(flat, used_inputs(jaxpr.jaxpr), strict=True) if is_used}
    unread = [name for name in declared if name in (*step.reads, *step.optional_reads) and name not in (*masks, *used)]
    if unread:
        raise ContractError(f"{step.name} declares that it reads `{unread[0]}`, and does not")
    return terms.replace(**written)


def used_inputs(jaxpr: Any) -> list[bool]:
    """Which inputs of a jaxpr reach an output."""
    needed = {id(v) for v in jaxpr.outvars}
    for eqn in reversed(jaxpr.eqns):
        if any(id(v) in needed for v in eqn.outvars):
            needed |= {id(v) for v in eqn.invars}
    return [id(v) in needed for v in jaxpr.invars]


def check_jit(subject: Subject) -> None:
    """Compiled equals eager, a second batch does not recompile, the state keeps its types."""
    _require_stable_state(subject)
    _same_result("compiled against eager", subject.compiled(subject.params, subject.terms()), subject.expected)
    subject.compiled(subject.params, subject.terms(1))
    require_compiled_once("the step", subject.compiled)


def _require_stable_state(subject: Subject) -> None:
    """Then a scan can carry the state."""
    require_same_types("the state", subject.expected[2], gradient(subject.loss, subject.forward).init(subject.params))


def check_vmap(subject: Subject) -> None:
    """Mapping over seeds gives each seed its own result."""
    scales = (1.0, 0.5)
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *subject.batches)
    params = jax.tree.map(lambda x: jnp.stack([scale * x for scale in scales]), subject.params)
    mapped = jax.jit(jax.vmap(subject.step()))(params, stacked)
    for i, (batch, scale) in enumerate(zip(subject.batches, scales, strict=True)):
        alone = subject.compiled(jax.tree.map(lambda x, s=scale: s * x, subject.params), batch)
        _same_result(f"vmap, seed {i}", jax.tree.map(lambda x, i=i: x[i], mapped[:2]), alone)


def check_microbatches(subject: Subject) -> None:
    """1, 2 and 4 micro-batches give the same loss and gradient."""
    if subject.random or subject.loss.couples_batch:
        return
    for k in (2, 4):
        actual = jax.jit(subject.step(microbatches=k))(subject.params, subject.terms())
        _same_result(f"{k} micro-batches against 1", actual, subject.expected)


def check_devices(subject: Subject) -> None:
    """Pmap over 2 and shard_map over 4 devices give the loss and gradient of one."""
    if subject.random or len(jax.devices()) < 4:
        return
    one = subject.step(axis_name="devices")
    split = jax.tree.map(lambda x: x.reshape(2, x.shape[0] // 2, *x.shape[1:]), subject.terms())
    actual = jax.pmap(one, axis_name="devices", in_axes=(None, 0), devices=jax.devices()[:2])(subject.params, split)
    _same_result("pmap over 2 devices", jax.tree.map(lambda x: x[0], actual[:2]), subject.expected)
    sharded = _sharded(lambda params, terms: one(params, terms)[:2], PartitionSpec("devices"))
    actual = jax.jit(sharded)(subject.params, subject.terms())
    _same_result("shard_map over 4 devices", actual, subject.expected)


def check_together(subject: Subject) -> None:
    """What `TOGETHER` checks one by one, in one program.

    Shard_map over 4 devices (over one, where there are fewer) with 2 micro-batches each, mapped over three batches with NaN
    behind every mask: one padded and reordered, another one under other parameters, and one that is all masked out. Then
    the same program on the two in other places and order, and on degenerate batches. Pmap is shard_map under another name.
    """
    _require_stable_state(subject)
    parts = 1 if subject.loss.couples_batch else 2
    one = subject.step(microbatches=parts, axis_name="devices", forward=_spoilt(subject.forward))
    compiled = TracedJit(_sharded(jax.vmap(lambda params, terms: one(params, terms)[:2]), PartitionSpec(None, "devices")))

    def results(*batches, scales=(1.0, 0.5, 0.5)):
        spoilt = [nan_behind_masks(batch, roles=("data",)) for batch in batches]
        params = jax.tree.map(lambda x: jnp.stack([scale * x for scale in scales]), subject.params)
        mapped = compiled(params, jax.tree.map(lambda *x: jnp.stack(x), *spoilt))
        return [jax.tree.map(lambda x, i=i: x[i], mapped) for i in range(len(batches))]

    padded = [pad(batch, ROWS, 2) for batch in subject.batches]
    first, second, nothing = results(reorder(padded[0]), padded[1], map_fields(padded[1], _unmask))
    _same_result("compiled, cut, padded and reordered", first, subject.expected)
    _require_nothing(*nothing)
    # The other batch is compared with itself: in another place of the mapped axis, its rows in other parts of the cut.
    moved, again, _ = results(reorder(padded[1]), padded[0], padded[0], scales=(0.5, 1.0, 1.0))
    _same_result("mapped with another batch, cut in another way", moved, second)
    _same_result("compiled, cut and padded", again, subject.expected)

    names = list(subject.degenerate)
    for start in range(0, len(names), 3):
        three = (names[start : start + 3] * 3)[:3]
        for name, result in zip(three, results(*(pad(subject.degenerate[name], ROWS, 2) for name in three)), strict=True):
            _finite(name, *result)
    require_compiled_once("the step", compiled)


def check_degenerate(subject: Subject) -> None:
    """Degenerate batches give a finite loss and gradient."""
    for name, batch in subject.degenerate.items():
        grad, loss, _ = subject.compiled(subject.params, batch)
        _finite(name, grad, loss)


def _unmask(spec: Any, x: jax.Array) -> jax.Array:
    return jnp.zeros_like(x) if spec.kind == "mask" else x


def _spoilt(forward: Callable[..., Terms]) -> Callable[..., Terms]:
    """A forward function whose outputs behind the masks are NaN."""
    return lambda params, terms, key: nan_behind_masks(forward(params, terms, key), roles=("differentiated",))


def _require_nothing(grad: Any, loss: jax.Array) -> None:
    _close("with everything masked out: the loss", loss, jnp.zeros_like(loss), 0.0)
    _close("with everything masked out: the gradient", grad, jax.tree.map(jnp.zeros_like, grad), 0.0)


def _sharded(function: Callable[..., Any], rows: PartitionSpec) -> Callable[..., Any]:
    """The function of (params, terms), with the rows of the batch over 4 devices, or over one where there are fewer."""
    devices = jax.devices()[: 4 if len(jax.devices()) >= 4 else 1]
    axis_types = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((len(devices),), ("devices",), axis_types=axis_types, devices=devices)
    return jax.shard_map(function, mesh=mesh, in_specs=(PartitionSpec(), rows), out_specs=PartitionSpec())


def check_order(subject: Subject) -> None:
    """The order of the rows changes nothing."""
    if not subject.random:
        actual = subject.compiled(subject.params, reorder(subject.terms()))
        _same_result("with the rows in another order", actual, subject.expected)


def check_masks(subject: Subject) -> None:
    """What is masked out changes nothing, even NaN; with everything masked out loss and gradient are exactly 0."""
    step = jax.jit(subject.step(forward=_spoilt(subject.forward)))
    padded = pad(subject.terms(), 4, 2)
    spoilt = nan_behind_masks(padded, roles=("data",))
    if not subject.random:
        _same_result("with rows and positions added, masked out, NaN", step(subject.params, spoilt), subject.expected)
    empty = map_fields(padded, _unmask)
    grad, loss, _ = step(subject.params, nan_behind_masks(empty, roles=("data",)))
    _require_nothing(grad, loss)


def check_bfloat16(subject: Subject) -> None:
    """16-bit data and outputs give a finite float32 loss and finite gradients."""
    loss, grads = subject.narrow
    _finite("bfloat16", grads, loss)
    if loss.dtype != jnp.float32:
        raise ContractError(f"bfloat16: the loss is {loss.dtype}, and must be float32")


def _bfloat16(spec: Any, x: jax.Array) -> jax.Array:
    return x.astype(jnp.bfloat16) if jnp.issubdtype(x.dtype, jnp.floating) and spec.kind != "tree" else x


def check_gradient_flow(subject: Subject) -> None:
    """Gradients flow into differentiated fields and into no data."""
    _, grads = subject.narrow
    specs = field_specs(type(subject.terms()))
    flows = {name for name, grad in grads.items() if any(np.any(np.asarray(x) != 0) for x in jax.tree.leaves(grad))}
    leaks = sorted(name for name in flows if specs[name].role != "differentiated")
    if leaks:
        raise ContractError(f"gradient flows into `{leaks[0]}`, which is {specs[leaks[0]].role}")
    if not flows:
        raise ContractError("no gradient flows into any differentiated field")


def check_finite_differences(subject: Subject) -> None:
    """The gradient is that of the value, in float64, along a random direction."""
    with jax.enable_x64(True):
        wide = _widen(subject.params)
        terms = map_fields(subject.terms(), lambda spec, x: _widen(x))
        rng = np.random.default_rng(5)
        direction = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), wide)
        step = jax.jit(subject.step())
        grad, _, _ = step(wide, terms)
        expected = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(grad), jax.tree.leaves(direction), strict=True))

        def moved(size):
            return step(jax.tree.map(lambda x, d: x + size * d, wide, direction), terms)[1]

        _close("finite differences against the gradient", (moved(1e-6) - moved(-1e-6)) / 2e-6, expected, 1e-4)


def _widen(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


CHECKS: dict[str, Callable[[Subject], None]] = {
    "declared_fields": check_declared_fields,
    "jit": check_jit,
    "vmap": check_vmap,
    "microbatches": check_microbatches,
    "devices": check_devices,
    "order": check_order,
    "masks": check_masks,
    "degenerate": check_degenerate,
    "bfloat16": check_bfloat16,
    "gradient_flow": check_gradient_flow,
}

# What one program can tell: that the same loss and gradient come out, or finite ones; `check_together` asks for all of it.
TOGETHER = ("jit", "vmap", "microbatches", "devices", "order", "masks", "degenerate")
