"""Whole files, row files, checkpoints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax.experiments import files
from algax.experiments.checkpoint import Checkpoints


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_rows_survive_a_cut_and_drop_what_comes_after_the_checkpoint(tmp_path):
    path = tmp_path / "m.jsonl"
    files.append_rows(path, [{"step": 1, "x": 1.5}, {"step": 2, "x": 2.5}])
    with path.open("a") as file:
        file.write('{"step": 3, "x"')
    assert files.read_rows(path) == [{"step": 1, "x": 1.5}, {"step": 2, "x": 2.5}]
    assert files.keep_rows(path, 1) == [{"step": 1, "x": 1.5}]
    files.append_rows(path, [{"step": 2, "x": 3.5}])
    assert [row["x"] for row in files.read_rows(path)] == [1.5, 3.5]


def test_checkpoint_round_trip_with_typed_keys(tmp_path):
    keys = jax.random.split(jax.random.key(0), 3)
    state = {"keys": keys, "count": jnp.int32(7), "tree": (jnp.arange(3.0), (), {"half": jnp.ones(2, jnp.bfloat16)})}
    checkpoints = Checkpoints(tmp_path / "c")
    assert checkpoints.latest() is None
    for step in (1, 2, 3):
        checkpoints.save(step, state | {"count": jnp.int32(step)}, {"config": {"a": [1, 0.5]}})
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path / "c")
    assert checkpoints.latest() == 3 and checkpoints.config(3) == {"config": {"a": [1, 0.5]}}
    restored = checkpoints.restore(3, jax.eval_shape(lambda: state))
    checkpoints.close()
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    np.testing.assert_array_equal(jax.random.key_data(restored["keys"]), jax.random.key_data(keys))
    np.testing.assert_array_equal(jax.random.uniform(restored["keys"][1]), jax.random.uniform(keys[1]))
    assert int(restored["count"]) == 3 and restored["tree"][2]["half"].dtype == jnp.bfloat16
