"""Replays the first step of a run whose gradient was not finite, and names the terms, fields, rows and parameters at fault."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import algax
from algax.core import dataflow
from algax.core.terms import field_specs
from algax.core.transform import run, split_state
from algax.experiments import resolve, trainer
from algax.experiments.checkpoint import Checkpoints, Saved

SHOWN = 8  # rows a line lists


def report(config: Mapping, workdir: pathlib.Path) -> str:
    """The diagnosis of the first skipped step in a run's folder.

    Args:
        config: the run's config.
        workdir: the run's folder, with its checkpoints.

    Raises:
        ValueError: if there is no checkpoint, it is of another config, or several processes ask.
    """
    if jax.process_count() > 1:
        raise ValueError("--diagnose runs in one process: leave --distributed out and set config.devices")
    if not (workdir / "checkpoints").is_dir():
        raise ValueError(f"no checkpoints in {workdir}: there is nothing to replay")
    programs = trainer.prepare(config)
    checkpoints = Checkpoints(workdir / "checkpoints", **config["keep"])
    try:

        def newest(before: int | None = None) -> Saved | None:
            return checkpoints.newest(programs.target, lambda record: trainer.check_same(record["config"], config), before)

        last = newest()
        if last is None:
            raise ValueError(f"no checkpoint in {workdir} can be read: there is nothing to replay")
        found = first_skipped(last.state)
        if found is None:
            return f"no step with a gradient that is not finite up to step {last.step}"
        step, arm, seed = found
        start = newest(step) or trainer.begin(config, programs)
        if start.step > step:
            raise ValueError(f"step {step} came before the branch: diagnose the run of {config['branch']}")
    finally:
        checkpoints.close()
    state = replay(programs, start, arm, step)
    lines = [f"arm {arm}, seed {seed}, step {step} (replayed from the state of step {start.step}):"]
    own = jax.tree.map(lambda leaf: leaf[seed], {"arm": state, "context": start.state["context"], "key": start.state["keys"]})
    task = trainer.build(config)[1][arm].task
    terms, key = trainer.batch(task, own["arm"], own["context"], jnp.int32(step), own["key"])
    loss, gradient = resolve.loss(config["arms"][arm]["loss"]), own["arm"]["optimizer"].gradient
    findings = inspect(loss, task.forward, own["arm"]["params"], gradient, terms, key)
    return "\n".join(lines + [f"  {line}" for line in findings or ["everything is finite: the replay differs from the run"]])


def first_skipped(state: Mapping) -> tuple[int, str, int] | None:
    """Step, arm and seed of the first skipped step of a run's state."""
    found = []
    for arm, entry in state["arms"].items():
        steps = np.asarray(entry["optimizer"].first_skipped)
        found += [(int(step), arm, seed) for seed, step in enumerate(steps) if step >= 0]
    return min(found, default=None)


def replay(programs: trainer.Programs, start: Saved, arm: str, step: int) -> Any:
    """The state of an arm just before a step, from an earlier one."""
    state = start.state["arms"][arm]
    if step > start.step:
        context, keys = start.state["context"], start.state["keys"]
        state, _ = programs.train[arm](step - start.step, state, context, keys, np.int32(start.step))
    return state


def inspect(
    loss: algax.LossTransform, forward: Callable, params: Any, state: algax.GradientState, terms: Any, key: Any
) -> list[str]:
    """What is not finite in one step, in the order in which it is computed.

    Args:
        loss: the arm's loss.
        forward: the task's.
        params: before the step.
        state: of `algax.gradient`, before the step.
        terms: the batch.
        key: of the step's loss.

    Returns:
        one line a finding; none where everything is finite.
    """
    steps = loss.steps
    depends = dataflow.depends_on(steps, _differentiated(terms))
    loss_key, forward_key = jax.random.split(key)
    lines = [f"before the step: parameters {', '.join(bad)}"] if (bad := _bad_leaves(params)) else []
    seen = _Seen(lines)
    seen.add("data", terms)
    terms = terms.replace(step=state.step, key=loss_key).prepare()
    states = split_state(loss, state.loss_state)
    terms, states = _one_by_one(steps, terms, states, [i for i, late in enumerate(depends) if not late], seen)
    filled = forward(params, terms, forward_key)
    seen.add("forward pass", filled)
    late = [i for i, late in enumerate(depends) if late]
    _one_by_one(steps, filled.replace(prepared=False).prepare(), states, late, seen)
    for i in late:
        if "loss" in steps[i].writes:
            lines += _gradient_lines(steps, i, late, forward, params, terms, filled, forward_key, states)
    return lines


def _differentiated(terms: Any) -> list[str]:
    """The fields that the forward pass fills in."""
    return [name for name, spec in field_specs(type(terms)).items() if spec.role == "differentiated"]


class _Seen:
    """Collects the fields that turn up not finite, each when it first does or when its rows change."""

    def __init__(self, lines: list[str]):
        self._lines, self._rows = lines, {}

    def add(self, place: str, terms: Any) -> None:
        for name in field_specs(type(terms)):
            rows = bad_rows(getattr(terms, name))
            if rows and rows != self._rows.get(name):
                self._lines.append(f"{place}: {name}{rows}")
            self._rows[name] = rows


def _one_by_one(steps, terms, states, chosen: Sequence[int], seen: _Seen):
    """Runs some steps of a chain, each on its own."""
    for i in chosen:
        terms, states = run(steps, terms, states, tuple(j == i for j in range(len(steps))))
        kind = "loss term" if "loss" in steps[i].writes else "transform"
        seen.add(f"{kind} {steps[i].name}", terms)
    return terms, states


def _gradient_lines(steps, i: int, late: Sequence[int], forward, params, terms, filled, key, states) -> list[str]:
    """Where the gradient of one loss term is not finite: first by field, then by parameter."""

    def part(filled):
        before, after = (tuple(j in late and j < i for j in range(len(steps))), tuple(j == i for j in range(len(steps))))
        result, own = run(steps, filled.replace(prepared=False).prepare(), states, before)
        start = jnp.zeros([], jnp.float32) if result.loss is None else result.loss
        return run(steps, result, own, after)[0].loss - start

    fields = {name: value for name in _differentiated(filled) if (value := getattr(filled, name)) is not None}
    by_field = jax.grad(lambda fields: part(filled.replace(**fields)))(fields)
    by_param = jax.grad(lambda params: part(forward(params, terms, key)))(params)
    place = f"gradient of loss term {steps[i].name}"
    lines = [f"{place} by {name}{rows}" for name, value in by_field.items() if (rows := bad_rows(value))]
    if bad := _bad_leaves(by_param):
        lines.append(f"{place} by parameters {', '.join(bad)}" + ("" if lines else " (the backward pass of forward)"))
    return lines


def _bad_leaves(tree: Any) -> list[str]:
    """The paths of the leaves that are not finite."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    bad = [path for path, leaf in leaves if _floating(leaf) and _bad(leaf).any()]
    return [jax.tree_util.keystr(path, simple=True, separator="/") for path in bad]


def _floating(leaf: Any) -> bool:
    return leaf is not None and jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def _bad(leaf: Any) -> np.ndarray:
    return ~np.isfinite(np.asarray(leaf, np.float32))


def bad_rows(value: Any) -> str:
    """Which rows of a field (an array, a tree or a distribution) are not finite, as text; empty where all are finite."""
    rows: set[int] = set()
    scalar = False
    for leaf in jax.tree.leaves(value):
        if _floating(leaf) and (bad := _bad(leaf)).any():
            scalar = scalar or bad.ndim == 0
            rows |= set(np.unique(np.nonzero(bad)[0]).tolist()) if bad.ndim else set()
    if not rows:
        return " is not finite" if scalar else ""
    listed = ", ".join(map(str, sorted(rows)[:SHOWN]))
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f" is not finite in row{'s' if len(rows) > 1 else ''} {listed}{more}"
