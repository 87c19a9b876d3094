"""Configs of experiments: `ROOM.py` holds the room's comparisons, `get_config(variant)` builds one."""

import functools
import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence

from ml_collections import ConfigDict, FieldReference
from ml_collections.config_dict import placeholder

from algax.experiments import verdict
from algax.experiments.resolve import nearest

DEVICES = {"data": 1, "model": 1, "fully_sharded": False, "pmap": False}
HUGGING_FACE = "hf"  # as a config's model: the one of the directory `checkpoint`
# Those that write their text with a checkpoint's tokenizer.
TASKS_OF_CHECKPOINTS = ("tasks.arithmetic", "tasks.countdown", "tasks.verified")
NO_MODEL = {"name": "models.MLP", "features": [1]}  # of tasks whose parameters are their own
KEEP = {"last": 2, "every": 0, "best": ""}


def comparison(
    *,
    experiment: str,
    paper: str,
    claim: str,
    task: Mapping,
    model: Mapping | str,
    arms: Mapping[str, Mapping],
    seeds: int,
    steps: int | FieldReference,
    evaluate_every: int,
    metric: str,
    expect: Sequence[Mapping],
    log_scale: Sequence[str] = (),
    checkpoint: str | None = None,
    devices: Mapping = DEVICES,
    keep: Mapping = KEEP,
) -> ConfigDict:
    """A comparison of arms on a task.

    Args:
        experiment: `ROOM/ID`.
        paper: authors, year and arXiv number.
        claim: what the paper says, in one sentence.
        task: spec of a task; receives the model as its option `model`.
        model: spec of a model, or "hf" for the one of `checkpoint`.
        arms: per arm `{"loss": spec or list of specs, "optimizer": list of specs}`, and perhaps `"task": options` in which
            its batches differ from the task's, or `"model": options` of a model of its own, see `trainer.build`.
        seeds: number of seeds, all in one program.
        steps: updates of every arm; pass a `FieldReference` where schedules need the same number.
        evaluate_every: updates between evaluations, each of which is also a checkpoint.
        metric: the metric shown first.
        expect: claims, see `verdict.judge`.
        log_scale: metrics plotted on a logarithmic axis.
        checkpoint: directory of a Hugging Face checkpoint.
        devices: where to compute, see `devices.layout`; results do not depend on it.
        keep: which checkpoints stay: the `last` n, those at multiples of `every`, and the one with the `best` metric ("higher"
            or "lower", "" for none).

    The entry `branch`, which `algax run --branch` sets, is where a run goes on from, see `branch.parse`.
    """
    entries = {**locals(), "devices": {**DEVICES, **devices}, "keep": {**KEEP, **keep}}
    config = ConfigDict({**_fresh(entries), "checkpoint": placeholder(str), "branch": placeholder(str)})
    config.checkpoint = checkpoint
    if model == HUGGING_FACE:
        load_model(config)
    return config


def claims(*entries: tuple[str, str, str, str, float]) -> list[dict]:
    """Claims about the end of a run, from (metric, arm, direction, against, least) each; see `verdict.judge`."""
    fields = ("metric", "arm", "direction", "against", "least")
    return [dict(zip(fields, entry, strict=True), at="final") for entry in entries]


def answered(
    experiment: str,
    paper: str,
    claim: str,
    task: str,
    methods: Sequence[str],
    expect: Sequence[tuple[str, str, str, str, float]],
    *,
    seeds: int = 8,
    model: Mapping = NO_MODEL,
) -> ConfigDict:
    """A comparison of methods that answer at once, see `tasks.answers`: one step of rate 1 makes the answer the parameters."""
    step = {"loss": {"name": "supervised.squared_error"}, "optimizer": [{"name": "optax.sgd", "learning_rate": 1.0}]}
    return comparison(
        experiment=experiment,
        paper=paper,
        claim=claim,
        task={"name": f"tasks.{task}", "method": methods[0]},
        model=model,
        arms={method: {**step, "task": {"method": method}} for method in methods},
        seeds=seeds,
        steps=1,
        evaluate_every=1,
        metric=expect[0][0],
        expect=claims(*expect),
    )


def load_model(config: ConfigDict) -> None:
    """Makes the model of a config that of the checkpoint at `config.checkpoint`, whatever that is later set to."""
    spec = {"name": "tasks.pretrained", "directory": config.get_ref("checkpoint"), "param_dtype": "float32", "dtype": "float32"}
    with config.ignore_type():
        config.model = ConfigDict(spec)


def _fresh(value):
    """Copies mappings and sequences, so that no two entries of a config share one that an override would change."""
    if isinstance(value, Mapping):
        return {name: _fresh(entry) for name, entry in value.items()}
    return [_fresh(entry) for entry in value] if isinstance(value, list | tuple) else value


def plain(config: ConfigDict) -> dict:
    """The config as plain JSON values, references replaced by what they refer to."""
    return json.loads(config.to_json())


def choose(variants: Mapping[str, Callable[[], ConfigDict]], variant: str) -> ConfigDict:
    """The config of one variant of a room.

    Raises:
        ValueError: for an unknown variant.
    """
    if variant not in variants:
        raise ValueError(f"unknown experiment {variant!r}: {nearest(variant, list(variants))}")
    return variants[variant]()


@functools.cache
def rooms() -> tuple[str, ...]:
    """The rooms that have experiments."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def module(room: str):
    """The config module of a room.

    Raises:
        ValueError: for a room without experiments.
    """
    if room not in rooms():
        raise ValueError(f"no experiments for room {room!r}: {nearest(room, rooms())}")
    return importlib.import_module(f"{__name__}.{room}")


def names() -> list[str]:
    """All experiments as `ROOM/ID`."""
    return [f"{room}/{variant}" for room in rooms() for variant in module(room).VARIANTS]


def load(name: str) -> ConfigDict:
    """The config of an experiment `ROOM/ID`.

    Raises:
        ValueError: for an unknown experiment, with the nearest names.
    """
    if name not in names():
        raise ValueError(f"unknown experiment {name!r}: {nearest(name, names())}")
    room, variant = name.split("/")
    return module(room).get_config(variant)


def description(name: str) -> str:
    """What an experiment `ROOM/ID` compares, what to expect, and what was found where that did not come out."""
    room, variant = name.split("/")
    return inspect.getdoc(module(room).VARIANTS[variant]) or ""


def check(config: Mapping) -> None:
    """Raises ValueError where the numbers or the claims of a config are wrong."""
    for field in ("seeds", "steps", "evaluate_every"):
        if config[field] < 1:
            raise ValueError(f"config.{field} must be at least 1; got {config[field]}")
    if unknown := sorted(set(config["keep"]) - set(KEEP)):
        raise ValueError(f"config.keep has no entry {unknown[0]!r}; known: {', '.join(KEEP)}")
    if config["keep"]["last"] < 1 or config["keep"]["every"] < 0:
        raise ValueError(f"config.keep.last must be at least 1 and every at least 0; got {config['keep']}")
    if config["keep"]["best"] not in ("", "higher", "lower"):
        raise ValueError(f"config.keep.best must be 'higher', 'lower' or empty; got {config['keep']['best']!r}")
    loaded = config["model"]["name"] == "tasks.pretrained"
    if config["checkpoint"] and not loaded:
        raise ValueError(f"config.checkpoint={config['checkpoint']} needs config.model={HUGGING_FACE}")
    if loaded and config["task"]["name"] not in TASKS_OF_CHECKPOINTS:
        raise ValueError(f"{config['task']['name']} takes no loaded model; those that do: {', '.join(TASKS_OF_CHECKPOINTS)}")
    for claim in config["expect"]:
        verdict.check_claim(claim, list(config["arms"]))
