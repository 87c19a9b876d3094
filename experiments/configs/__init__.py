"""Configs of experiments: `ROOM.py` holds the room's comparisons, `get_config(variant)` builds one."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence

from ml_collections import ConfigDict, FieldReference

from algax.experiments import verdict
from algax.experiments.resolve import nearest


def comparison(
    *,
    experiment: str,
    paper: str,
    claim: str,
    task: Mapping,
    model: Mapping,
    arms: Mapping[str, Mapping],
    seeds: int,
    steps: int | FieldReference,
    evaluate_every: int,
    metric: str,
    expect: Sequence[Mapping],
    log_scale: Sequence[str] = (),
) -> ConfigDict:
    """A comparison of arms on a task.

    Args:
        experiment: `ROOM/ID`.
        paper: authors, year and arXiv number.
        claim: what the paper says, in one sentence.
        task: spec of a task; receives the model as its option `model`.
        model: spec of a model.
        arms: per arm `{"loss": spec or list of specs, "optimizer": list of specs}`.
        seeds: number of seeds, all in one program.
        steps: updates of every arm; pass a `FieldReference` where schedules need the same number.
        evaluate_every: updates between evaluations, each of which is also a checkpoint.
        metric: the metric shown first.
        expect: claims, see `verdict.judge`.
        log_scale: metrics plotted on a logarithmic axis.
    """
    return ConfigDict(_fresh(dict(locals())))


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


def rooms() -> list[str]:
    """The rooms that have experiments."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


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


def check(config: Mapping) -> None:
    """Raises ValueError where the numbers or the claims of a config are wrong."""
    for field in ("seeds", "steps", "evaluate_every"):
        if config[field] < 1:
            raise ValueError(f"config.{field} must be at least 1; got {config[field]}")
    for claim in config["expect"]:
        verdict.check_claim(claim, list(config["arms"]))
