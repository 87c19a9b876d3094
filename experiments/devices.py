"""Where a run computes: one device, a (data, model) mesh of devices and processes, or `pmap`."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from algax import Terms, models
from algax.experiments.configs import DEVICES


class Layout(NamedTuple):
    """The devices of a run; `mesh` is None on one device and under `pmap`, which uses the first `data` devices."""

    data: int
    mesh: Mesh | None
    fully_sharded: bool
    pmap: bool

    @property
    def axis_name(self) -> str | None:
        """The mapped axis that `algax.gradient` sums over; a mesh needs none."""
        return "data" if self.pmap else None


def layout(options: Mapping[str, Any]) -> Layout:
    """The devices a config asks for.

    Args:
        options: `data` and `model`, the sizes of the mesh (`data` 0: as many as there are devices); `fully_sharded`, whether
            parameters and optimizer are split over `data` too; `pmap`, whether `jax.pmap` splits the batch instead.

    Raises:
        ValueError: for other options, for more devices than there are, and for `pmap` with anything but `data`.
    """
    options = {**DEVICES, **options}
    if unknown := sorted(set(options) - set(DEVICES)):
        raise ValueError(f"config.devices has no entry {unknown[0]!r}; known: {', '.join(DEVICES)}")
    data, model, available = options["data"], options["model"], jax.device_count()
    if data < 0 or model < 1:
        raise ValueError(f"config.devices.data must be at least 0 and model at least 1; got {data} and {model}")
    data = data or max(available // model, 1)
    if data * model > available:
        raise ValueError(f"config.devices asks for {data} x {model} devices; there are {available}")
    if jax.process_count() > 1 and data * model != available:
        raise ValueError(f"{jax.process_count()} processes use all {available} devices: set config.devices.data=0")
    if options["pmap"]:
        if model > 1 or options["fully_sharded"] or jax.process_count() > 1:
            raise ValueError("config.devices.pmap splits the batch of one process: no model axis, no fully_sharded")
        return Layout(data, None, False, True)
    if data * model == 1:
        return Layout(1, None, False, False)
    chosen = jax.devices()[: data * model]
    mesh = jax.make_mesh((data, model), ("data", "model"), axis_types=(AxisType.Auto,) * 2, devices=chosen)
    return Layout(data, mesh, options["fully_sharded"], False)


def place(layout: Layout, terms: Terms) -> Terms:
    """The batch split over the data axis: a constraint on a mesh, this device's rows under `pmap`.

    Raises:
        ValueError: where the number of rows cannot be split.
    """
    if layout.mesh is None and not layout.pmap:
        return terms

    def rows(name, x):
        if x.shape[0] % layout.data:
            must = f"the data axis of {layout.data} devices must divide the rows of a batch"
            raise ValueError(f"{must}; `{name}` has {x.shape[0]}")
        if layout.mesh is not None:
            return jax.lax.with_sharding_constraint(x, NamedSharding(layout.mesh, PartitionSpec("data")))
        count = x.shape[0] // layout.data
        return jax.lax.dynamic_slice_in_dim(x, jax.lax.axis_index("data") * count, count)

    return terms.map_rows(rows)


def _names(path: tuple) -> tuple[str, ...]:
    """A leaf's path as plain names."""
    return tuple(str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path)


def _by_path(tree: Any) -> dict[tuple[str, ...], Any]:
    return {_names(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}


def _match(path: tuple[str, ...], table: Mapping[tuple[str, ...], Any]) -> Any:
    """The entry of the longest end of a path, None where there is none."""
    return next((table[path[start:]] for start in range(len(path)) if path[start:] in table), None)


def param_specs(layout: Layout, model: Any, params: Any) -> dict[tuple[str, ...], tuple[tuple[int, ...], PartitionSpec]]:
    """Shape and partition of every parameter by its path.

    A Transformer's are split by their logical axes. Any other is replicated, or with `fully_sharded` split over "data"
    along the longest axis that its size divides.

    Args:
        layout: with a mesh.
        model: the config's model.
        params: shapes of one seed's parameters.
    """
    logical = {}
    if isinstance(model, models.Transformer):
        boxed = jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1), jnp.int32))
        rules = models.logical_rules(layout.fully_sharded)
        logical = _by_path(models.param_shardings(boxed, layout.mesh, rules))
    specs = {}
    for path, leaf in _by_path(params).items():
        found = _match(path, logical)
        specs[path] = (leaf.shape, _longest(layout, leaf.shape) if found is None else found.spec)
    return specs


def _longest(layout: Layout, shape: tuple[int, ...]) -> PartitionSpec:
    sizes = [size if size % layout.data == 0 else 0 for size in shape]
    if not layout.fully_sharded or max(sizes, default=0) < layout.data:
        return PartitionSpec()
    axis = int(np.argmax(sizes))
    return PartitionSpec(*(None,) * axis, "data")


def state_shardings(layout: Layout, model: Any, state: Any) -> Any:
    """The sharding of every leaf of a run's state, whose leading axis is the seeds.

    Parameters go where `param_specs` says, and so does whatever ends in a parameter's path and has its shape: moments of an
    optimizer, reference parameters. The rest is replicated.

    Args:
        layout: the run's devices.
        model: the config's model.
        state: shapes, as `jax.eval_shape` gives them.
    """
    if layout.mesh is None:
        return jax.tree.map(lambda leaf: SingleDeviceSharding(jax.devices()[0]), state)
    first = next(iter(state["arms"].values()))["params"]
    params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), first)
    specs = param_specs(layout, model, params)

    def sharding(path, leaf):
        shape, spec = _match(_names(path), specs) or (None, None)
        partition = PartitionSpec(None, *spec) if leaf.shape[1:] == shape else PartitionSpec()
        return NamedSharding(layout.mesh, partition)

    return jax.tree_util.tree_map_with_path(sharding, state)


def replicated(layout: Layout) -> NamedSharding | None:
    """The sharding of what every device holds whole; None without a mesh."""
    return None if layout.mesh is None else NamedSharding(layout.mesh, PartitionSpec())


def compile_steps(layout: Layout, steps: Callable, shardings: Any) -> Callable:
    """The compiled form of `steps(length, *arrays) -> (state, metrics)`; `shardings` are those of the state."""
    if layout.pmap:
        return _pmapped(layout, steps)
    if layout.mesh is None:
        return compiled(steps, static_argnums=0)
    return compiled(steps, static_argnums=0, out_shardings=(shardings, replicated(layout)))


def compiled(function: Callable, **options: Any) -> Callable:
    """`jax.jit` for the programs of a run; on CPUs LLVM optimises them at its first level.

    Small programs are compiled for longer than they run, and large ones run no slower: a library multiplies their matrices.
    """
    on_cpu = jax.default_backend() == "cpu"
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 1} if on_cpu else None, **options)


def _pmapped(layout: Layout, steps: Callable) -> Callable:
    """`pmap` over the data axis; state goes in and comes out once, for all devices compute the same."""
    devices = jax.devices()[: layout.data]

    @functools.cache
    def mapped(length, count):
        def program(index, *arrays):
            del index  # pmap wants an argument that is mapped
            return steps(length, *arrays)

        return jax.pmap(program, axis_name="data", in_axes=(0, *(None,) * count), devices=devices)

    def run(length, *arrays):
        result = mapped(length, len(arrays))(np.arange(layout.data), *arrays)
        return jax.tree.map(lambda leaf: leaf.addressable_data(0)[0], result)

    return run
