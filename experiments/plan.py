"""Memory of a run before anything is computed: bytes a device, from shapes and shardings alone."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend.core import Literal
from jax.sharding import AbstractMesh

from algax import models
from algax.experiments import devices, resolve, trainer
from algax.experiments.tasks.pretrained import Pretrained

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
VIEWS = ("transpose", "reshape", "squeeze", "expand_dims")
EXPLANATION = """\
batch:       the data of one step, split over the data axis
activations: what the backward pass of one step keeps of the forward pass, before XLA fuses or drops any of it, on each
             device that of its rows of the batch; what the model axis splits of it is not taken off, so this is a bound
frozen:      what a seed keeps unchanged: reference parameters, the split of the data
the run:     the arms take turns, but the parameters and optimiser states of all of them stay on the devices
Not counted: the cache and logits of sampling, a warm start, fully sharded parameters while a layer gathers them, updates in
flight, and XLA's scratch space."""


class Amount(NamedTuple):
    """Bytes on all devices together, each array counted once, and on one device."""

    total: int
    device: int

    def __add__(self, other):
        return Amount(self.total + other.total, self.device + other.device)


def parse_devices(text: str) -> dict[str, int | bool]:
    """The entries of `data=8,model=2,fully_sharded=true`.

    Raises:
        ValueError: for an unknown axis or a value of another kind.
    """
    found: dict[str, int | bool] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name not in ("data", "model", "fully_sharded"):
            raise ValueError(f"--devices has no axis {name!r}: {resolve.nearest(name, ['data', 'model', 'fully_sharded'])}")
        if name == "fully_sharded":
            if value not in ("true", "false", "True", "False"):
                raise ValueError(f"--devices: fully_sharded is true or false; got {value!r}")
            found[name] = value.lower() == "true"
        elif not value.isdigit() or int(value) < 1:
            raise ValueError(f"--devices: {name} is a number of devices, at least 1; got {value!r}")
        else:
            found[name] = int(value)
    return found


def abstract_layout(options: Mapping[str, Any]) -> devices.Layout:
    """The layout of a config's `devices`, on a mesh without devices.

    Raises:
        ValueError: for sizes below 1.
    """
    data, model = options["data"], options["model"]
    if data < 1 or model < 1:
        raise ValueError(f"a plan needs the number of devices: data and model of at least 1; got {data} and {model}")
    return devices.Layout(data, AbstractMesh((data, model), ("data", "model")), options["fully_sharded"], False)


def _bytes(leaf: Any) -> int:
    return math.prod(leaf.shape) * leaf.dtype.itemsize


def _stored(tree: Any, shardings: Any) -> Amount:
    """What arrays take where they are placed."""
    parts = jax.tree.map(
        lambda leaf, to: Amount(_bytes(leaf), math.prod(to.shard_shape(leaf.shape)) * leaf.dtype.itemsize), tree, shardings
    )
    return add(jax.tree.leaves(parts, is_leaf=lambda part: isinstance(part, Amount)))


def residuals(forward: Callable, losses: Mapping[str, Callable], params: Any, terms: Any) -> dict[str, list]:
    """By arm, the arrays that the backward pass keeps of `losses[arm](forward(params, terms))`, but for `params` and `terms`.

    The forward pass is traced once for all arms, which is most of the work.
    """

    def kept(params, terms):
        filled, backward = jax.vjp(lambda params: forward(params, terms), params)
        return {arm: jax.tree.leaves((backward, jax.vjp(loss, filled)[1])) for arm, loss in losses.items()}

    closed, shapes = jax.make_jaxpr(kept, return_shape=True)(params, terms)
    jaxpr, counts = closed.jaxpr, {arm: len(leaves) for arm, leaves in shapes.items()}
    given = {*jaxpr.invars, *jaxpr.constvars}
    for equation in jaxpr.eqns:  # another view of what is given takes no room
        if equation.primitive.name in VIEWS and given.issuperset(equation.invars):
            given.update(equation.outvars)
    found, variables = {}, iter(jaxpr.outvars)
    for arm in sorted(losses):  # the order of a dict's leaves
        own = [variable for variable in itertools.islice(variables, counts[arm]) if not isinstance(variable, Literal)]
        arrays = [variable.aval for variable in dict.fromkeys(own) if variable not in given]
        found[arm] = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]
    return found


def _batch(layout: devices.Layout, terms: Any, seeds: int) -> tuple[Amount, int]:
    """The bytes of a batch, and its rows.

    Raises:
        ValueError: if the data axis does not divide the rows.
    """
    rows: list[jax.ShapeDtypeStruct] = []
    jax.eval_shape(lambda terms: terms.map_rows(lambda name, x: rows.append(jax.typeof(x)) or x), terms)
    for array in rows:
        if array.shape[0] % layout.data:
            raise ValueError(f"the data axis of {layout.data} devices must divide the rows of a batch; got {array.shape[0]}")
    whole, split = sum(map(_bytes, jax.tree.leaves(terms))), sum(map(_bytes, rows))
    count = max((array.shape[0] for array in rows), default=1)
    return Amount(seeds * whole, seeds * (whole - split + split // layout.data)), count


def _activations(layout: devices.Layout, arrays: list, rows: int, seeds: int) -> Amount:
    """Residuals whose leading axis is the rows of the batch, or a multiple of them, are split with them."""
    split = sum(_bytes(array) for array in arrays if array.shape and array.shape[0] and array.shape[0] % rows == 0)
    whole = sum(map(_bytes, arrays))
    return Amount(seeds * whole, seeds * (whole - split + split // layout.data))


def _without_seeds(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), tree)


def amounts(config: Mapping, layout: devices.Layout) -> dict[str, dict[str, Amount]]:
    """What every arm of a config takes, all seeds together, by kind; traced only.

    Raises:
        ValueError: wherever the config is wrong, and if the batch cannot be split.
    """
    model, seeds = resolve.resolve(config["model"]), config["seeds"]
    if isinstance(model, Pretrained):
        model = model.clone(read_weights=False)
        config = {**config, "model": model}
    # A warm start changes no shape, and takes as long to trace as all the rest.
    spec = config["task"] | ({"warm_steps": 0} if "warm_steps" in config["task"] else {})
    task, arms = trainer.build({**config, "task": spec})
    state = jax.eval_shape(functools.partial(trainer.init_state, task, arms), trainer.seed_numbers(seeds))
    shardings = devices.state_shardings(layout, model, state)
    frozen = _stored(state["context"], shardings["context"])
    entries = {name: _without_seeds(entry) for name, entry in state["arms"].items()}
    context, key = _without_seeds(state["context"]), _without_seeds(state["keys"])
    losses = {name: resolve.loss(spec["loss"]) for name, spec in config["arms"].items()}
    steps = {}
    for task in {id(arm.task): arm.task for arm in arms.values()}.values():  # most arms share one
        own = {name: losses[name] for name, arm in arms.items() if arm.task is task}
        steps |= _steps(layout, task, own, entries[next(iter(own))], context, key, seeds)
    found = {}
    for name in arms:
        arm, places = state["arms"][name], shardings["arms"][name]
        stored = _stored(arm["params"], places["params"])
        found[name] = {
            "parameters": stored,
            "optimiser state": _stored(
                (arm["optimizer"], arm["memory"]), (places["optimizer"], places["memory"])
            ),
            "frozen": frozen,
            "gradient": stored,
            **steps[name],
        }
    return found


def _steps(layout, task, losses: Mapping[str, Callable], arm, context, key, seeds: int) -> dict[str, dict[str, Amount]]:
    """By arm, the batch and the activations of a step of the arms with these losses, which share a task."""
    terms, _ = jax.eval_shape(functools.partial(trainer.batch, task), arm, context, jax.ShapeDtypeStruct((), jnp.int32), key)
    batch, rows = _batch(layout, terms, seeds)
    terms = jax.eval_shape(lambda terms: terms.replace(step=jnp.zeros([], jnp.int32)), terms)
    kept = residuals(lambda params, terms: task.forward(params, terms, jax.random.key(0)), losses, arm["params"], terms)
    return {name: {"batch": batch, "activations": _activations(layout, kept[name], rows, seeds)} for name in losses}


def add(parts: Iterable[Amount]) -> Amount:
    """The sum of amounts."""
    return sum(parts, Amount(0, 0))


def whole_run(found: Mapping[str, Mapping[str, Amount]]) -> Amount:
    """Parameters and optimiser state of all arms, what they share, and the rest of the arm that needs most."""
    states = [kinds[name] for kinds in found.values() for name in ("parameters", "optimiser state")]
    steps = [add(kinds[name] for name in ("gradient", "batch", "activations")) for kinds in found.values()]
    return add([*states, next(iter(found.values()))["frozen"], max(steps, key=lambda step: step.device)])


def _row(name: str, kind: Amount) -> str:
    return f"{name:<24} {amount(kind.total):>14} {amount(kind.device):>14}"


def unsplit(layout: devices.Layout, model: Any) -> list[str]:
    """One line for each logical axis of a Transformer that is held whole because its size does not divide."""
    if not isinstance(model, models.Transformer):
        return []
    places = dict(models.logical_rules(layout.fully_sharded))
    model = model.clone(config=dataclasses.replace(model.config, num_layers=1))  # all layers have the same axes
    boxed = jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1), jnp.int32))
    leaves = jax.tree.leaves(boxed, is_leaf=lambda leaf: isinstance(leaf, nn.LogicallyPartitioned))
    axes = {axis: None for leaf in leaves for axis in zip(leaf.names, leaf.value.shape, strict=True)}
    lines = []
    for name, size in axes:
        place = places.get(name)
        if place and size % layout.mesh.shape[place]:
            lines.append(f"not split: {name} of size {size} does not divide over {place}={layout.mesh.shape[place]}")
    return lines


def amount(count: int) -> str:
    """Bytes in the unit that leaves at most four digits before the point."""
    power = min(int(math.log2(count)) // 10, len(UNITS) - 1) if count else 0
    return f"{count} B" if not power else f"{count / 1024**power:.2f} {UNITS[power]}"


def table(config: Mapping, chosen: str | None = None) -> str:
    """The plan of a config, one table an arm.

    Args:
        config: a plain mapping, see `configs.comparison`.
        chosen: devices in place of the config's, see `parse_devices`.

    Raises:
        ValueError: see `parse_devices`, `abstract_layout` and `amounts`.
    """
    options = {**config["devices"], **(parse_devices(chosen) if chosen else {})}
    layout = abstract_layout(options)
    over = "parameters split over data too" if layout.fully_sharded else "parameters whole along data"
    head = f"data={layout.data} x model={options['model']} ({layout.data * options['model']} devices, {over})"
    lines = [f"{config['experiment']} on {head}, {config['seeds']} seeds in one program"]
    found = amounts(config, layout)
    for arm, kinds in found.items():
        lines += ["", f"{f'arm {arm}':<24} {'total':>14} {'per device':>14}"]
        lines += [_row(name, kind) for name, kind in {**kinds, "sum": add(kinds.values())}.items()]
    lines += ["", _row("the run", whole_run(found))]
    return "\n".join([*lines, "", *unsplit(layout, resolve.resolve(config["model"])), EXPLANATION])
