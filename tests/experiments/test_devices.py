"""One config on one device, a mesh of eight, `pmap`, and two processes of four: the same curves, and checkpoints that move."""

import os
import signal
import socket
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from algax import policy
from algax.experiments import devices, files, trainer
from algax.experiments.checkpoint import Checkpoints

from . import toy
from .test_resume import ROOT

LAYOUTS = {
    "data": {"data": 8},
    "fully sharded": {"data": 8, "fully_sharded": True},
    "data x model": {"data": 4, "model": 2},
    "pmap": {"data": 4, "pmap": True},
}


def curves(rows):
    """Every number of a run, in order."""
    names = sorted(set(rows[-1]) - {"arm"})
    return np.array([[row[name] for name in names] for row in rows if row["step"]])


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The curves on one device."""
    with jax.numpy_dtype_promotion("standard"):
        return curves(trainer.train(toy.transformer(), tmp_path_factory.mktemp("one"), progress=False).rows)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_curves(one, tmp_path, name):
    result = trainer.train(toy.transformer(devices=LAYOUTS[name]), tmp_path, progress=False)
    np.testing.assert_allclose(curves(result.rows), one, rtol=1e-5)


@pytest.fixture(scope="module")
def skipping(tmp_path_factory):
    """The curves of a loss with state and two parts, and a step that is skipped, on one device."""
    with jax.numpy_dtype_promotion("standard"):
        return curves(trainer.train(toy.config({"bad_step": 3}), tmp_path_factory.mktemp("skipping"), progress=False).rows)


@pytest.mark.parametrize("name", ["fully sharded", "pmap"])
def test_the_same_skipped_step_and_parts_of_the_loss(skipping, tmp_path, name):
    result = trainer.train(toy.config({"bad_step": 3}, devices=LAYOUTS[name]), tmp_path, progress=False)
    assert [row["train/skipped"] for row in result.rows if row["step"]] == [0, 1, 1]
    np.testing.assert_allclose(curves(result.rows), skipping, rtol=1e-5)


def test_a_checkpoint_of_eight_devices_goes_on_on_two_and_on_one(one, tmp_path, monkeypatch):
    save = Checkpoints.save

    def save_and_stop(self, step, *rest):
        save(self, step, *rest)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    for options in ({"data": 4, "model": 2, "fully_sharded": True}, {"data": 2}):
        with pytest.raises(trainer.Interrupted):
            trainer.train(toy.transformer(devices=options), tmp_path, progress=False)
    monkeypatch.undo()
    result = trainer.train(toy.transformer(), tmp_path, progress=False)
    assert result.resumed_from == 4
    np.testing.assert_allclose(curves(result.rows), one, rtol=1e-5)


def test_where_the_state_lies():
    """Hand-written: heads and feed-forward width over "model", hidden width over "data", moments like their parameters."""
    target = trainer.prepare(toy.transformer(devices={"data": 4, "model": 2, "fully_sharded": True})).target
    arm = target["arms"]["adam"]
    params = arm["params"]["params"]
    specs = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf.sharding.spec for path, leaf in leaves(params)}
    query = next(name for name in specs if name.endswith("query/kernel"))
    assert specs[query][:3] == (None, "data", "model")
    (adam,) = (state for state in jax.tree.leaves(arm["optimizer"], is_leaf=lambda x: hasattr(x, "mu")) if hasattr(state, "mu"))
    assert jax.tree.map(lambda leaf: leaf.sharding.spec, adam.mu["params"]) == jax.tree.map(lambda x: x.sharding.spec, params)
    assert adam.count.sharding.spec == target["keys"].sharding.spec == PartitionSpec()
    assert any("data" in spec for spec in specs.values()) and any("model" in spec for spec in specs.values())


def test_a_compiled_step_computes_each_row_on_one_device():
    """The feed-forward product of 8 rows of 4 tokens, 32 wide: 4 tokens a device, under the axis of the two seeds."""
    config = toy.transformer(devices={"data": 8}, seeds=2)
    program = trainer.prepare(config)
    arm, context, keys = program.target["arms"]["adam"], program.target["context"], program.target["keys"]
    first = jax.ShapeDtypeStruct((), np.int32, sharding=keys.sharding)
    text = program.train["adam"].lower(1, arm, context, keys, first).compile().as_text()
    products = [line.split(" dot(")[0].split()[-1] for line in text.splitlines() if " dot(" in line]
    assert any(shape.startswith("f32[2,4,32]") for shape in products)
    assert not any(shape.startswith(("f32[2,32,32]{", "f32[2,8,4,32]{")) for shape in products)


def leaves(tree):
    return jax.tree_util.tree_flatten_with_path(tree)[0]


def test_other_models_are_split_along_their_longest_axis():
    layout = devices.layout({"data": 4, "fully_sharded": True})
    params = {"kernel": jnp.ones((8, 12)), "odd": jnp.ones((3, 5)), "bias": jnp.ones(4)}
    specs = devices.param_specs(layout, None, params)
    assert specs["kernel",][1] == PartitionSpec(None, "data")
    assert specs["odd",][1] == PartitionSpec() and specs["bias",][1] == PartitionSpec("data")
    whole = devices.param_specs(layout._replace(fully_sharded=False), None, params)
    assert all(spec == PartitionSpec() for _, spec in whole.values())


def test_the_batch_is_split_and_only_its_rows():
    layout = devices.layout({"data": 4})
    tokens, inputs = jnp.ones((8, 3), jnp.int32), {"a": jnp.ones((8, 2))}
    terms = policy.Terms(inputs=inputs, tokens=tokens, rewards=jnp.ones(8), step=jnp.int32(3))
    placed = jax.jit(lambda terms: devices.place(layout, terms))(terms)
    assert placed.tokens.addressable_data(0).shape == (2, 3) and placed.inputs["a"].addressable_data(0).shape == (2, 2)
    assert placed.rewards.addressable_data(0).shape == (2,) and int(placed.step) == 3
    with pytest.raises(ValueError, match="data axis of 4 devices must divide the rows of a batch; `rewards` has 6"):
        devices.place(layout, policy.Terms(rewards=jnp.ones(6)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": 9}, "asks for 9 x 1 devices; there are 8"),
        ({"data": -1}, "at least 0"),
        ({"model": 0}, "at least 1"),
        ({"replicas": 2}, "no entry 'replicas'; known: data, model"),
        ({"data": 2, "model": 2, "pmap": True}, "no model axis"),
    ],
)
def test_wrong_devices(options, message):
    with pytest.raises(ValueError, match=message):
        devices.layout(options)


def test_default_is_one_device_and_zero_is_all():
    assert devices.layout({}).mesh is None and devices.layout({"data": 1}).data == 1
    assert devices.layout({"data": 0, "model": 2}).mesh.shape == {"data": 4, "model": 2}


PROCESS = """
import sys
from algax.experiments import configs, run
from ml_collections import ConfigDict
from tests.experiments import toy

configs.load = lambda name: ConfigDict(toy.transformer(devices={"data": 0, "model": 2, "fully_sharded": True}))
run.plots.plot = lambda *arguments: None
sys.exit(run.main(["run", "tests/toy", *sys.argv[1:]]))
"""


def test_two_processes_of_four_devices(one, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = os.environ["XLA_FLAGS"].replace("device_count=8", "device_count=4")
    changes = {"XLA_FLAGS": flags, "JAX_NUMPY_DTYPE_PROMOTION": "standard", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROCESS, f"--workdir={tmp_path}", f"--distributed={address}", "--processes=2"]
    options = {"text": True, "env": {**os.environ, **changes}, "cwd": ROOT}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    started = [subprocess.Popen([*command, f"--process={index}"], **pipes, **options) for index in range(2)]
    try:
        output = [process.communicate(timeout=240)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], "\n".join(text[-2000:] for text in output)
    assert "verdict:" in output[0] and "verdict:" not in output[1]
    np.testing.assert_allclose(curves(files.read_rows(tmp_path / "metrics.jsonl")), one, rtol=1e-5)
    saved = Checkpoints(tmp_path / "checkpoints")
    assert saved.newest(trainer.prepare(toy.transformer()).target).step == 6
    saved.close()
