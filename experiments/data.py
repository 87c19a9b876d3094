"""Batches from arrays on the host: every process draws its own rows of the same global batches, from a state it can save."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


class Batches:
    """An endless iterator over rows, in a new random order every epoch; a last part smaller than a batch is left out.

    The global batch depends on `seed` and position alone: process i of n holds its rows `i * size / n` to
    `(i + 1) * size / n`, whatever n is, so that a run may go on with another number of processes.

    Args:
        arrays: name -> array, all with the same number of rows.
        size: rows of a global batch, a multiple of the number of processes.
        seed: of the order.
        process: this process and their number; None asks JAX.

    Raises:
        ValueError: where the arrays disagree, are smaller than a batch, or the processes do not divide it.
    """

    def __init__(self, arrays: Mapping[str, Any], size: int, seed: int = 0, process: tuple[int, int] | None = None):
        rows = {name: len(array) for name, array in arrays.items()}
        if len(set(rows.values())) != 1:
            raise ValueError(f"arrays must have the same number of rows; got {rows}")
        index, count = (jax.process_index(), jax.process_count()) if process is None else process
        if size < 1 or size % count:
            raise ValueError(f"size must be a positive multiple of the {count} processes; got {size}")
        self._rows = next(iter(rows.values()))
        if size > self._rows:
            raise ValueError(f"size must be at most the {self._rows} rows; got {size}")
        self._arrays, self._size, self._seed, self._step = dict(arrays), size, seed, 0
        self._mine = slice(index * size // count, (index + 1) * size // count)
        self._epoch, self._order = -1, np.arange(0)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        """This process's rows of the next batch."""
        epoch, place = divmod(self._step, self._rows // self._size)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, np.random.default_rng((self._seed, epoch)).permutation(self._rows)
        chosen = self._order[place * self._size : (place + 1) * self._size][self._mine]
        self._step += 1
        return {name: np.asarray(array[chosen]) for name, array in self._arrays.items()}

    def state(self) -> dict[str, int]:
        """The position, the same in every process."""
        return {"step": self._step, "seed": self._seed, "size": self._size, "rows": self._rows}

    def restore(self, state: Mapping[str, int]) -> None:
        """Goes on where `state` was taken.

        Raises:
            ValueError: if it was taken with another seed, batch size or number of rows.
        """
        own = self.state()
        for name in ("seed", "size", "rows"):
            if state[name] != own[name]:
                raise ValueError(f"the state was saved with {name}={state[name]}; this iterator has {name}={own[name]}")
        self._step = int(state["step"])


def to_mesh(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """The global arrays of a batch whose rows the processes hold, split over the mesh's "data" axis."""
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    return {name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()}
