"""Logical axis names of the Transformer's parameters and their places on a (data, model) mesh."""

from typing import Any

import flax.linen as nn
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Rules = tuple[tuple[str, str | None], ...]

AXIS_NAMES = ("embed", "heads", "kv_heads", "head_size", "mlp", "vocabulary", "length")


def logical_rules(fully_sharded: bool = False) -> Rules:
    """Returns which mesh axis, "data", "model" or None, each logical axis is split over.

    Heads, feed-forward width and vocabulary go over "model". The hidden width goes over "data" if `fully_sharded`, so
    that each device holds a part of every matrix; else it is replicated.

    Args:
        fully_sharded: whether parameters are split over the data axis too.

    Returns:
        Pairs of logical and mesh axis, as Flax's logical partitioning takes them.
    """
    hidden = "data" if fully_sharded else None
    split = {"embed": hidden, "heads": "model", "kv_heads": "model", "mlp": "model", "vocabulary": "model"}
    return tuple((name, split.get(name)) for name in AXIS_NAMES)


def param_shardings(boxed: Any, mesh: Mesh, rules: Rules | None = None) -> Any:
    """Returns the sharding of each parameter.

    An axis whose size the mesh axis does not divide is replicated (few key-value heads on many devices), and so is one
    whose mesh axis `mesh` does not have.

    Args:
        boxed: what `module.init`, or `jax.eval_shape` of it, returned: arrays boxed with logical axis names.
        mesh: a mesh with axes "data", "model" or both.
        rules: pairs of logical and mesh axis; None means `logical_rules()`.

    Returns:
        A tree of `NamedSharding`, of the structure of the unboxed parameters.
    """
    places = dict(logical_rules() if rules is None else rules)

    def place(name: str | None, size: int) -> str | None:
        axis = None if name is None else places.get(name)
        return axis if axis in mesh.shape and size % mesh.shape[axis] == 0 else None

    def sharding(leaf: Any) -> NamedSharding:
        if not isinstance(leaf, nn.LogicallyPartitioned):
            return NamedSharding(mesh, PartitionSpec())
        return NamedSharding(mesh, PartitionSpec(*map(place, leaf.names, leaf.value.shape)))

    return jax.tree.map(sharding, boxed, is_leaf=lambda leaf: isinstance(leaf, nn.LogicallyPartitioned))
