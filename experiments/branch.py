"""Runs that go on from a checkpoint of another run, as a short decay from a long run at a constant rate."""

import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from algax.experiments import files
from algax.experiments.checkpoint import Checkpoints, Saved, check_structure, structure


class Branch(NamedTuple):
    """Where a run branches: the source run's folder, a checkpoint's step, and the arm all start from (None: each its own)."""

    folder: pathlib.Path
    step: int
    arm: str | None


def parse(text: str) -> Branch:
    """The branch that `FOLDER@STEP` or `FOLDER@STEP:ARM` names.

    Raises:
        ValueError: for any other text.
    """
    found = re.fullmatch(r"(.+)@(\d+)(?::(.+))?", text)
    if not found:
        raise ValueError(f"--branch is FOLDER@STEP or FOLDER@STEP:ARM; got {text!r}")
    folder, step, arm = found.groups()
    return Branch(pathlib.Path(folder), int(step), arm)


def start(config: Mapping, target: Any, source_target: Callable[[Mapping], Any]) -> Saved:
    """The state of a run at its branch, with the rows of the source run up to there; only reads the source run's files.

    Everything is the source's: parameters, optimizer and loss state with all counts, memory, keys and the split of the data.

    Args:
        config: of the run that branches, whose entry `branch` `parse` understands.
        target: shapes and shardings of its state.
        source_target: those of a run with the config given.

    Raises:
        ValueError: where there is no such run, step or arm, the states differ in structure, or no step is left to train.
    """
    at = parse(config["branch"])
    if config["steps"] <= at.step:
        raise ValueError(f"config.steps must be more than the {at.step} steps before the branch; got {config['steps']}")
    source = files.read_json(at.folder / "config.json")
    if source is None or not (at.folder / "checkpoints").is_dir():
        raise ValueError(f"--branch: there is no run with checkpoints in {str(at.folder)!r}")
    origins = {arm: at.arm or arm for arm in config["arms"]}
    if missing := [origin for origin in origins.values() if origin not in source["arms"]]:
        known = f"{', '.join(source['arms'])}; choose one by FOLDER@STEP:ARM"
        raise ValueError(f"--branch: the run in {at.folder} has no arm {missing[0]!r} but {known}")
    whole = source_target({**source, "devices": config["devices"]})
    _check(_renamed(whole, origins), target)
    saved = _read(at, whole)
    if any(config["metric"] not in row for row in saved.rows):
        raise ValueError(f"--branch: the run in {at.folder} does not measure {config['metric']!r}")
    rows = [{**row, "arm": arm} for row in saved.rows for arm in config["arms"] if row["arm"] == origins[arm]]
    return Saved(at.step, _renamed(saved.state, origins), {"seconds": 0.0}, rows)


def _renamed(state: Any, origins: Mapping[str, str]) -> Any:
    """A run's state with each arm's taken from its origin."""
    return {**state, "arms": {arm: state["arms"][origin] for arm, origin in origins.items()}}


def _check(source: Any, target: Any) -> None:
    """Raises ValueError where the source's state has other leaves than the run's."""
    try:
        check_structure(structure(source), structure(target))
    except ValueError as error:
        hint = "; a rate that changes between the two must be a schedule in both, if need be optax.constant_schedule"
        raise ValueError(f"--branch: {error}{hint if 'count' in str(error) else ''}") from error


def _read(at: Branch, target: Any) -> Saved:
    """The source's checkpoint."""
    checkpoints = Checkpoints(at.folder / "checkpoints", read_only=True)
    try:
        steps = checkpoints.steps()
        if at.step not in steps:
            kept = f"config.keep.every={at.step} keeps it in a run that is started with that"
            raise ValueError(f"--branch: {at.folder} has no checkpoint of step {at.step} but of {steps}; {kept}")
        saved = checkpoints.restore(at.step, target)
    finally:
        checkpoints.close()
    if saved is None:
        raise ValueError(f"--branch: the checkpoint of step {at.step} in {at.folder} cannot be read")
    return saved
