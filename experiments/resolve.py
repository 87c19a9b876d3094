"""Turn a config's specs into objects by their public names.

A spec is a mapping with the key `name` and the callable's options: `{"name": "policy.grpo", "clip": 0.2}` is
`algax.policy.grpo(clip=0.2)`. Specs nest, so a schedule is an option of an optimizer. The first part of a name is a
room of `algax`, or one of `algax`, `models`, `tasks` and `optax`.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import optax

import algax
from algax.experiments import guard

ROOTS = {
    "algax": "algax",
    "models": "algax.models",
    "tasks": "algax.experiments.tasks",
    "optax": "optax",
}
ARM_OPTIONS = ("loss", "optimizer", "task", "model")


def nearest(name: str, names: Sequence[str]) -> str:
    """The end of an error message: the names closest to `name`, or all of them when nothing is close."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {', '.join(map(repr, close))}?"
    return f"known: {', '.join(map(repr, sorted(names)))}"


def public_names(module: ModuleType) -> list[str]:
    """The names a module offers: its `__all__`, else everything without a leading underscore."""
    return list(getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")])


def rooms() -> list[str]:
    """The first parts a name may have."""
    packages = {module.name for module in pkgutil.iter_modules(algax.__path__) if module.ispkg}
    return sorted({*ROOTS, *packages} - {"core", "experiments"})


def lookup(name: str) -> Any:
    """The object with a dotted public name, e.g. `"schedules.rex"` or `"optax.adamw"`.

    Raises:
        ValueError: if a part of the name is unknown; the message says which and gives the nearest names.
    """
    if not isinstance(name, str) or "." not in name:
        raise ValueError(f"a spec's name must be ROOM.NAME with ROOM one of {', '.join(rooms())}; got {name!r}")
    root, *parts = name.split(".")
    if root not in rooms():
        raise ValueError(f"unknown room {root!r} in {name!r}: {nearest(root, rooms())}")
    found = importlib.import_module(ROOTS.get(root, f"algax.{root}"))
    for part in parts:
        if part.startswith("_") or not hasattr(found, part):
            names = public_names(found) if inspect.ismodule(found) else []
            raise ValueError(f"unknown name {part!r} in {name!r}: {nearest(part, names)}")
        found = getattr(found, part)
    return found


def check_options(name: str, function: Any, options: Mapping[str, Any]) -> None:
    """Raises ValueError where `options` do not fit the signature of `function`."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]
    for option in options:
        if option not in names:
            raise ValueError(f"{name} has no option {option!r}: {nearest(option, names)}")
    for parameter in parameters:
        required = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if required and parameter.name not in options:
            raise ValueError(f"{name} needs the option {parameter.name!r}")


def resolve(spec: Any) -> Any:
    """The object a spec describes: mappings with a `name` are called, other values are returned as they are.

    Raises:
        ValueError: for an unknown name, an unknown or missing option, or a value the callable refuses.
    """
    if isinstance(spec, Mapping):
        if "name" not in spec:
            return {key: resolve(value) for key, value in spec.items()}
        function = lookup(spec["name"])
        options = {key: resolve(value) for key, value in spec.items() if key != "name"}
        check_options(spec["name"], function, options)
        try:
            return function(**options)
        except TypeError as error:
            raise ValueError(f"{spec['name']}: {error}") from error
    if isinstance(spec, list | tuple):
        return tuple(resolve(value) for value in spec)
    return spec


def loss(spec: Mapping | Sequence) -> Any:
    """The loss of an arm: one spec, or a list of specs joined by `algax.chain`."""
    if isinstance(spec, Mapping):
        return resolve(spec)
    return algax.chain(*resolve(spec))


def arm(spec: Mapping, forward: Any, axis_name: str | None = None) -> optax.GradientTransformationExtraArgs:
    """The training step of an arm: `optax.chain(algax.gradient(loss, forward), *optimizer)`, guarded, see `guard.guarded`.

    Args:
        spec: `{"loss": spec or list of specs, "optimizer": list of specs}`; what it says of task and model is not for here.
        forward: `forward(params, terms, key) -> terms`, from the task.
        axis_name: the mapped axis under `pmap`.

    Raises:
        ValueError: for other keys, and wherever `resolve` does.
    """
    for key in spec:
        if key not in ARM_OPTIONS:
            raise ValueError(f"an arm has no option {key!r}: {nearest(key, ARM_OPTIONS)}")
    for key in ("loss", "optimizer"):
        if not spec.get(key):
            raise ValueError(f"an arm needs {key!r}")
    if isinstance(spec["optimizer"], Mapping):
        raise ValueError("an arm's 'optimizer' must be a list of specs; got one mapping")
    gradient = algax.gradient(guard.with_loss_parts(loss(spec["loss"])), forward, axis_name=axis_name)
    return guard.guarded(gradient, optax.chain(*resolve(spec["optimizer"])))
