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

from algax.experiments import branch, devices, files, guard, processes, resolve
from algax.experiments.checkpoint import Checkpoints, Saved
from algax.experiments.tasks.task import Task

EVALUATION = 2**31 - 1  # folded into a seed's key for evaluations, beyond the number of any step
NEUTRAL = ("devices", "keep")  # entries of a config that a resumed run may change


class Interrupted(Exception):
    """The run was asked to stop; its state is saved."""


class Result(NamedTuple):
    """What a finished run hands on: its rows of metrics, its seconds, and the step it resumed from (0 if it did not)."""

    rows: list[dict]
    seconds: float
    resumed_from: int


class Programs(NamedTuple):
    """The compiled programs of a comparison, each vmapped over seeds, and what they work on."""

    init: Callable
    evaluate: dict[str, Callable]
    train: dict[str, Callable]
    target: Any  # shapes and shardings of the state


class Arm(NamedTuple):
    """One side of a comparison: the task whose batches it trains on, its step, and the task it starts from and is judged by."""

    task: Task
    tx: optax.GradientTransformationExtraArgs
    judge: Task


def build(config: Mapping, axis_name: str | None = None) -> tuple[Task, dict[str, Arm]]:
    """The task and the arms of a config.

    An arm may train on the task with other options (`"task": {...}` in its spec), such as another way to collect samples; what
    a seed starts from and what it is judged by are the task's own. With options of its own for the model (`"model": {...}`) it
    has other parameters, and is judged with that model on the same data.

    Raises:
        ValueError: for a name or option that does not exist, naming it and the arm.
    """
    shared = resolve.resolve(config["model"])
    task = resolve.resolve({**config["task"], "model": shared})
    arms = {}
    for name, spec in config["arms"].items():
        try:
            model, own, judge = shared, task, task
            if spec.get("model"):
                model = resolve.resolve({**config["model"], **spec["model"]})
                own = judge = resolve.resolve({**config["task"], "model": model})
            if spec.get("task"):
                own = resolve.resolve({**config["task"], **spec["task"], "model": model})
            arms[name] = Arm(own, resolve.arm(spec, own.forward, axis_name), judge)
        except ValueError as error:
            raise ValueError(f"arm {name!r}: {error}") from error
    return task, arms


def seed_numbers(seeds: int) -> np.ndarray:
    """What the keys of the seeds are made from, `[seeds]`; seed i has the same key whatever the number of seeds."""
    return np.arange(seeds, dtype=np.uint32)


def init_state(task: Task, arms: Mapping[str, Arm], seeds: jax.Array) -> dict[str, Any]:
    """The state of a run at step 0: the same context for every arm of a seed, and of the same model the same parameters."""

    def init(seed):
        key = jax.random.key(seed)
        params, context = task.init(key)
        states = {}
        for name, arm in arms.items():
            own = params if arm.judge is task else arm.judge.init(key)[0]
            states[name] = {"params": own, "optimizer": arm.tx.init(own), "memory": arm.task.memory(context)}
        return {"keys": key, "context": context, "arms": states}

    return jax.vmap(init)(seeds)


def train_steps(arm: Arm, place: Callable, length: int, state: dict, context: Any, key: jax.Array, first: jax.Array):
    """Advances one arm of one seed by `length` steps; returns the state and the means of the steps' metrics."""

    def step(state, index):
        terms, loss_key = batch(arm.task, state, context, index, key)
        updates, optimizer = arm.tx.update(None, state["optimizer"], state["params"], terms=place(terms), key=loss_key)
        params = optax.apply_updates(state["params"], updates)
        memory = arm.task.remember(_remembering(context, state), terms)
        return {"params": params, "optimizer": optimizer, "memory": memory}, guard.metrics(optimizer)

    indices = first + jax.numpy.arange(length, dtype=first.dtype)
    state, (metrics, taken) = jax.lax.scan(step, state, indices)
    return state, guard.mean_over_steps(metrics, taken, state["optimizer"])


def batch(task: Task, state: Mapping, context: Any, index: jax.Array, key: jax.Array) -> tuple[Any, jax.Array]:
    """The data of step `index` of an arm's state, and the key of its loss."""
    batch_key, loss_key = jax.random.split(jax.random.fold_in(key, index))
    return task.batch(state["params"], _remembering(context, state), index, batch_key), loss_key


def _remembering(context: Any, state: Mapping) -> Any:
    """The context with what the arm remembers, if its task remembers anything."""
    return {**context, "memory": state["memory"]} if jax.tree.leaves(state["memory"]) else context


def programs(config: Mapping, task: Task, arms: Mapping[str, Arm], layout: devices.Layout) -> Programs:
    """The compiled programs of a comparison on its devices."""

    def init(seeds):
        return init_state(task, arms, seeds)

    model = resolve.resolve(config["model"]) if layout.mesh is not None else None
    shapes = jax.eval_shape(init, seed_numbers(config["seeds"]))
    shardings = devices.state_shardings(layout, model, shapes)
    place, whole = functools.partial(devices.place, layout), devices.replicated(layout)
    train, evaluate = {}, {}
    for name, arm in arms.items():

        def advance(length, state, context, keys, first, arm=arm):
            steps = functools.partial(train_steps, arm, place, length)
            return jax.vmap(steps, in_axes=(0, 0, 0, None))(state, context, keys, first)

        train[name] = devices.compile_steps(layout, advance, shardings["arms"][name])
        same = next((other for other in evaluate if arms[other].judge is arm.judge), None)  # compiled once
        judged = jax.vmap(functools.partial(_evaluate, arm))
        evaluate[name] = evaluate[same] if same else devices.compiled(judged, out_shardings=whole)
    target = jax.tree.map(lambda leaf, to: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=to), shapes, shardings)
    init = devices.compiled(init, out_shardings=shardings if layout.mesh is not None else None)
    return Programs(init, evaluate, train, target)


def _evaluate(arm: Arm, params: Any, context: Any, key: jax.Array) -> dict[str, jax.Array]:
    return arm.judge.evaluate(params, context, jax.random.fold_in(key, EVALUATION))


def prepare(config: Mapping) -> Programs:
    """Task, arms, devices and programs of a config.

    Raises:
        ValueError: wherever the config is wrong.
    """
    layout = devices.layout(config["devices"])
    task, arms = build(config, layout.axis_name)
    return programs(config, task, arms, layout)


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


class _Log:
    """Where the rows go: `metrics.jsonl`, and TensorBoard events (the mean over seeds, a folder an arm)."""

    def __init__(self, workdir: pathlib.Path, config: Mapping, rows: list[dict], step: int):
        self.rows, self._path, self._writers = rows, workdir / "metrics.jsonl", {}
        if processes.is_first():
            files.write_json(workdir / "config.json", config)
            files.write_rows(self._path, rows)
            folder, first = workdir / "tensorboard", step + 1 if step else 0
            for arm in config["arms"]:
                self._writers[arm] = tensorboardX.SummaryWriter(str(folder / arm), purge_step=first)

    def add(self, rows: list[dict]) -> None:
        """Appends the rows of one arm at one step."""
        self.rows.extend(rows)
        arm, step = rows[0]["arm"], rows[0]["step"]
        if processes.is_first():
            files.append_rows(self._path, rows)
            for name in rows[0].keys() - {"arm", "seed", "step"}:
                self._writers[arm].add_scalar(name, float(np.mean([row[name] for row in rows])), step)

    def close(self) -> None:
        """Writes what TensorBoard still holds."""
        for writer in self._writers.values():
            writer.close()


def train(config: Mapping, workdir: pathlib.Path, progress: bool = True) -> Result:
    """Runs a comparison to its last step, from the newest checkpoint in `workdir` that can be read, else from its branch or 0.

    Args:
        config: a plain mapping, see `configs.comparison`.
        workdir: takes `config.json`, `metrics.jsonl`, `tensorboard/` and `checkpoints/`.
        progress: show a progress bar.

    Returns:
        the rows of all evaluations, the seconds of all sessions together, and the step the run resumed from.

    Raises:
        ValueError: if the config is wrong, or the checkpoint is of another config or structure.
        OSError: if a file cannot be written; the checkpoints before are whole.
        Interrupted: after SIGTERM, with the state saved.
    """
    began = time.perf_counter()
    run = prepare(config)
    checkpoints = Checkpoints(workdir / "checkpoints", **config["keep"])
    try:
        with _stop_on_sigterm() as stop:
            start = checkpoints.newest(run.target, lambda record: check_same(record["config"], config))
            if start is None:
                start = begin(config, run)
                if start.step:
                    _save(config, checkpoints, start.step, start.state, start.rows, 0.0)
            return _train(config, workdir, run, checkpoints, start, stop, progress, began)
    finally:
        checkpoints.close()


def begin(config: Mapping, run: Programs) -> Saved:
    """Where a run starts: at step 0, or at its branch with the rows of the run it branches from.

    Raises:
        ValueError: if the branch does not fit, see `branch.start`.
    """
    if config["branch"]:
        return branch.start(config, run.target, lambda source: prepare(source).target)
    return Saved(0, run.init(seed_numbers(config["seeds"])), {"seconds": 0.0}, [])


def _train(config, workdir, run: Programs, checkpoints, start: Saved, stop, progress, began: float) -> Result:
    """The loop of `train`: all arms advance together, one evaluation interval at a time."""
    steps, names, step, state = config["steps"], list(config["arms"]), start.step, start.state
    bar = tqdm.tqdm(total=steps * len(names), unit="step", mininterval=0.5, disable=not (progress and processes.is_first()))
    log = _Log(workdir, config, [files.from_json(row) for row in start.rows], step)
    bar.update(step * len(names))

    def record(name: str, trained: Mapping) -> None:
        evaluated = run.evaluate[name](state["arms"][name]["params"], state["context"], state["keys"])
        new = _rows(name, step, jax.device_get(evaluated), jax.device_get(trained))
        log.add(new)
        bar.set_postfix_str(f"{config['metric']} {np.mean([row[config['metric']] for row in new]):.4g}", refresh=False)

    def seconds() -> float:
        return start.record["seconds"] + time.perf_counter() - began

    try:
        if not log.rows:
            for name in names:
                record(name, {})
        while step < steps:
            length = min(config["evaluate_every"] - step % config["evaluate_every"], steps - step)
            first, step = step, step + length
            for name in names:
                bar.set_description(name)
                arm = state["arms"][name]
                arm, trained = run.train[name](length, arm, state["context"], state["keys"], np.int32(first))
                state = state | {"arms": state["arms"] | {name: arm}}
                record(name, trained)
                bar.update(length)
            _save(config, checkpoints, step, state, log.rows, seconds())
            if processes.any_of(stop.is_set()) and step < steps:
                raise Interrupted(f"stopped at step {step} of {steps}; the same command resumes it")
    finally:
        log.close()
        bar.close()
    return Result(log.rows, start.record["seconds"] if start.step == steps else seconds(), start.step)


def _save(config: Mapping, checkpoints: Checkpoints, step: int, state: Any, rows: list[dict], seconds: float) -> None:
    """Saves everything, keeping the checkpoint before each arm's first skipped step for `--diagnose`."""
    skipped = np.concatenate([np.asarray(arm["optimizer"].first_skipped) for arm in state["arms"].values()])
    saved = [0, *checkpoints.steps()]
    checkpoints.pinned.steps = {max(done for done in saved if done <= at) for at in skipped if at >= 0}
    last = [row for row in rows if row["step"] == step]
    means = [np.mean([row[config["metric"]] for row in last if row["arm"] == arm]) for arm in config["arms"]]
    best = min(means) if config["keep"]["best"] == "lower" else max(means)
    record = {"config": dict(config), "seconds": seconds}
    checkpoints.save(step, state, record, [files.finite(row) for row in rows], float(best))


def flatten(config: Any, path: str = "") -> dict[str, Any]:
    """Every value of a nested config by its dotted path."""
    if isinstance(config, Mapping | list | tuple) and config:
        entries = config.items() if isinstance(config, Mapping) else enumerate(config)
        return {name: value for key, entry in entries for name, value in flatten(entry, f"{path}.{key}").items()}
    return {path.removeprefix("."): config}


def changed(old: Mapping, new: Mapping) -> dict[str, tuple[Any, Any]]:
    """The entries in which two configs differ, but for those that leave the results alone."""
    before, after = (flatten({name: config[name] for name in config if name not in NEUTRAL}) for config in (old, new))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: (before.get(name), after.get(name)) for name in names}


def check_same(old: Mapping, new: Mapping) -> None:
    """Raises ValueError where a run in progress has another config."""
    if differences := changed(old, new):
        listed = [f"{name} was {was!r} and is {now!r}" for name, (was, now) in list(differences.items())[:3]]
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise ValueError(f"the run in this workdir has another config: {', '.join(listed)}{more}; choose another --workdir")
