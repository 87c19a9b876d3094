"""Train every arm of a comparison over all seeds: one compiled, vmapped program an arm."""

import functools
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
import tensorboardX
import tqdm

from algax.experiments import files, resolve
from algax.experiments.checkpoint import Checkpoints
from algax.experiments.tasks.task import Task

EVALUATION = 2**31 - 1  # folded into a seed's key for evaluations, beyond the number of any step


class Interrupted(Exception):
    """The run was asked to stop; its state is saved."""


class Result(NamedTuple):
    """What a finished run hands on: its rows of metrics, its seconds, and the step it resumed from (0 if it did not)."""

    rows: list[dict]
    seconds: float
    resumed_from: int


class Programs(NamedTuple):
    """The compiled programs of a comparison, each vmapped over seeds."""

    init: Callable
    evaluate: Callable
    train: dict[str, Callable]


def build(config: Mapping) -> tuple[Task, dict[str, optax.GradientTransformationExtraArgs]]:
    """The task and, per arm, the training step of a config.

    Raises:
        ValueError: for a name or option that does not exist, naming it and the arm.
    """
    task = resolve.resolve({**config["task"], "model": config["model"]})
    arms = {}
    for name, spec in config["arms"].items():
        try:
            arms[name] = resolve.arm(spec, task.forward)
        except ValueError as error:
            raise ValueError(f"arm {name!r}: {error}") from error
    return task, arms


def seed_keys(seeds: int) -> jax.Array:
    """One key a seed, `[seeds]`; seed i has the same key whatever the number of seeds."""
    return jax.vmap(jax.random.key)(np.arange(seeds, dtype=np.uint32))


def init_state(task: Task, arms: Mapping, keys: jax.Array) -> dict[str, Any]:
    """The state of a run at step 0: the same parameters and context for every arm of a seed."""

    def init(key):
        params, context = task.init(key)
        states = {name: {"params": params, "optimizer": tx.init(params)} for name, tx in arms.items()}
        return {"keys": key, "context": context, "arms": states}

    return jax.vmap(init)(keys)


def train_steps(task: Task, tx, length: int, state: dict, context: Any, key: jax.Array, first: jax.Array):
    """Advances one arm of one seed by `length` steps; returns the state and the loss metrics' means."""

    def step(state, index):
        batch_key, loss_key = jax.random.split(jax.random.fold_in(key, index))
        terms = task.batch(state["params"], context, index, batch_key)
        updates, optimizer = tx.update(None, state["optimizer"], state["params"], terms=terms, key=loss_key)
        params = optax.apply_updates(state["params"], updates)
        return {"params": params, "optimizer": optimizer}, optax.tree.get(optimizer, "metrics", {})

    indices = first + jax.numpy.arange(length, dtype=first.dtype)
    state, metrics = jax.lax.scan(step, state, indices)
    return state, jax.tree.map(lambda values: jax.numpy.mean(values, axis=0), metrics)


def programs(task: Task, arms: Mapping) -> Programs:
    """The jitted programs of a comparison."""

    def evaluate(params, context, key):
        return task.evaluate(params, context, jax.random.fold_in(key, EVALUATION))

    train = {}
    for name, tx in arms.items():

        def advance(length, state, context, keys, first, tx=tx):
            steps = functools.partial(train_steps, task, tx, length)
            return jax.vmap(steps, in_axes=(0, 0, 0, None))(state, context, keys, first)

        train[name] = jax.jit(advance, static_argnums=0)
    init = jax.jit(lambda keys: init_state(task, arms, keys))
    return Programs(init, jax.jit(jax.vmap(evaluate)), train)


def shapes(config: Mapping) -> dict[str, Any]:
    """Traces a whole comparison without computing anything: the shapes of its state and metrics.

    Raises:
        ValueError: wherever the config does not fit together.
    """
    task, arms = build(config)
    keys = seed_keys(config["seeds"])
    run = programs(task, arms)
    state = jax.eval_shape(run.init, keys)
    first = jax.ShapeDtypeStruct((), np.int32)
    metrics = {}
    for name, arm in state["arms"].items():
        program = functools.partial(run.train[name], 1)
        _, trained = jax.eval_shape(program, arm, state["context"], state["keys"], first)
        metrics[name] = jax.eval_shape(run.evaluate, arm["params"], state["context"], state["keys"]) | trained
    return {"state": state, "metrics": metrics}


def _rows(arm: str, step: int, evaluated: Mapping, trained: Mapping) -> list[dict]:
    """One record a seed."""
    metrics = {name: np.asarray(values) for name, values in evaluated.items()}
    metrics |= {f"train/{name}": np.asarray(values) for name, values in trained.items()}
    seeds = len(next(iter(metrics.values())))
    return [
        {"arm": arm, "seed": seed, "step": step} | {name: float(values[seed]) for name, values in metrics.items()}
        for seed in range(seeds)
    ]


@contextmanager
def _stop_on_sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, so that the run stops after the state is saved."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, previous)


class _Board:
    """TensorBoard events: the mean over seeds, a folder an arm."""

    def __init__(self, folder: pathlib.Path, arms, first: int):
        self._writers = {arm: tensorboardX.SummaryWriter(str(folder / arm), purge_step=first) for arm in arms}

    def add(self, rows: list[dict]) -> None:
        arm, step = rows[0]["arm"], rows[0]["step"]
        for name in rows[0].keys() - {"arm", "seed", "step"}:
            self._writers[arm].add_scalar(name, float(np.mean([row[name] for row in rows])), step)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def train(config: Mapping, workdir: pathlib.Path, progress: bool = True) -> Result:
    """Runs a comparison to its last step, from the newest checkpoint in `workdir` if there is one.

    Args:
        config: a plain mapping, see `configs.comparison`.
        workdir: takes `config.json`, `metrics.jsonl`, `tensorboard/` and `checkpoints/`.
        progress: show a progress bar.

    Returns:
        the rows of all evaluations, the seconds of all sessions together, and the step the run resumed from.

    Raises:
        ValueError: if the config is wrong, or the checkpoint is of another config.
        Interrupted: after SIGTERM, with the state saved.
    """
    task, arms = build(config)
    checkpoints = Checkpoints(workdir / "checkpoints")
    try:
        with _stop_on_sigterm() as stop:
            return _train(config, workdir, programs(task, arms), checkpoints, stop, progress)
    finally:
        checkpoints.close()


def _begin(config, run: Programs, checkpoints: Checkpoints) -> tuple[Any, int, float]:
    """State, step and seconds so far: fresh or restored."""
    keys = seed_keys(config["seeds"])
    step = checkpoints.latest()
    if step is None:
        return run.init(keys), 0, 0.0
    record = checkpoints.config(step)
    check_same(record["config"], config)
    return checkpoints.restore(step, jax.eval_shape(run.init, keys)), step, record["seconds"]


def _train(config, workdir, run: Programs, checkpoints, stop, progress) -> Result:
    """The loop of `train`: all arms advance together, one evaluation interval at a time."""
    began = time.perf_counter()
    steps, names = config["steps"], list(config["arms"])
    bar = tqdm.tqdm(total=steps * len(names), desc="start", unit="step", mininterval=0.5, disable=not progress)
    state, step, seconds = _begin(config, run, checkpoints)
    resumed_from = step
    files.write_json(workdir / "config.json", config)
    rows = files.keep_rows(workdir / "metrics.jsonl", step if step else -1)
    board = _Board(workdir / "tensorboard", names, step + 1 if step else 0)
    bar.update(step * len(names))

    def record(name: str, trained: Mapping) -> None:
        evaluated = run.evaluate(state["arms"][name]["params"], state["context"], state["keys"])
        new = _rows(name, step, jax.device_get(evaluated), jax.device_get(trained))
        files.append_rows(workdir / "metrics.jsonl", new)
        board.add(new)
        rows.extend(new)
        bar.set_postfix_str(f"{config['metric']} {np.mean([row[config['metric']] for row in new]):.4g}", refresh=False)

    try:
        if not rows:
            for name in names:
                record(name, {})
        while step < steps:
            length = min(config["evaluate_every"], steps - step)
            first, step = step, step + length
            for name in names:
                bar.set_description(name)
                arm = state["arms"][name]
                arm, trained = run.train[name](length, arm, state["context"], state["keys"], np.int32(first))
                state = state | {"arms": state["arms"] | {name: arm}}
                record(name, trained)
                bar.update(length)
            elapsed = seconds + time.perf_counter() - began
            checkpoints.save(step, state, {"config": dict(config), "seconds": elapsed})
            if stop.is_set() and step < steps:
                raise Interrupted(f"stopped at step {step} of {steps}; the same command resumes it")
    finally:
        board.close()
        bar.close()
    return Result(rows, seconds if resumed_from == steps else seconds + time.perf_counter() - began, resumed_from)


def flatten(config: Any, path: str = "") -> dict[str, Any]:
    """Every value of a nested config by its dotted path."""
    if isinstance(config, Mapping | list | tuple) and config:
        entries = config.items() if isinstance(config, Mapping) else enumerate(config)
        return {name: value for key, entry in entries for name, value in flatten(entry, f"{path}.{key}").items()}
    return {path.removeprefix("."): config}


def check_same(old: Mapping, new: Mapping) -> None:
    """Raises ValueError where a run in progress has another config."""
    before, after = flatten(old), flatten(new)
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if changed:
        text = ", ".join(f"{name} was {before.get(name)!r} and is {after.get(name)!r}" for name in changed[:3])
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ValueError(f"the run in this workdir has another config: {text}{more}; choose another --workdir")
