"""Runs that branch from a checkpoint of another: the same states, the same steps, and nothing changed where they come from."""

import hashlib

import jax
import numpy as np
import optax
import pytest

from algax.experiments import branch, files, overrides, run, trainer
from algax.experiments.checkpoint import Checkpoints

from . import toy

CONSTANT = {"name": "optax.constant_schedule", "value": 0.05}
DECAY = {"name": "optax.linear_schedule", "init_value": 0.05, "end_value": 0.0, "transition_steps": 2, "transition_begin": 4}


def config(rates, at=None, task=(), **changes):
    """Arms of the toy by their rates, with branch `at`."""
    loss = [{"name": "tasks.squared_error"}, {"name": "tasks.shrinkage"}]
    arms = {arm: {"loss": loss, "optimizer": [{"name": "optax.adam", "learning_rate": rate}]} for arm, rate in rates.items()}
    return toy.config(task, arms=arms, **changes) | {"branch": at}


def restored(folder, entry, step):
    """The state of a run at a step."""
    checkpoints = Checkpoints(folder / "checkpoints", read_only=True)
    saved = checkpoints.restore(step, trainer.prepare(entry).target)
    checkpoints.close()
    return saved.state


def same(ours, theirs):
    """Whether two states are equal bit for bit."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    plain = ((jax.random.key_data(x), jax.random.key_data(y)) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else (x, y)
             for x, y in pairs)  # fmt: skip
    return all(np.array_equal(x, y) for x, y in plain)


def contents(folder):
    """A hash of every file, and every folder."""
    return {path: path.is_dir() or hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*")}


STABLE = config({"stable": CONSTANT}, keep={"last": 9})


@pytest.fixture(scope="module")
def stable(tmp_path_factory):
    """A finished run at a constant rate, six steps, with a checkpoint every two."""
    folder = tmp_path_factory.mktemp("stable")
    with jax.numpy_dtype_promotion("standard"):
        trainer.train(STABLE, folder, progress=False)
    return folder


def test_a_decay_goes_on_from_the_stable_state_and_leaves_it_alone(stable, tmp_path):
    before = contents(stable)
    decay = config({"decay": DECAY, "stable": CONSTANT}, f"{stable}@4:stable", keep={"last": 9})
    result = trainer.train(decay, tmp_path, progress=False)
    assert contents(stable) == before and result.resumed_from == 4
    source, started = restored(stable, STABLE, 4), restored(tmp_path, decay, 4)
    for arm in ("decay", "stable"):
        assert same(started["arms"][arm], source["arms"]["stable"])
    assert same(started["context"], source["context"]) and same(started["keys"], source["keys"])
    ended = restored(tmp_path, decay, 6)["arms"]
    assert same(ended["stable"], restored(stable, STABLE, 6)["arms"]["stable"])  # step by step, counts and moments included
    np.testing.assert_array_equal(optax.tree.get(ended["decay"]["optimizer"], "count", filtering=in_schedule), 6)
    rows = {(row["arm"], row["step"]): row for row in files.read_rows(tmp_path / "metrics.jsonl")}
    stem = {row["step"]: row for row in files.read_rows(stable / "metrics.jsonl") if row["arm"] == "stable"}
    assert all({**rows["decay", step], "arm": "stable"} == rows["stable", step] == stem[step] for step in (0, 2, 4))
    assert rows["stable", 6] == stem[6] != {**rows["decay", 6], "arm": "stable"}
    norms = [restored(tmp_path, decay, step)["arms"]["decay"]["params"]["weights"] for step in (4, 6)]
    assert 0 < np.abs(norms[1] - norms[0]).max() < 1.6 * 0.05  # two Adam steps at 0.05 and 0.025, not at 0.05 and 0.05


def in_schedule(path, value):
    """Whether a leaf is the count of a schedule."""
    del value
    return getattr(path[-1], "tuple_name", "") == "ScaleByScheduleState"


def test_a_stopped_branch_no_longer_needs_its_source(stable, tmp_path, monkeypatch):
    entry, starts = config({"stable": DECAY}, f"{stable}@4"), []
    monkeypatch.setattr(trainer, "_train", lambda config, workdir, run, checkpoints, start, *rest: starts.append(start))
    trainer.train(entry, tmp_path, progress=False)
    monkeypatch.setattr(branch, "start", None)
    trainer.train(entry, tmp_path, progress=False)
    first, again = starts
    assert first.step == again.step == 4 and same(first.state, again.state) and first.rows == again.rows
    with pytest.raises(ValueError, match="branch was .*@4' and is None; choose another --workdir"):
        trainer.train({**entry, "branch": None}, tmp_path, progress=False)


@pytest.mark.parametrize(
    ("rates", "at", "changes", "message"),
    [
        ({"stable": DECAY}, "{}", {}, "--branch is FOLDER@STEP or FOLDER@STEP:ARM; got"),
        ({"stable": DECAY}, "{}@6", {}, "config.steps must be more than the 6 steps before the branch; got 6"),
        ({"stable": DECAY}, "{}/no@4", {}, "there is no run with checkpoints in '.*/no'"),
        ({"stable": DECAY}, "{}@3", {}, r"no checkpoint of step 3 but of \[2, 4, 6\]; config.keep.every=3 keeps it"),
        ({"decay": DECAY}, "{}@4", {}, "no arm 'decay' but stable; choose one by FOLDER@STEP:ARM"),
        ({"stable": DECAY}, "{}@4", {"task": {"features": 5}}, r"\['weights'\] is float32.1, 3. there and float32.1, 5. here"),
        (
            {"stable": 0.05},
            "{}@4",
            {},
            "count is int32.* there and absent here; a rate that changes .* optax.constant_schedule",
        ),
        ({"stable": DECAY}, "{}@4", {"metric": "nll"}, "does not measure 'nll'"),
    ],
)
def test_what_does_not_fit_is_named(stable, tmp_path, rates, at, changes, message):
    with pytest.raises(ValueError, match=message):
        trainer.train(config(rates, at.format(stable), **changes), tmp_path, progress=False)
    assert not (tmp_path / "metrics.jsonl").exists()


def test_the_command_line_sets_the_branch(monkeypatch):
    seen = []
    monkeypatch.setattr(trainer, "train", lambda entry, workdir: seen.append(entry) or (_ for _ in ()).throw(KeyboardInterrupt))
    assert run.main(["run", "schedules/rex", "--branch=runs/a@20"]) == 130
    assert seen[0]["branch"] == "runs/a@20" and overrides.PREFIX == "--config."
