"""Checkpoints of a run: the only file that speaks to Orbax."""

import pathlib
from typing import Any

import orbax.checkpoint as ocp


class Checkpoints:
    """The newest state of a run in a folder, saved whole or not at all.

    Args:
        folder: where the checkpoints lie; made when the first one is saved.
        keep: how many of the newest checkpoints stay.
    """

    def __init__(self, folder: pathlib.Path, keep: int = 2):
        options = ocp.CheckpointManagerOptions(max_to_keep=keep)
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def latest(self) -> int | None:
        """The step of the newest checkpoint, None where there is none."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any, config: dict) -> None:
        """Saves the state (a pytree of arrays, typed keys included) and a JSON record beside it."""
        record = ocp.args.Composite(state=ocp.args.StandardSave(state), config=ocp.args.JsonSave(config))
        self._manager.save(step, args=record, force=True)

    def restore(self, step: int, shapes: Any) -> Any:
        """The state saved at `step`, with the structure, shapes and dtypes that `jax.eval_shape` gives."""
        return self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(shapes))).state

    def config(self, step: int) -> dict:
        """The JSON record saved at `step`."""
        return self._manager.restore(step, args=ocp.args.Composite(config=ocp.args.JsonRestore())).config

    def close(self) -> None:
        """Waits for the saves under way."""
        self._manager.wait_until_finished()
        self._manager.close()
