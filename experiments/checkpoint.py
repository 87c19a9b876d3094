"""Checkpoints of a run: the only file that speaks to Orbax."""

import pathlib
import warnings
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers

SCORE = "score"


class Saved(NamedTuple):
    """One checkpoint: its step, the state, a JSON record of the run, and the rows of metrics so far."""

    step: int
    state: Any
    record: dict
    rows: list[dict]


def structure(state: Any) -> dict[str, str]:
    """Shape and dtype of every leaf by its path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves}


def checksum(state: Any) -> int | None:
    """CRC-32 of all values, None where this process does not hold them all."""
    value = 0
    for leaf in jax.tree.leaves(state):
        if not leaf.is_fully_addressable:
            return None
        array = jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        value = zlib.crc32(np.ascontiguousarray(jax.device_get(array)).view(np.uint8).data, value)
    return value


def check_structure(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Raises ValueError where a checkpoint and the run have other leaves, naming the first of them on both sides."""
    changed = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    if changed:
        first = [f"{path} is {old.get(path, 'absent')} there and {new.get(path, 'absent')} here" for path in changed[:3]]
        count = f"{len(changed)} leaves differ"
        raise ValueError(f"the checkpoint has another structure than the run ({count}): {'; '.join(first)}")


class Pinned(checkpoint_managers.PreservationPolicy):
    """Keeps the steps in `steps`, which may change during a run."""

    def __init__(self):
        self.steps: set[int] = set()

    def should_preserve(self, checkpoints, *, context):
        """One flag a checkpoint."""
        del context
        return [checkpoint.step in self.steps for checkpoint in checkpoints]


def _policy(last: int, every: int, best: str, pinned: Pinned) -> checkpoint_managers.PreservationPolicy:
    """Orbax's policy for a config's `keep`."""
    policies = [checkpoint_managers.LatestN(last), pinned]
    if every:
        policies.append(checkpoint_managers.EveryNSteps(every))
    if best:
        rank = checkpoint_managers.BestN(
            get_metric_fn=lambda metrics: metrics[SCORE], reverse=best == "lower", n=1, keep_checkpoints_without_metrics=False
        )
        policies.append(rank)
    return checkpoint_managers.AnyPreservationPolicy(policies)


class Checkpoints:
    """The states of a run in a folder, each saved whole or not at all, in the background.

    Args:
        folder: where the checkpoints lie.
        last: how many of the newest stay, at least 1.
        every: checkpoints whose step is a multiple of it stay; 0 for none.
        best: "higher" or "lower" keeps the one with the best score too; "" for none.
        read_only: leave every file of the folder as it is, since a run may be writing there.
    """

    def __init__(self, folder: pathlib.Path, last: int = 2, every: int = 0, best: str = "", read_only: bool = False):
        self._folder, self._best, self.pinned = folder.absolute(), best, Pinned()
        options = ocp.CheckpointManagerOptions(
            preservation_policy=_policy(last, every, best, self.pinned),
            save_interval_steps=0 if read_only else 1,
            cleanup_tmp_directories=not read_only,
            create=not read_only,
            read_only=read_only,
        )
        self._manager = ocp.CheckpointManager(self._folder, options=options)
        self._failed = False

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, in order."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: Any, record: Mapping, rows: list[dict], score: float | None = None) -> None:
        """Starts to save a state (a pytree of arrays, typed keys included), a JSON record and rows; returns before it is done.

        Raises:
            OSError: if this or the save before failed; the checkpoints before are untouched.
        """
        record = {**record, "structure": structure(state), "checksum": checksum(state)}
        items = {"state": ocp.args.StandardSave(state), "record": ocp.args.JsonSave(record), "rows": ocp.args.JsonSave(rows)}
        ranked = {"metrics": {SCORE: score}} if self._best and score is not None and np.isfinite(score) else {}
        self._writing(lambda: self._manager.save(step, args=ocp.args.Composite(**items), force=True, **ranked), step)

    def restore(self, step: int, target: Any, check: Callable[[dict], None] = lambda record: None) -> Saved | None:
        """The checkpoint of a step, or None with a warning where it cannot be read.

        Args:
            step: one of `steps()`.
            target: the structure, shapes, dtypes and shardings that `jax.eval_shape` and the devices give.
            check: raises ValueError if the record is that of another run.

        Raises:
            ValueError: if the checkpoint is of another config or structure.
        """
        try:
            arguments = ocp.args.Composite(record=ocp.args.JsonRestore(), rows=ocp.args.JsonRestore())
            found = self._manager.restore(step, args=arguments)
            record, before = found.record, found.record["structure"]
        except Exception as error:  # whatever a damaged file makes Orbax raise
            return self._unreadable(step, error)
        check(record)
        check_structure(before, structure(target))
        try:
            state = self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(target))).state
            if record["checksum"] is not None and checksum(state) not in (None, record["checksum"]):
                raise ValueError("its checksum differs")
        except Exception as error:
            return self._unreadable(step, error)
        return Saved(step, state, record, found.rows)

    def newest(
        self, target: Any, check: Callable[[dict], None] = lambda record: None, before: int | None = None
    ) -> Saved | None:
        """The newest checkpoint that can be read (up to step `before`), None where there is none; see `restore`.

        Damaged ones are set aside under the name `damaged-STEP`.
        """
        for step in reversed(self.steps()):
            if before is None or step <= before:
                saved = self.restore(step, target, check)
                if saved is not None:
                    return saved
                self._set_aside(step)
        return None

    def _unreadable(self, step: int, error: Exception) -> None:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        warnings.warn(f"the checkpoint of step {step} in {self._folder} is damaged and skipped: {reason}", stacklevel=4)

    def _set_aside(self, step: int) -> None:
        """Moves a damaged checkpoint out of the way, so that its step can be saved again."""
        if jax.process_index() == 0:
            names = (f"damaged-{step}" + (f"-{i}" if i else "") for i in range(1000))
            target = next(self._folder / name for name in names if not (self._folder / name).exists())
            (self._folder / str(step)).rename(target)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"damaged-{step}")
        self._manager.reload()

    def _writing(self, write: Callable[[], Any], step: int | None = None) -> None:
        """Runs what may write, and says where a failed write leaves the run."""
        try:
            write()
        except Exception as error:
            self._failed = True
            whole = [done for done in self._whole() if done != step]
            left = f"step {max(whole)} is the newest whole one" if whole else "there is none before it"
            reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
            raise OSError(f"a checkpoint could not be written to {self._folder}: {reason}; {left}") from error

    def _whole(self) -> list[int]:
        """The steps whose folders have their final names."""
        return [int(path.name) for path in self._folder.iterdir() if path.name.isdigit()]

    def close(self) -> None:
        """Waits for the save under way.

        Raises:
            OSError: if it failed.
        """
        if self._failed:
            return
        try:
            self._writing(self._manager.wait_until_finished)
        finally:
            self._manager.close()
