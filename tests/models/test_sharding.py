"""Logical axis names, and the same logits on a mesh."""

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from algax import models

CONFIG = models.TransformerConfig(
    vocabulary_size=8,
    hidden_size=16,
    num_layers=1,
    num_heads=4,
    num_key_value_heads=2,
    max_length=8,
    query_key_norm=True,
    bias="all",
)
MODULE = models.Transformer(CONFIG)
TOKENS = np.arange(32, dtype=np.int32).reshape(4, 8) % 8


@pytest.fixture(scope="module")
def boxed():
    """Parameters in the boxes that `init` puts them in."""
    rng = np.random.default_rng(0)
    abstract = jax.eval_shape(MODULE.init, jax.random.key(0), TOKENS)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0.3, 0.5, leaf.shape), leaf.dtype), abstract)


@pytest.fixture(scope="module")
def expected(boxed):
    return jax.jit(MODULE.apply)(flax.core.meta.unbox(boxed), TOKENS)


def mesh(data, model):
    return jax.sharding.Mesh(np.array(jax.devices()[: data * model]).reshape(data, model), ("data", "model"))


def test_logical_axis_names(boxed):
    names = flax.traverse_util.flatten_dict(jax.tree.map(tuple, flax.linen.get_partition_spec(boxed))["params"], sep="/")
    block = "blocks_0/"
    expected = {
        "embedding": ("vocabulary", "embed"),
        "head_kernel": ("embed", "vocabulary"),
        "final_norm/scale": ("embed",),
        block + "attention/query/kernel": ("embed", "heads", "head_size"),
        block + "attention/query/bias": ("heads", "head_size"),
        block + "attention/key/kernel": ("embed", "kv_heads", "head_size"),
        block + "attention/key/bias": ("kv_heads", "head_size"),
        block + "attention/value/kernel": ("embed", "kv_heads", "head_size"),
        block + "attention/value/bias": ("kv_heads", "head_size"),
        block + "attention/query_norm/scale": ("head_size",),
        block + "attention/key_norm/scale": ("head_size",),
        block + "attention/output/kernel": ("heads", "head_size", "embed"),
        block + "attention/output/bias": ("embed",),
        block + "attention_norm/scale": ("embed",),
        block + "mlp_norm/scale": ("embed",),
        block + "mlp/up/kernel": ("embed", "mlp"),
        block + "mlp/up/bias": ("mlp",),
        block + "mlp/gate/kernel": ("embed", "mlp"),
        block + "mlp/gate/bias": ("mlp",),
        block + "mlp/down/kernel": ("mlp", "embed"),
        block + "mlp/down/bias": ("embed",),
    }
    assert names == expected


def test_every_parameter_names_its_axes(boxed):
    is_box = lambda leaf: isinstance(leaf, flax.linen.LogicallyPartitioned)  # noqa: E731
    for box in jax.tree.leaves(boxed, is_leaf=is_box):
        assert is_box(box) and len(box.names) == box.value.ndim


@pytest.mark.parametrize(("shape", "fully_sharded"), [((4, 2), False), ((2, 4), True)])
def test_sharded_logits_equal_single_device(boxed, expected, shape, fully_sharded):
    grid = mesh(*shape)
    params = flax.core.meta.unbox(boxed)
    shardings = models.param_shardings(boxed, grid, models.logical_rules(fully_sharded))
    assert jax.tree.structure(shardings) == jax.tree.structure(params)
    attention = shardings["params"]["blocks_0"]["attention"]
    hidden = "data" if fully_sharded else None
    assert attention["query"]["kernel"].spec == PartitionSpec(hidden, "model", None)
    # Two key-value heads do not divide over four devices and are replicated there.
    assert attention["key"]["kernel"].spec == PartitionSpec(hidden, "model" if shape[1] == 2 else None, None)
    placed = jax.device_put(params, shardings)
    tokens = jax.device_put(TOKENS, NamedSharding(grid, PartitionSpec("data")))
    logits = jax.jit(MODULE.apply)(placed, tokens)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_shardings_of_abstract_parameters_and_of_a_mesh_with_one_axis():
    abstract = jax.eval_shape(MODULE.init, jax.random.key(0), TOKENS)
    grid = jax.sharding.Mesh(np.array(jax.devices()[:2]), ("data",))
    specs = jax.tree.map(lambda sharding: sharding.spec, models.param_shardings(abstract, grid))
    assert all(not any(spec) for spec in jax.tree.leaves(specs))
    plain = models.param_shardings({"x": jnp.zeros(4)}, grid)
    assert plain["x"].spec == PartitionSpec()
