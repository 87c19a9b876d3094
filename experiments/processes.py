"""Several processes that train together: who they are, who writes files, and what they agree on."""

import jax
import numpy as np
from jax.experimental import multihost_utils

AUTO = "auto"


def connect(coordinator: str, count: int | None, index: int | None) -> None:
    """Joins the other processes of a run; before any other use of JAX.

    Args:
        coordinator: `HOST:PORT` of process 0, or "auto" where the cluster says (TPU pods, Slurm, Open MPI, Kubernetes).
        count: number of processes.
        index: this process, 0 to count - 1.

    Raises:
        ValueError: if a coordinator is given without count and index, or the index is out of range.
    """
    if coordinator == AUTO:
        jax.distributed.initialize()
        return
    if count is None or index is None or not 0 <= index < count:
        raise ValueError(f"--distributed={coordinator} needs --processes=N and --process=0 to N - 1; got {count} and {index}")
    jax.distributed.initialize(coordinator, count, index)


def is_first() -> bool:
    """Whether this process writes the files."""
    return jax.process_index() == 0


def any_of(flag: bool) -> bool:
    """Whether the flag is set in any process; all of them must ask."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))
