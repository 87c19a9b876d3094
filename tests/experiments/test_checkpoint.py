"""Checkpoints: round trip, what is kept, damaged ones, other structures, failed writes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from algax.experiments.checkpoint import Checkpoints


def state_of(count):
    keys = jax.random.split(jax.random.key(0), 3)
    return {"keys": keys, "count": jnp.int32(count), "tree": (jnp.arange(3.0), (), {"half": jnp.ones(2, jnp.bfloat16)})}


def target():
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    shapes = jax.eval_shape(lambda: state_of(0))
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), shapes)


def save(folder, steps, pinned=(), scores=None, **options):
    """Saves a state at every step and returns the steps that stay."""
    checkpoints = Checkpoints(folder, **options)
    for step in steps:
        checkpoints.pinned.steps = set(pinned)
        checkpoints.save(step, state_of(step), {"config": {"a": [1, 0.5]}}, [{"step": step}], scores and scores[step])
    checkpoints.close()
    checkpoints = Checkpoints(folder, **options)
    left = checkpoints.steps()
    checkpoints.close()
    return left


def newest(folder, **options):
    checkpoints = Checkpoints(folder)
    try:
        return checkpoints.newest(target(), **options)
    finally:
        checkpoints.close()


def test_round_trip_with_typed_keys(tmp_path):
    assert newest(tmp_path / "c") is None
    save(tmp_path / "c", (1, 2, 3))
    saved = newest(tmp_path / "c")
    assert saved.step == 3 and saved.record["config"] == {"a": [1, 0.5]} and saved.rows == [{"step": 3}]
    assert jax.tree.structure(saved.state) == jax.tree.structure(state_of(3))
    keys = state_of(3)["keys"]
    np.testing.assert_array_equal(jax.random.key_data(saved.state["keys"]), jax.random.key_data(keys))
    np.testing.assert_array_equal(jax.random.uniform(saved.state["keys"][1]), jax.random.uniform(keys[1]))
    assert int(saved.state["count"]) == 3 and saved.state["tree"][2]["half"].dtype == jnp.bfloat16
    assert newest(tmp_path / "c", before=2).step == 2


def test_what_is_kept(tmp_path):
    steps = range(1, 10)
    scores = {step: -abs(step - 3.0) for step in steps}
    assert save(tmp_path / "a", steps, last=2) == [8, 9]
    assert save(tmp_path / "b", steps, last=1, every=4, pinned={2}) == [2, 4, 8, 9]
    assert save(tmp_path / "c", steps, last=1, best="higher", scores=scores) == [3, 9]
    worst = {step: float("nan") if step == 5 else abs(step - 6.0) for step in steps}
    assert save(tmp_path / "d", steps, last=1, best="lower", scores=worst) == [6, 9]


# When one read of a damaged checkpoint fails Orbax closes its event loop, and other reads may still report to it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", ["truncated", "removed", "record", "a flipped bit"])
def test_a_damaged_checkpoint_is_set_aside(tmp_path, damage):
    save(tmp_path / "c", (1, 2))
    folder = tmp_path / "c" / "2"
    largest = max((path for path in (folder / "state" / "d").iterdir()), key=lambda path: path.stat().st_size)
    content = largest.read_bytes()
    if damage == "truncated":
        largest.write_bytes(content[: len(content) // 2])
    elif damage == "removed":
        largest.unlink()
    elif damage == "record":
        (folder / "record" / "metadata").write_text('{"config"')
    else:
        largest.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    with pytest.warns(UserWarning, match="step 2 in .* is damaged and skipped"):
        assert newest(tmp_path / "c").step == 1
    assert (tmp_path / "c" / "damaged-2").is_dir()
    assert save(tmp_path / "c", (2, 3)) == [2, 3] and newest(tmp_path / "c").step == 3


def test_a_wrong_value_is_found_by_the_checksum(tmp_path, monkeypatch):
    monkeypatch.setattr("algax.experiments.checkpoint.checksum", lambda state: int(state["count"]) // 2)
    save(tmp_path / "c", (1, 2))
    monkeypatch.setattr("algax.experiments.checkpoint.checksum", lambda state: 0)
    with pytest.warns(UserWarning, match="its checksum differs"):
        assert newest(tmp_path / "c").step == 1


def test_another_structure_or_config_is_refused_and_stays(tmp_path):
    save(tmp_path / "c", (1,))
    checkpoints = Checkpoints(tmp_path / "c")
    other = target()
    other["tree"] = (jax.ShapeDtypeStruct((4,), jnp.float32), *other["tree"][1:])
    with pytest.raises(ValueError, match=r"\['tree'\]\[0\] is float32\[3\] there and float32\[4\] here"):
        checkpoints.newest(other)

    def refuse(record):
        raise ValueError(f"not {record['config']}")

    with pytest.raises(ValueError, match="not {'a'"):
        checkpoints.newest(target(), refuse)
    assert checkpoints.steps() == [1]
    checkpoints.close()
