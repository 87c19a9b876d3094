"""Killed, stopped, out of disk: a run goes on to the same bits."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from algax.experiments import configs, files, trainer
from algax.experiments.checkpoint import Checkpoints

from . import killing, toy

ROOT = pathlib.Path(__file__).parents[2]


def python(*arguments, **options):
    """Runs Python on one device in a process of its own."""
    flags = "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_NUMPY_DTYPE_PROMOTION": "standard", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, **options)


def final(workdir, config):
    """The last checkpoint of a run."""
    checkpoints = Checkpoints(workdir / "checkpoints")
    saved = checkpoints.newest(trainer.prepare(config).target)
    checkpoints.close()
    return saved


def test_a_run_killed_twenty_times_ends_with_the_same_bits(tmp_path):
    result = python("-m", "tests.experiments.killing", str(tmp_path))
    assert result.returncode == 0, result.stderr[-3000:]
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["status"] == 0 and len(told["rows"]) == killing.KILLS and len(set(told["rows"])) > killing.KILLS // 2
    assert (tmp_path / "killed/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()
    rows = files.read_rows(tmp_path / "killed/metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(killing.STEPS + 1))
    whole, killed = (final(tmp_path / name, killing.config()) for name in ("whole", "killed"))
    assert whole.step == killed.step == killing.STEPS and whole.rows == killed.rows
    for ours, theirs in zip(jax.tree.leaves(whole.state), jax.tree.leaves(killed.state), strict=True):
        if jax.dtypes.issubdtype(ours.dtype, jax.dtypes.prng_key):
            ours, theirs = map(jax.random.key_data, (ours, theirs))
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


FULL_DISK = """
import pathlib, resource, sys
from algax.experiments import trainer
from algax.experiments.checkpoint import Checkpoints
from tests.experiments import toy

save = Checkpoints.save

def on_a_small_disk(self, step, *rest):
    if step == 4:
        self._manager.wait_until_finished()  # the disk fills up only after step 2 is on it
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
    save(self, step, *rest)

Checkpoints.save = on_a_small_disk
try:
    trainer.train(toy.config({"features": 20_000}, keep={"last": 1}), pathlib.Path(sys.argv[1]), progress=False)
except OSError as error:
    print(error)
    sys.exit(2)
"""


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    result = python("-c", FULL_DISK, str(tmp_path / "run"))
    assert result.returncode == 2, result.stderr[-3000:]
    assert "could not be written" in result.stdout and "step 2 is the newest whole one" in result.stdout
    config = toy.config({"features": 20_000}, keep={"last": 1})
    assert final(tmp_path / "run", config).step == 2
    resumed = trainer.train(config, tmp_path / "run", progress=False)
    assert resumed.resumed_from == 2 and [row["step"] for row in resumed.rows] == [0, 2, 4, 6]


def test_another_config_is_refused_by_name_but_other_devices_are_not(tmp_path):
    trainer.train(toy.config(steps=2), tmp_path, progress=False)
    with pytest.raises(ValueError, match="steps was 2 and is 4; choose another --workdir"):
        trainer.train(toy.config(steps=4), tmp_path, progress=False)
    moved = toy.config(steps=2, keep={"last": 5, "every": 0, "best": "lower"}, devices={**configs.DEVICES, "data": 2})
    assert trainer.train(moved, tmp_path, progress=False).resumed_from == 2


def test_a_damaged_newest_checkpoint_costs_one_interval(tmp_path):
    whole = trainer.train(toy.config(), tmp_path, progress=False)
    for path in (tmp_path / "checkpoints" / "6" / "state").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:10])
    with pytest.warns(UserWarning, match="step 6 in .* is damaged and skipped"):
        again = trainer.train(toy.config(), tmp_path, progress=False)
    assert again.resumed_from == 4 and again.rows == whole.rows == files.read_rows(tmp_path / "metrics.jsonl")
