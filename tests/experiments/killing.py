"""Runs a small comparison in forked processes and kills it again and again: `python -m tests.experiments.killing FOLDER`.

The parent imports everything and never starts a backend, so that a fork costs no import.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time
import warnings

import jax

from algax.experiments import trainer

from . import toy

KILLS, STEPS = 20, 40


def config():
    """The toy with a checkpoint every step."""
    return toy.config(steps=STEPS, evaluate_every=1)


def start(workdir):
    """Forks a process that trains and returns its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        trainer.train(config(), workdir, progress=False)
        code = 0
    finally:
        os._exit(code)


def rows_in(workdir):
    """How many whole rows the run has written."""
    path = workdir / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill(workdir, rows, delay):
    """Starts the run, waits for its first rows beyond `rows`, then a moment, and kills it."""
    process = start(workdir)
    while rows_in(workdir) <= rows:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            raise RuntimeError(f"the run ended by itself with status {status}")
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
        raise RuntimeError(f"the run ended before it was killed, with status {status}")
    return rows_in(workdir)


def main(folder):
    """The same run whole and in pieces; prints the rows at every kill."""
    jax.config.update("jax_compilation_cache_dir", str(folder / "cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    warnings.filterwarnings("ignore", message=".*os.fork.*")
    _, status = os.waitpid(start(folder / "whole"), 0)
    if status:
        raise RuntimeError(f"the whole run failed with status {status}")
    chance, rows, seen = random.Random(0), 0, []
    for _ in range(KILLS):
        rows = kill(folder / "killed", rows, chance.uniform(0.0, 0.06))
        seen.append(rows)
    _, status = os.waitpid(start(folder / "killed"), 0)
    print(json.dumps({"status": status, "rows": seen}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
